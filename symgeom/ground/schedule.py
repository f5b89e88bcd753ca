"""The cosine schedule of learning rates."""

import math


def cosine_decay(progress: float) -> float:
    """Return the factor of a learning rate that follows half a cosine from 1 to 0.

    Parameters
    ----------
    progress : float
        Share of the training that is done, from 0 to 1.

    Returns
    -------
    float
        ``(1 + cos(pi progress)) / 2``.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (1608.03983),
    equation 5 with ``eta_min = 0``, without restarts.

    Examples
    --------
    >>> [cosine_decay(progress) for progress in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    return 0.5 * (1 + math.cos(math.pi * progress))
