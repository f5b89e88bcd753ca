"""A question: a claim in words, with the statistic that decides it; and its answer by the bootstrap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from symgeom.study.claims.bootstrap import (
    LEVEL,
    RESAMPLES,
    binomial_interval,
    interval,
    numpy_stream,
)
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import Roles, Selection, arms_of

ONE = {"seeds": "seed", "pairs": "pair", "minima": "minimum", "triples": "triple"}


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of the data.

    Attributes
    ----------
    claim : Claim
        The words, without numbers.
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

    claim: Claim
    statistic: Callable[[NDArray], NDArray]
    strata: Sequence[str]
    sizes: Mapping[str, int]
    left_out: Sequence[str]
    trials: tuple[int, int] | None = None


def named(roles: Roles, role: str) -> str:
    """Return a role with its arms: "flat (rsgd)"."""
    return f"{role} ({', '.join(arms_of(roles, role)) or 'no arm'})"


def answer(question: Question, *, level: float = LEVEL, resamples: int = RESAMPLES) -> Claim:
    """Fill in a claim's numbers, or leave it undecided if a side has fewer than two units or no arm has two networks.

    Parameters
    ----------
    question : Question
        What is asked.
    level : float
        Coverage of the interval.
    resamples : int
        How many resamples; they depend on the claim's identifier alone.

    Returns
    -------
    Claim
        With estimate, interval, n and note.
    """
    claim, sizes, strata = question.claim, question.sizes, question.strata
    words = {0: claim.unit_of_n, 1: ONE[claim.unit_of_n]}
    few = [f"{side} has {size} {words[size]}" for side, size in sizes.items() if size < 2]
    if not few and len(set(strata)) == len(strata):
        few = ["no arm has two networks"]
    notes = [f"too few data: {', '.join(few)}"] * bool(few)
    notes += [f"left out: {', '.join(question.left_out)}"] * bool(question.left_out)
    claim = replace(claim, n=min(sizes.values()), note="; ".join(notes), level=level)
    if few:
        return claim
    generator = numpy_stream("claim", claim.identifier)
    estimate, low, high = interval(
        question.statistic, strata, generator=generator, level=level, resamples=resamples
    )
    if question.trials:
        least, most = binomial_interval(*question.trials, level)
        low, high = min(low, least), max(high, most)
    return replace(claim, estimate=estimate, low=low, high=high)


def ask_mean(claim: Claim, selection: Selection, side: str) -> Question:
    """Ask for the mean over all units of a selection.

    Parameters
    ----------
    claim : Claim
        The words.
    selection : Selection
        Minima or pairs, with one column.
    side : str
        What the selection is, for the note.

    Returns
    -------
    Question
        The mean.
    """
    every = np.ones(len(selection.values), dtype=bool)

    def average(counts: NDArray) -> NDArray:
        return selection.mean_of(every, counts)[:, 0]

    return Question(claim, average, selection.strata, {side: len(every)}, selection.left_out)


def ask_difference(
    claim: Claim, selection: Selection, roles: Roles, *, first: str, second: str
) -> Question:
    """Ask for the mean over one role's units minus the mean over another's.

    Parameters
    ----------
    claim : Claim
        The words.
    selection : Selection
        Minima, or pairs (of which those within an arm are used), with one column.
    roles : mapping of str to str or sequence of str
        The arms of each role.
    first, second : str
        The two roles.

    Returns
    -------
    Question
        The difference of the means.
    """
    return ask_contrast(
        claim,
        selection,
        {named(roles, role): selection.within(arms_of(roles, role)) for role in (first, second)},
    )


def ask_contrast(
    claim: Claim, selection: Selection, sides: Mapping[str, NDArray[np.bool_]]
) -> Question:
    """Ask for the mean over some units minus the mean over others.

    Parameters
    ----------
    claim : Claim
        The words.
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
        return (selection.mean_of(first, counts) - selection.mean_of(second, counts))[:, 0]

    sizes = {name: int(units.sum()) for name, units in sides.items()}
    return Question(claim, difference, selection.strata, sizes, selection.left_out)
