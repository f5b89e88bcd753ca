r"""Rank correlations within arms, apart from those between arms.

Over all minima together, a rank correlation mixes two things: that arms differ in both measures,
and that the seeds of an arm do. Arms differ in many things at once, and there are few of them: with
arm effects that have nothing to do with each other, a pooled correlation of 30 minima of five arms
excludes zero in 42 % of the studies, where 5 % are nominal. A verdict therefore rests on the
correlation within arms alone: Spearman's coefficient of every arm, and their mean, in which every
arm counts the same. What lies between the arms is reported beside it.

**The interval.** The variance of an arm's coefficient is that of the jackknife
(:mod:`symgeom.study.claims.jackknife`), and at least :math:`1/(n - 1)`, the exact one of :math:`n`
values without correlation. That floor counts networks also where pairs are correlated, because a
pair of an arm is no more independent than its networks are. Without it, intervals of single arms
cover 65 to 93 %; with it 97 % and more, at any number of networks from 3 to 12, of minima and of
pairs. What it costs is power at high correlations.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from symgeom.study.claims.averages import ByArm, by_arm, subsets
from symgeom.study.claims.evidence import Student, Throughout
from symgeom.study.claims.jackknife import arm_variances, leave_one_out, standard_error
from symgeom.study.claims.question import Answer, Question
from symgeom.study.claims.selection import Selection


class Coefficient(Student):
    """A correlation, whose interval ends at -1 and 1."""

    def low(self, tail: float) -> float:
        """Return the lower end of an interval."""
        return float(np.clip(super().low(tail), -1, 1))

    def high(self, tail: float) -> float:
        """Return the upper end of an interval."""
        return float(np.clip(super().high(tail), -1, 1))


def ask_correlation(selection: Selection, side: str) -> Question:
    """Ask for the rank correlation of two measures within arms.

    Parameters
    ----------
    selection : Selection
        Minima, or pairs inside arms, with two columns.
    side : str
        What the selection is, for the note.

    Returns
    -------
    Question
        The mean over arms, which shall hold whichever arm is left out. The remark names the
        coefficient of every arm, and that between the means of the arms.
    """
    sorted_units = by_arm(selection)

    def correlation() -> Answer:
        return _answer(sorted_units)

    inside = sorted_units.selection
    sizes = {side: len(inside.values)}
    return Question(correlation, inside.strata, sizes, inside.left_out)


def _answer(sorted_units: ByArm) -> Answer:
    """Return the correlation within arms, with its parts in words."""
    parts = []
    words = []
    for arm, units in sorted_units.parts.items():
        part = _within(sorted_units.selection, units)
        if np.isfinite(part.estimate):
            parts.append(part)
            words.append(f"{arm} {part.estimate:.2f}")
        else:
            words.append(f"{arm} not defined")
    remark = f"within arms: {', '.join(words)}"
    if len(sorted_units.parts) > 2:
        between = _between(sorted_units)
        remark += f"; between the means of {len(sorted_units.parts)} arms: {between:.2f}"
    return Answer(_mean_of_parts(parts), remark)


def _within(selection: Selection, units: NDArray[np.bool_]) -> Student:
    """Return the correlation inside one arm."""
    first_network = selection.members[units][0, 0]
    arm = selection.strata[first_network]
    networks = np.flatnonzero(selection.strata == arm)
    freedom = len(networks) - 1
    counts = np.ones((1 + len(networks), len(selection.strata)), dtype=np.int64)
    counts[:, networks] = leave_one_out(len(networks))
    weights = selection.weights(counts)[:, units]
    first, second = selection.values[units].T
    coefficients = spearman(first, second, weights)
    if freedom < 2:  # two values are always in order
        return Student(np.nan, np.nan, freedom)
    without = np.nan_to_num(coefficients)  # constant without one network: the floor stays
    variances, _ = arm_variances(without, selection.strata[networks])
    variance = max(float(variances[0]), 1 / freedom)
    error = float(np.sqrt(variance))
    return Student(float(coefficients[0]), error, freedom)


def _mean_of_parts(parts: Sequence[Student]) -> Throughout:
    """Return what the mean over independent parts is worth, whichever part is left out."""
    if not parts:
        unknown = Student(np.nan, np.nan, 1)
        return Throughout(np.nan, [unknown])
    estimates = np.array([part.estimate for part in parts])
    variances = np.array([part.error**2 for part in parts])
    freedoms = np.array([part.freedom for part in parts])
    ways = []
    for which in subsets(len(parts)):
        shares = variances[which] / len(which) ** 2
        error, freedom = standard_error(shares, freedoms[which])
        estimate = float(estimates[which].mean())
        ways.append(Coefficient(estimate, float(error), float(freedom)))
    return Throughout(ways[0].estimate, ways)


def _between(sorted_units: ByArm) -> float:
    """Return the correlation of the means of the arms."""
    everyone = np.ones((1, sorted_units.networks), dtype=np.int64)
    first, second = sorted_units.means(everyone)[0].T
    once = np.ones((1, len(first)), dtype=np.int64)
    return float(spearman(first, second, once)[0])


def spearman(x: NDArray, y: NDArray, weights: NDArray) -> NDArray:
    """Return Spearman's rank correlation where each unit appears as often as its weight says.

    Parameters
    ----------
    x, y : array, shape (unit,)
        Two measurements; ties share their mean rank.
    weights : array of int, shape (subset, unit)
        How often each unit counts.

    Returns
    -------
    array, shape (subset,)
        Correlations; NaN where one of the two is constant, or no unit counts.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> spearman(x, x**3, np.ones((1, 3), int))
    array([1.])
    """
    first = _centred_ranks(x, weights)
    second = _centred_ranks(y, weights)
    of_first = (weights * first**2).sum(1)
    of_second = (weights * second**2).sum(1)
    of_both = (weights * first * second).sum(1)
    scale = np.sqrt(of_first * of_second)
    return of_both / np.where(scale > 0, scale, np.nan)


def _centred_ranks(values: NDArray, weights: NDArray) -> NDArray:
    """Return the mid-ranks in each subset minus their mean, shape (subset, unit)."""
    is_above = values[:, None] > values[None, :]
    is_equal = values[:, None] == values[None, :]
    below = weights @ is_above.T
    equal = weights @ is_equal.T
    ranks = below + (equal + 1) / 2
    totals = weights.sum(1, keepdims=True)
    sums = (weights * ranks).sum(1, keepdims=True)
    return ranks - sums / np.maximum(totals, 1)
