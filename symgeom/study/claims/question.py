"""A question: the statistic that decides a claim, with the networks over which it is resampled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgeom.study.claims.bootstrap import Statistic, Strata
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.selection import Selection


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of the data.

    Attributes
    ----------
    statistic : callable
        From the multiplicities of the networks (resample, network) to one number per resample.
    strata : sequence of str, shape (network,)
        The arm of each network.
    sizes : mapping of str to int
        How many units each side has.
    left_out : sequence of str
        What was left out, by name.
    trials : tuple of (successes, n), optional
        For a fraction. If all trials agree, so do all resamples, and the bootstrap interval has no
        width, whatever their number; it is therefore widened to hold Clopper and Pearson's interval
        of as many independent trials.
    """

    statistic: Statistic
    strata: Strata
    sizes: Mapping[str, int]
    left_out: Sequence[str]
    trials: tuple[int, int] | None = None


def ask_mean(selection: Selection, side: str) -> Question:
    """Ask for the mean over all units of a selection.

    Parameters
    ----------
    selection : Selection
        Minima or pairs, with one column.
    side : str
        What the selection is, for the note.

    Returns
    -------
    Question
        The mean.
    """
    all_units = np.ones(len(selection.values), dtype=bool)

    def average(counts: NDArray) -> NDArray:
        return selection.mean_of(all_units, counts)[:, 0]

    sizes = {side: len(all_units)}
    return Question(average, selection.strata, sizes, selection.left_out)


def ask_difference(
    selection: Selection, measured: Measured, *, first: str, second: str
) -> Question:
    """Ask for the mean over one role's units minus the mean over another's.

    Parameters
    ----------
    selection : Selection
        Minima, or pairs (of which those within an arm are used), with one column.
    measured : Measured
        With the arms of each role.
    first, second : str
        The two roles.

    Returns
    -------
    Question
        The difference of the means.
    """
    sides = {}
    for role in (first, second):
        sides[measured.named(role)] = selection.within(measured.arms(role))
    return ask_contrast(selection, sides)


def ask_contrast(selection: Selection, sides: Mapping[str, NDArray[np.bool_]]) -> Question:
    """Ask for the mean over some units minus the mean over others.

    Parameters
    ----------
    selection : Selection
        Minima or pairs, with one column.
    sides : mapping of str to array of bool, shape (unit,)
        Two names, and the units of each.

    Returns
    -------
    Question
        The difference of the means, first minus second.
    """
    first, second = sides.values()

    def difference(counts: NDArray) -> NDArray:
        first_mean = selection.mean_of(first, counts)
        second_mean = selection.mean_of(second, counts)
        return (first_mean - second_mean)[:, 0]

    sizes = {name: int(units.sum()) for name, units in sides.items()}
    return Question(difference, selection.strata, sizes, selection.left_out)
