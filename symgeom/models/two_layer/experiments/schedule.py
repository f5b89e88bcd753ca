"""How long descents of the experiments are, and when they are recorded."""

import numpy as np

RECORDS = 60
"""Steps at which a long descent is recorded, about."""


def geometric_records(steps: int) -> list[int]:
    """Return steps that are about geometrically spaced, the first and the last one among them.

    Parameters
    ----------
    steps : int
        The last one.

    Returns
    -------
    list of int
        Increasing, from 0 on.

    Examples
    --------
    >>> geometric_records(3)
    [0, 1, 2, 3]
    """
    spaced = np.geomspace(1, steps, RECORDS).round().astype(int)
    return sorted({0, *spaced.tolist()})


def slowness(activation: str) -> int:
    """Return how many times as many steps as the others an activation takes.

    Parameters
    ----------
    activation : str
        Its name.

    Returns
    -------
    int
        2 for the sigmoid.

    Examples
    --------
    >>> slowness("sigmoid"), slowness("relu")
    (2, 1)
    """
    return 2 if activation == "sigmoid" else 1
