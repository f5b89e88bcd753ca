"""What an ensemble of this geometry buys: every score of every kind of ensemble, with intervals.

Where :mod:`symgeom.study.claims.ensembles` and :mod:`symgeom.study.claims.robustness` ask
questions, this table only describes: one row per case, arm, kind and score, at the scale, the
attack and the budget that claims are about. Beside each mean stands its difference from the minima
alone. All ensembles predict at the cost of as many networks; how many had to be trained is in the
row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from symgeom.ground.whole_files import write_rows
from symgeom.study.claims.groups import SINGLE, STAGE, compared, select_groups
from symgeom.study.claims.intervals import bounds_of_mean
from symgeom.study.claims.jackknife import LEVEL
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.selection import Selection

COLUMNS = (
    "case",
    "arm",
    "kind",
    "title",
    "minima",
    "members",
    "score",
    "mean",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "level",
    "groups",
)
"""Columns of the table."""

SCORES = {
    "error": ("error", ""),
    "vote_error": ("vote_error", ""),
    "member_error": ("member_error", ""),
    "loss": ("loss", ""),
    "calibration_error": ("calibration_error", ""),
    "disagreement": ("disagreement", ""),
    "attacked_error": ("attacked_error", ""),
    "robust_error_aimed": ("robust_error", "aimed"),
    "robust_error_transferred": ("robust_error", "transferred"),
    "robust_error": ("robust_error", "either"),
    "corrupted_error": ("corrupted_error", ""),
}
"""Every score that the table has: its variable, and at what an attack was aimed."""


def ensemble_intervals(measured: Measured, *, case: str = "", level: float = LEVEL) -> list[dict]:
    """Summarise the ensembles of a case.

    Parameters
    ----------
    measured : Measured
        With the stage "neighbours", if there is one.
    case : str
        Name of the case, written into every row.
    level : float
        Coverage of the intervals.

    Returns
    -------
    list of dict
        Rows under :data:`COLUMNS`; none of what was not measured. The ends of an interval are NaN
        where a network cannot be left out.
    """
    rows: list[dict] = []
    if STAGE not in measured.stages:
        return rows
    stage = measured.stages[STAGE]
    for arm in stage["arm"].values.tolist():
        for kind in stage["kind"].values.tolist():
            for name, (variable, aim) in SCORES.items():
                if variable not in stage:
                    continue
                score = compared(stage, variable, aim=aim)
                groups = select_groups(score, stage, measured.minima, arm, (kind, SINGLE))
                if len(groups.values):
                    labels = {"case": case, "arm": arm, "kind": kind, "score": name}
                    numbers = bounds_of_groups(groups, level)
                    rows.append({**labels, **_about(stage, kind), **numbers, "level": level})
    return rows


def _about(stage: xr.Dataset, kind: str) -> dict[str, object]:
    """Say what an ensemble costs."""
    members = 1 if kind == SINGLE else int(stage.attrs["members"])
    return {
        "title": stage["kind_title"].sel(kind=kind).item(),
        "minima": int(stage["minima"].sel(kind=kind)),
        "members": members,
    }


def bounds_of_groups(groups: Selection, level: float) -> dict[str, float]:
    """Return the mean of a score, its difference from the minima alone, and their intervals.

    Parameters
    ----------
    groups : Selection
        With the columns of a kind and of the minima alone.
    level : float
        Coverage of the intervals.

    Returns
    -------
    dict of str to float
        ``mean``, ``low``, ``high``, ``difference``, ``difference_low``, ``difference_high`` and the
        number of ``groups``.
    """
    tail = (1 - level) / 2
    everything = np.ones(len(groups.values), dtype=bool)
    of_kind = groups.values[:, :1]
    of_mean = bounds_of_mean(replace(groups, values=of_kind), everything, tail)
    above = replace(groups, values=of_kind - groups.values[:, 1:])
    of_difference = bounds_of_mean(above, everything, tail)
    bounds = dict(zip(("mean", "low", "high"), of_mean, strict=True))
    names = ("difference", "difference_low", "difference_high")
    bounds |= dict(zip(names, of_difference, strict=True))
    return bounds | {"groups": len(groups.values)}


def write_ensembles(path: str | Path, rows: Iterable[Mapping]) -> bytes:
    """Write the table of ensembles as CSV; numbers keep all their digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    rows : iterable of mapping
        As from :func:`ensemble_intervals`.

    Returns
    -------
    bytes
        What the file holds.
    """
    return write_rows(path, COLUMNS, rows)
