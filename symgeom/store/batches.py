"""Join the batches of a stage, so that it does not matter how it was split into jobs."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from symgeom.ground.checks import SymgeomError
from symgeom.store.joined import joined
from symgeom.store.layout import with_string_type

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

LISTED = ("pair", "plane")
"""Dimensions that are a list of things; a stage without one lies along arms and seeds."""

FILL = {"b": False, "U": ""}
"""What stands in a gap, by the kind of the array: flags and text; in numbers it is NaN."""


def join_batches(
    batches: Sequence[xr.Dataset], names: Sequence[str], *, folder: str, lazy: bool
) -> xr.Dataset:
    """Join the batches of a stage along what they list, and sort them by their labels.

    Parameters
    ----------
    batches : sequence of xr.Dataset
        At least one.
    names : sequence of str
        Of their files, for the message.
    folder : str
        Where the files lie, for the message.
    lazy : bool
        Whether the numbers of the batches are not to be read.

    Returns
    -------
    xr.Dataset
        The stage.

    Raises
    ------
    SymgeomError
        If the batches contradict each other.

    Examples
    --------
    >>> first = xr.Dataset({"loss": ("pair", [0.5])}, {"number": ("pair", [1])}, {"seeds": [0]})
    >>> second = xr.Dataset({"loss": ("pair", [0.1])}, {"number": ("pair", [0])}, {"seeds": [1]})
    >>> stage = join_batches([first, second], ["0", "1"], folder="barriers", lazy=False)
    >>> stage.loss.values.tolist(), stage.attrs["seeds"]
    ([0.1, 0.5], [0, 1])
    """
    try:
        for dim in LISTED:
            if dim in batches[0].dims:
                return _sorted(_concatenated(batches, dim, lazy=lazy), dim)
        return _joined_minima(batches, lazy=lazy)
    except ValueError as error:
        raise SymgeomError(
            f"Cannot join the batches {list(names)} of '{folder}': {error} Some are of an earlier "
            "configuration: run snakemake to its end, which makes them again, or delete that "
            "folder and run it then."
        ) from error


def _joined_minima(batches: Sequence[xr.Dataset], *, lazy: bool) -> xr.Dataset:
    """Join batches of the same arms along their seeds, then all along arms."""
    by_arms: dict[tuple[str, ...], list[xr.Dataset]] = {}
    for batch in batches:
        arms = tuple(batch["arm"].values.tolist()) if "arm" in batch.dims else ()
        by_arms.setdefault(arms, []).append(batch)
    rows = [_concatenated(row, "seed", lazy=lazy) for row in by_arms.values()]
    stage = _concatenated(rows, "arm", lazy=lazy)
    return _sorted(_sorted(stage, "seed"), "arm")


def _sorted(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Sort by the labels along a dimension, in the order of their names."""
    columns: list[np.ndarray] = []
    for _, coordinate in sorted(dataset.coords.items()):
        if dim in coordinate.dims:
            labels = coordinate.transpose(dim, ...).values
            columns.extend(labels.reshape(len(labels), math.prod(labels.shape[1:])).T)
    if not columns:
        return dataset
    order = np.lexsort(columns[::-1])
    is_sorted = bool((np.diff(order) == 1).all())
    return dataset if is_sorted else dataset.isel({dim: order})


def _concatenated(batches: Sequence[xr.Dataset], dim: str, *, lazy: bool) -> xr.Dataset:
    """Concatenate along a dimension; variables without it must agree."""
    if len(batches) == 1:
        return batches[0]
    if not all(dim in batch.dims for batch in batches):
        raise ValueError(f"A batch has no dimension '{dim}'.")
    names = list(dict.fromkeys(name for batch in batches for name in batch.data_vars))
    unread = joined(batches, dim) if lazy else {}
    rest = [batch.drop_vars(unread) for batch in batches]
    whole = xr.concat(
        rest,
        dim,
        data_vars="minimal",
        coords="minimal",
        compat="equals",
        join="outer",
        fill_value=_fill_values(rest),
        combine_attrs="drop_conflicts",
    )
    _check_labels_differ(whole, dim)
    whole = with_string_type(whole.assign_attrs(seeds=_seeds(batches)), str)
    if unread:
        return whole.assign(unread)[names]
    return whole


def _fill_values(batches: Sequence[xr.Dataset]) -> dict[Hashable, object]:
    """Return what stands in the gaps of flags and text."""
    fill: dict[Hashable, object] = {}
    for batch in batches:
        for name, variable in batch.variables.items():
            if variable.dtype.kind in FILL:
                fill[name] = FILL[variable.dtype.kind]
    return fill


def _check_labels_differ(dataset: xr.Dataset, dim: str) -> None:
    """Raise if two entries along a dimension have the same labels."""
    columns = []
    for coordinate in dataset.coords.values():
        if coordinate.dims == (dim,):
            columns.append(coordinate.values.tolist())
    counts = Counter(zip(*columns, strict=True))
    for label, count in counts.items():
        if count > 1:
            raise ValueError(f"{dim} {', '.join(map(str, label))} is there more than once.")


def _seeds(batches: Sequence[xr.Dataset]) -> list[int]:
    """Return the seeds that any of the batches comes from."""
    seeds: set[int] = set()
    for batch in batches:
        seeds.update(batch.attrs["seeds"])
    return sorted(seeds)
