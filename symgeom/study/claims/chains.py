"""Claims about chains with one bend between minima (H4).

The paper is that of :mod:`symgeom.study.claims.flatness`; statistics and thresholds are ours.
"""

from dataclasses import replace

from symgeom.study.claims.averages import ask_fraction, ask_over_arms
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question
from symgeom.study.claims.scope import chain_words
from symgeom.study.claims.selection import select_pairs

MOST = 0.5
"""The fraction of pairs that is claimed to be connected: the median pair is."""


def fraction_connected(measured: Measured) -> Question:
    """Ask for the fraction of pairs, of all arms, that a chain connects at almost no error.

    Parameters
    ----------
    measured : Measured
        With ``bend_error(pair)``, the maximum of the training error along the chain, and
        ``error(pair, split, t)`` along it, in the stage "chains".

    Returns
    -------
    Question
        The mean over arms of the fraction of pairs whose chain rises at most ``bend_threshold``
        above its worse end.
    """
    chains = measured.stages["chains"]
    worse_end = chains["error"].sel(split="train").isel(t=[0, -1]).max("t")
    selection = select_pairs(chains["bend_error"] - worse_end, measured.minima)
    connected = selection.values <= measured.bend_threshold
    connections = replace(selection, values=connected.astype(float))
    question = ask_fraction(connections, "pairs")

    def fraction() -> Answer:
        answer = question.answer()
        rises = f"mean rise {selection.values.mean():.2g}, largest {selection.values.max():.2g}"
        return replace(answer, remark=f"{answer.remark}; {rises}")

    return replace(question, answer=fraction)


def gain_of_bending(measured: Measured) -> Question:
    """Ask by how much optimising the bend lowers the largest training error along the chain.

    Parameters
    ----------
    measured : Measured
        With ``bend_error(pair)`` and ``straight_error(pair)`` (before optimisation) in the stage
        "chains".

    Returns
    -------
    Question
        The mean over arms of the mean reduction.
    """
    chains = measured.stages["chains"]
    reduction = chains["straight_error"] - chains["bend_error"]
    return ask_over_arms(select_pairs(reduction, measured.minima), "the study")


CLAIMS = (
    Claim(
        identifier="H4",
        statement=(
            "Most pairs of minima are connected by a polygonal chain with one bend, its training "
            "error at most {threshold:g} above that of its worse end."
        ),
        source=SOURCE,
        statistic=(
            "fraction of pairs whose largest training error along the chain is at most "
            "{threshold:g} above that of the worse end, mean over arms, whichever arm is left out; "
            "{grid}; {samples}"
        ),
        unit_of_n="pairs",
        threshold=MOST,
        direction="above",
        stages=("minima", "chains"),
        ask=fraction_connected,
        words=chain_words,
    ),
    Claim(
        identifier="H4-bend",
        statement=("Optimising one bend lowers the largest training error between two minima."),
        source=SOURCE,
        statistic=(
            "mean over pairs of the largest training error (fraction), straight minus bent, mean "
            "over arms, whichever arm is left out; {grid}; {samples}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="above",
        stages=("minima", "chains"),
        ask=gain_of_bending,
        words=chain_words,
    ),
)
