"""What several descents observed, as named arrays."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from symgeom.models.labels import LabelledArray

Meanings = Mapping[str, tuple[str, str]]
"""Unit and meaning of what is observed, by its name."""


def gathered(
    runs: Sequence[Mapping[str, Tensor]],
    meanings: Meanings,
    *,
    dimensions: tuple[str, ...],
    networks: tuple[int, ...],
) -> dict[str, LabelledArray]:
    """Return what several descents of the same networks observed.

    Parameters
    ----------
    runs : sequence of mapping
        What each descent observed, over networks first.
    meanings : mapping of str to (str, str)
        Unit and meaning of what is taken.
    dimensions : tuple of str
        Names of the axes: of the descents, of the networks, and what follows.
    networks : tuple of int
        Into which axes the networks are unfolded.

    Returns
    -------
    dict of str to LabelledArray
        By name.

    Examples
    --------
    >>> runs = [{"norm": torch.ones(6, 4)}] * 2
    >>> axes = ("descent", "split", "draw", "record")
    >>> array = gathered(runs, {"norm": ("1", "norm")}, dimensions=axes, networks=(2, 3))["norm"]
    >>> array.values.shape
    (2, 2, 3, 4)
    """
    arrays = {}
    for name, (unit, meaning) in meanings.items():
        values = torch.stack([run[name] for run in runs])
        unfolded = values.unflatten(1, networks).numpy()
        arrays[name] = LabelledArray(dimensions, unfolded, unit, meaning)
    return arrays
