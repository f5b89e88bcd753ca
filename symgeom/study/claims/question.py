"""A question: the statistic that decides a claim, with the networks of which it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgeom.study.claims.evidence import Evidence
from symgeom.study.claims.jackknife import Strata, leave_one_out, student
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.selection import Selection


@dataclass(frozen=True)
class Answer:
    """What the data say.

    Attributes
    ----------
    evidence : Evidence
        The estimate, and how far it can be trusted.
    remark : str
        What the note of the claim says of it ("by arm: ...").
    threshold : float, optional
        Where the threshold of the claim depends on the data.
    """

    evidence: Evidence
    remark: str = ""
    threshold: float | None = None


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of the data.

    Attributes
    ----------
    answer : callable
        Computes the answer; it is called if there are enough data.
    strata : sequence of str, shape (network,)
        The arm of each network that has a part in it.
    sizes : mapping of str to int
        How many units each side has.
    left_out : sequence of str
        What was left out, by name.
    """

    answer: Callable[[], Answer]
    strata: Strata
    sizes: Mapping[str, int]
    left_out: Sequence[str]


def ask_mean(selection: Selection, side: str) -> Question:
    """Ask for the mean over all units of a selection.

    Parameters
    ----------
    selection : Selection
        Minima, pairs or triples of one arm, or of arms of different roles, with one column.
    side : str
        What the selection is, for the note.

    Returns
    -------
    Question
        The mean.
    """
    all_units = np.ones(len(selection.values), dtype=bool)

    def average() -> Answer:
        counts = leave_one_out(len(selection.strata))
        means = selection.mean_of(all_units, counts)
        return Answer(student(means[:, 0], selection.strata))

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

    def difference() -> Answer:
        counts = leave_one_out(len(selection.strata))
        first_mean = selection.mean_of(first, counts)
        second_mean = selection.mean_of(second, counts)
        return Answer(student((first_mean - second_mean)[:, 0], selection.strata))

    sizes = {name: int(units.sum()) for name, units in sides.items()}
    return Question(difference, selection.strata, sizes, selection.left_out)
