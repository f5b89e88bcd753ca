"""Barriers with intervals: the mean barrier of every kind of path between minima of every two arms.

Where :mod:`symgeom.study.claims.evaluate` asks questions, this table only describes: one row per
case, two arms, kind of path and part of the data, with the interval of the jackknife over networks
(pairs share networks).
"""

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.ground.whole_files import write_rows
from symgeom.study.claims.jackknife import LEVEL, leave_one_out, student
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
    "loss_mean",
    "loss_low",
    "loss_high",
    "level",
    "pairs",
)
"""Columns of the table of barriers.

Those of the error are fractions of the samples, those of the loss are in nats.
"""


def barrier_intervals(
    paths: xr.Dataset,
    minima: xr.Dataset,
    *,
    case: str = "",
    level: float = LEVEL,
) -> list[dict]:
    """Summarise the barriers of a case.

    Parameters
    ----------
    paths, minima : xr.Dataset
        With ``barrier(pair, variant, split)``, ``loss_barrier``, too, and ``usable(arm, seed)``.
    case : str
        Name of the case, written into every row.
    level : float
        Coverage of the intervals.

    Returns
    -------
    list of dict
        Rows under :data:`COLUMNS`; the ends of an interval are NaN where a kind has fewer than two
        pairs, or no arm two networks.
    """
    barrier = paths["barrier"]
    tail = (1 - level) / 2
    rows = []
    for variant, split in product(barrier["variant"].values, barrier["split"].values):
        # Selected column by column: most kinds are measured within arms only.
        kind = paths.sel(variant=variant, split=split)
        errors = select_pairs(kind["barrier"], minima)
        losses = select_pairs(kind["loss_barrier"], minima)
        for first, second in sorted(set(map(tuple, _arms(errors).tolist()))):
            of_arms = (_arms(errors) == (first, second)).all(axis=1)
            mean, low, high = bounds_of_mean(errors, of_arms, tail)
            with_loss = (_arms(losses) == (first, second)).all(axis=1)
            loss_mean, loss_low, loss_high = bounds_of_mean(losses, with_loss, tail)
            row = {
                "case": case,
                "first_arm": first,
                "second_arm": second,
                "variant": str(variant),
                "split": str(split),
                "mean": mean,
                "low": low,
                "high": high,
                "loss_mean": loss_mean,
                "loss_low": loss_low,
                "loss_high": loss_high,
                "level": level,
                "pairs": int(of_arms.sum()),
            }
            rows.append(row)
    return sorted(rows, key=_arms_of_row)


def _arms(selection: Selection) -> NDArray[np.str_]:
    """Return the sorted arms of every pair, shape (pair, 2)."""
    return np.sort(selection.strata[selection.members], axis=1)


def _arms_of_row(row: Mapping[str, object]) -> tuple[object, object]:
    return row["first_arm"], row["second_arm"]


def bounds_of_mean(
    selection: Selection, pairs: NDArray[np.bool_], tail: float
) -> tuple[float, float, float]:
    """Return the mean over some pairs, and its interval.

    Parameters
    ----------
    selection : Selection
        With one column.
    pairs : array of bool, shape (unit,)
        Which pairs.
    tail : float
        With what probability the interval is exceeded on either side.

    Returns
    -------
    mean, low, high : float
        The ends are NaN with fewer than two pairs, or where no arm has two networks; without any
        pair all are.
    """
    if not pairs.any():
        return np.nan, np.nan, np.nan
    networks = np.unique(selection.members[pairs])
    strata = selection.strata[networks]
    members = np.searchsorted(networks, selection.members[pairs])
    part = Selection(strata, members, selection.values[pairs], ())
    no_arm_has_two = len(set(strata)) == len(strata)
    if len(members) < 2 or no_arm_has_two:
        return float(part.values.mean()), np.nan, np.nan
    all_pairs = np.ones(len(members), dtype=bool)
    means = part.mean_of(all_pairs, leave_one_out(len(strata)))
    average = student(means[:, 0], strata)
    return average.estimate, average.low(tail), average.high(tail)


def write_barriers(path: str | Path, rows: Iterable[Mapping]) -> bytes:
    """Write the table of barriers as CSV; numbers keep all their digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    rows : iterable of mapping
        As from :func:`barrier_intervals`.

    Returns
    -------
    bytes
        What the file holds.
    """
    return write_rows(path, COLUMNS, rows)
