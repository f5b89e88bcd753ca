"""Questions that are asked of draws: of models whose weights and data are drawn several times."""

from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.evidence import Evidence, Largest, Student
from symgeom.study.claims.jackknife import leave_one_out, mean, student
from symgeom.study.claims.question import Answer, Question, ask_mean
from symgeom.study.claims.selection import Selection

DRAW = "draw"
"""The axis of draws."""


def ask_mean_of_draws(values: xr.DataArray) -> Question:
    """Ask for the mean over draws.

    Parameters
    ----------
    values : xr.DataArray, dims (draw)
        One number per draw, NaN for one that diverged.

    Returns
    -------
    Question
        The mean.
    """
    table, left_out = _of_draws(values)
    members = np.arange(len(table))[:, None]
    selection = Selection(_strata(table), members, table, left_out)
    return ask_mean(selection, "the model")


def ask_largest_deviation(deviations: xr.DataArray) -> Question:
    """Ask for the largest deviation of several settings from what is predicted of each.

    The deviation of a setting is the size of its mean over draws.

    Parameters
    ----------
    deviations : xr.DataArray, dims (draw, ...)
        Differences from the predictions; NaN for a draw that diverged, and throughout for a setting
        that does not exist.

    Returns
    -------
    Question
        The largest; it is small if all are, and large if one of them is.
    """
    table, left_out = _of_draws(deviations)
    sizes = {"the model": len(table)}
    return Question(partial(_largest, table), _strata(table), sizes, left_out)


def _of_draws(values: xr.DataArray) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the draws that are finite, shape (draw, setting), and the names of the others."""
    rows = values.transpose(DRAW, ...).values.reshape(values.sizes[DRAW], -1)
    exists = ~np.isnan(rows).all(0)
    settings = rows[:, exists]
    finite = np.isfinite(settings).all(1)
    names = tuple(f"draw {draw} (diverged)" for draw in np.flatnonzero(~finite))
    return settings[finite], names


def _strata(table: NDArray) -> NDArray[np.str_]:
    """Return the name of the model, once for every draw."""
    return np.repeat("noise_models", len(table))


def _largest(table: NDArray) -> Answer:
    """Return the largest size of the means over draws."""
    means = mean(table, leave_one_out(len(table)))
    sizes: list[Evidence] = []
    for column in means.T:
        signed = student(column, _strata(table))
        sizes.append(Student(abs(signed.estimate), signed.error, signed.freedom))
    return Answer(Largest(sizes))
