"""Averages over arms: arm by arm first, then combined, so that no arm alone makes the effect.

Every arm counts the same, however many of its networks can be used. An average is asked in several
ways: of all arms, and with each arm left out in turn. A claim about it holds if it holds in all of
these ways (:class:`~symgeom.study.claims.evidence.Throughout`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgeom.study.claims.evidence import Evidence, Fraction, Largest, Student, Throughout
from symgeom.study.claims.jackknife import leave_one_out, student
from symgeom.study.claims.question import Answer, Question
from symgeom.study.claims.record import FEWEST
from symgeom.study.claims.selection import Selection

BETWEEN = "between arms"
"""The name of the units whose networks are of different arms."""


@dataclass(frozen=True, eq=False)
class ByArm:
    """Units, sorted by the arm that they are of.

    Attributes
    ----------
    selection : Selection
        Of the arms that have enough networks; the others are left out by name.
    parts : mapping of str to array of bool, shape (unit,)
        The units of each arm, and those between arms, if there are any.
    """

    selection: Selection
    parts: Mapping[str, NDArray[np.bool_]]

    @property
    def networks(self) -> int:
        """How many networks there are."""
        return len(self.selection.strata)

    def means(self, counts: NDArray) -> NDArray[np.float64]:
        """Return the mean of each column in every part.

        Parameters
        ----------
        counts : array of int, shape (subset, network)
            The multiplicities of the networks.

        Returns
        -------
        array, shape (subset, part, column)
            The means.
        """
        means = [self.selection.mean_of(units, counts) for units in self.parts.values()]
        return np.stack(means, axis=1)

    def remark(self, values: Sequence[float] | NDArray) -> str:
        """Name the value of every part.

        Parameters
        ----------
        values : sequence of float, shape (part,)
            One value for each.

        Returns
        -------
        str
            "by arm: rsgd 0.1, sgd 0.2".
        """
        pairs = zip(self.parts, values, strict=True)
        words = [f"{name} {value:.3g}" for name, value in pairs]
        return f"by arm: {', '.join(words)}"


def by_arm(selection: Selection) -> ByArm:
    """Sort units by arm.

    Arms with fewer than :data:`~symgeom.study.claims.record.FEWEST` networks are left out by name,
    unless all have so few.

    Parameters
    ----------
    selection : Selection
        Minima or pairs.

    Returns
    -------
    ByArm
        Arms in the order of the alphabet, then what lies between arms.
    """
    arms, sizes = np.unique(selection.strata, return_counts=True)
    enough = sizes >= FEWEST
    if enough.any():
        selection = selection.of_arms(arms[enough].tolist())
    parts = {}
    for arm in np.unique(selection.strata).tolist():
        units = selection.within([arm])
        if units.any():
            parts[arm] = units
    between = ~selection.within(selection.strata)
    if between.any():
        parts[BETWEEN] = between
    return ByArm(selection, parts)


def ask_over_arms(selection: Selection, side: str) -> Question:
    """Ask for the mean over arms of the mean over the units of each.

    Parameters
    ----------
    selection : Selection
        Minima or pairs, with one column.
    side : str
        What the selection is, for the note.

    Returns
    -------
    Question
        The mean, which shall hold whichever arm is left out.
    """
    sorted_units = by_arm(selection)

    def average() -> Answer:
        means = sorted_units.means(leave_one_out(sorted_units.networks))[..., 0]
        evidence = over_arms(means, sorted_units.selection.strata)
        return Answer(evidence, sorted_units.remark(means[0]))

    return _question(average, sorted_units, side)


def ask_below_lowest(selection: Selection, side: str, *, others: Sequence[str] = ()) -> Question:
    """Ask for the mean of one column minus the lowest of the means of the others.

    Parameters
    ----------
    selection : Selection
        Minima or pairs, with two columns or more.
    side : str
        What the selection is, for the note.
    others : sequence of str
        What the other columns are; the note has the difference from each of them.

    Returns
    -------
    Question
        The difference, as the mean over arms; it shall hold whichever arm is left out.
    """
    sorted_units = by_arm(selection)

    def difference() -> Answer:
        means = sorted_units.means(leave_one_out(sorted_units.networks))
        contrasts = []
        for other in range(1, means.shape[2]):
            in_arms = means[..., 0] - means[..., other]
            contrasts.append(over_arms(in_arms, sorted_units.selection.strata))
        remark = sorted_units.remark(means[0, :, 0] - means[0, :, 1:].min(axis=1))
        if others:
            pairs = zip(others, contrasts, strict=True)
            words = [f"{name} {contrast.estimate:.3g}" for name, contrast in pairs]
            remark = f"from {', '.join(words)}; {remark}"
        return Answer(Largest(contrasts), remark)

    return _question(difference, sorted_units, side)


def ask_fraction(selection: Selection, side: str) -> Question:
    """Ask for the mean over arms of the fraction of the units for which something is true.

    Pairs that share networks tell less than as many independent ones. The fraction counts as one of
    so many independent trials as have its variance, and of no more than there are pairs without
    common networks: if all units agree, their variance says nothing.

    Parameters
    ----------
    selection : Selection
        Pairs, with one column of zeros and ones.
    side : str
        What the selection is, for the note.

    Returns
    -------
    Question
        The fraction, which shall hold whichever arm is left out.
    """
    sorted_units = by_arm(selection)
    strata = sorted_units.selection.strata

    def fraction() -> Answer:
        means = sorted_units.means(leave_one_out(len(strata)))[..., 0]
        names = np.array(list(sorted_units.parts))
        ways: list[Evidence] = []
        for columns in subsets(len(names)):
            average = student(means[:, columns].mean(axis=1), strata)
            units = np.any([sorted_units.parts[name] for name in names[columns]], axis=0)
            most = disjoint_pairs(sorted_units.selection.members[units])
            ways.append(_fraction(average, most))
        evidence = Throughout(ways[0].estimate, ways)
        true_units = int(sorted_units.selection.values.sum())
        words = f"{true_units} of {len(sorted_units.selection.values)} {side}"
        return Answer(evidence, f"{words}; {sorted_units.remark(means[0])}")

    return _question(fraction, sorted_units, side)


def disjoint_pairs(pairs: NDArray[np.int64]) -> int:
    """Return how many pairs without common networks there are, taken in their sorted order.

    Parameters
    ----------
    pairs : array of int, shape (pair, 2)
        The networks of each pair.

    Returns
    -------
    int
        All pairs of six networks have three.

    Examples
    --------
    >>> disjoint_pairs(np.array([[0, 1], [0, 2], [0, 3]]))
    1
    """
    networks: set[int] = set()
    count = 0
    for pair in sorted(map(sorted, pairs.tolist())):
        if networks.isdisjoint(pair):
            networks.update(pair)
            count += 1
    return count


def _fraction(average: Student, most: float) -> Fraction:
    """Return a fraction with the number of independent trials that it is worth."""
    fraction = min(max(average.estimate, 0.0), 1.0)
    spread = fraction * (1 - fraction)
    variance = average.error**2
    if not variance > 0:
        return Fraction(fraction, most)
    return Fraction(fraction, min(spread / variance, most))


def _question(answer: Callable[[], Answer], sorted_units: ByArm, side: str) -> Question:
    """Return a question about all units."""
    selection = sorted_units.selection
    sizes = {side: len(selection.values)}
    return Question(answer, selection.strata, sizes, selection.left_out)


def over_arms(values: NDArray, strata: NDArray[np.str_]) -> Throughout:
    """Return what the mean over arms is worth, whichever arm is left out.

    Parameters
    ----------
    values : array, shape (1 + network, arm)
        The value of every arm in the subsets of :func:`~symgeom.study.claims.jackknife.\
leave_one_out`.
    strata : array of str, shape (network,)
        The arm of each network.

    Returns
    -------
    Throughout
        With the mean over all arms as its estimate.
    """
    ways = []
    for columns in subsets(values.shape[1]):
        ways.append(student(values[:, columns].mean(axis=1), strata))
    return Throughout(ways[0].estimate, ways)


def subsets(size: int) -> list[NDArray[np.int64]]:
    """Return the indices of all of some things, and of all but one where there are several.

    Parameters
    ----------
    size : int
        How many there are.

    Returns
    -------
    list of array of int
        All first.

    Examples
    --------
    >>> [subset.tolist() for subset in subsets(3)]
    [[0, 1, 2], [1, 2], [0, 2], [0, 1]]
    """
    everything = np.arange(size)
    if size == 1:
        return [everything]
    return [everything, *(np.delete(everything, index) for index in range(size))]
