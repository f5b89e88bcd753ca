"""Barriers with intervals: the mean barrier of every kind of path between minima of every two arms.

Where :mod:`symgeom.claims.evaluate` asks questions, this table only describes: one row per case, two arms, kind of path and part
of the data, with the interval of the node bootstrap (pairs share networks).
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.claims.bootstrap import LEVEL, RESAMPLES, interval, numpy_stream
from symgeom.claims.selection import Selection, select_pairs

COLUMNS = ("case", "first_arm", "second_arm", "variant", "split", "mean", "low", "high", "level", "pairs")
"""Columns of the table of barriers; barriers are fractions of the samples."""


def barrier_intervals(
    paths: xr.Dataset, minima: xr.Dataset, *, case: str = "", level: float = LEVEL, resamples: int = RESAMPLES
) -> list[dict]:
    """Summarise the barriers of a case.

    Parameters
    ----------
    paths, minima : xr.Dataset
        With ``barrier(pair, variant, split)`` and ``usable(arm, seed)``.
    case : str
        Name of the case, written into every row.
    level : float
        Coverage of the intervals.
    resamples : int
        How many bootstrap resamples.

    Returns
    -------
    list of dict
        Rows under :data:`COLUMNS`; the ends of an interval are NaN where a kind has fewer than two pairs, or no arm two networks.
    """
    columns = paths["barrier"].stack(column=("variant", "split"))
    labels, selection = [tuple(map(str, label)) for label in columns["column"].values], select_pairs(columns, minima)
    ends = np.sort(selection.strata[selection.members], axis=1)
    rows = []
    for first, second in sorted(set(map(tuple, ends.tolist()))):
        chosen = (ends == (first, second)).all(axis=1)
        bounds = _bounds(selection, chosen, (case, first, second), level=level, resamples=resamples)
        for (variant, split), (mean, low, high) in zip(labels, bounds, strict=True):
            words = {"case": case, "first_arm": first, "second_arm": second, "variant": variant, "split": split}
            rows.append(words | {"mean": mean, "low": low, "high": high, "level": level, "pairs": int(chosen.sum())})
    return rows


def _bounds(
    selection: Selection, chosen: NDArray, words: tuple[str, ...], *, level: float, resamples: int
) -> list[tuple[float, float, float]]:
    """Return mean, low and high of each column over some pairs."""
    inside = np.unique(selection.members[chosen])
    strata, places = selection.strata[inside], np.searchsorted(inside, selection.members[chosen])
    small = Selection(strata, places, selection.values[chosen], ())
    every = np.ones(len(places), dtype=bool)
    if len(places) < 2 or len(set(strata)) == len(strata):
        return [(float(mean), np.nan, np.nan) for mean in small.values.mean(0)]

    def bound(column: int) -> tuple[float, float, float]:
        generator = numpy_stream("barrier", *words)
        return interval(
            lambda counts: small.mean_of(every, counts)[:, column], strata, generator=generator, level=level, resamples=resamples
        )

    return [bound(column) for column in range(small.values.shape[1])]


def write_barriers(path: str | Path, rows: Iterable[Mapping]) -> None:
    """Write the table of barriers as CSV; numbers keep all their digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    rows : iterable of mapping
        As from :func:`barrier_intervals`.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
