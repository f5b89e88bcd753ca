"""Barriers with intervals: the mean barrier of every kind of path between minima of every two arms.

Where :mod:`symgeom.study.claims.evaluate` asks questions, this table only describes: one row per
case, two arms, kind of path and part of the data, with the interval of the node bootstrap (pairs
share networks).
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.ground.whole_files import whole
from symgeom.study.claims.bootstrap import LEVEL, RESAMPLES, interval, numpy_stream
from symgeom.study.claims.selection import Selection, select_pairs

COLUMNS = (
    "case",
    "first_arm",
    "second_arm",
    "variant",
    "split",
    "mean",
    "low",
    "high",
    "level",
    "pairs",
)
"""Columns of the table of barriers; barriers are fractions of the samples."""


def barrier_intervals(
    paths: xr.Dataset,
    minima: xr.Dataset,
    *,
    case: str = "",
    level: float = LEVEL,
    resamples: int = RESAMPLES,
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
        Rows under :data:`COLUMNS`; the ends of an interval are NaN where a kind has fewer than two
        pairs, or no arm two networks.
    """
    columns, rows = paths["barrier"].stack(column=("variant", "split")), []
    for place, (variant, split) in enumerate(columns["column"].values):
        selection = select_pairs(
            columns.isel(column=place), minima
        )  # of its own: most kinds are measured within arms only
        ends = np.sort(selection.strata[selection.members], axis=1)
        for first, second in sorted(set(map(tuple, ends.tolist()))):
            chosen = (ends == (first, second)).all(axis=1)
            mean, low, high = _bounds(
                selection, chosen, (case, first, second), level=level, resamples=resamples
            )
            words = {
                "case": case,
                "first_arm": first,
                "second_arm": second,
                "variant": str(variant),
                "split": str(split),
            }
            rows.append(
                words
                | {
                    "mean": mean,
                    "low": low,
                    "high": high,
                    "level": level,
                    "pairs": int(chosen.sum()),
                }
            )
    return sorted(rows, key=lambda row: (row["first_arm"], row["second_arm"]))


def _bounds(
    selection: Selection, chosen: NDArray, words: tuple[str, ...], *, level: float, resamples: int
) -> tuple[float, float, float]:
    """Return mean, low and high over some pairs."""
    inside = np.unique(selection.members[chosen])
    strata, places = selection.strata[inside], np.searchsorted(inside, selection.members[chosen])
    small = Selection(strata, places, selection.values[chosen], ())
    every = np.ones(len(places), dtype=bool)
    if len(places) < 2 or len(set(strata)) == len(strata):
        return float(small.values.mean()), np.nan, np.nan
    generator = numpy_stream("barrier", *words)
    return interval(
        lambda counts: small.mean_of(every, counts)[:, 0],
        strata,
        generator=generator,
        level=level,
        resamples=resamples,
    )


def write_barriers(path: str | Path, rows: Iterable[Mapping]) -> None:
    """Write the table of barriers as CSV; numbers keep all their digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    rows : iterable of mapping
        As from :func:`barrier_intervals`.
    """
    with whole(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
