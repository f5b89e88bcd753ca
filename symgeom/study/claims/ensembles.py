"""Claims about ensembles on test data (E): what networks with nearly the same function buy.

All ensembles of a study have as many members, so that their predictions cost the same; a single
minimum costs a fraction of that. What a gain over it could come from is said by the controls. A
mean over any spread of networks is less sure of itself and lowers the loss of networks that are too
sure: E1-loss asks for the gain over one minimum, E1-perturbation-loss for what is left of it over
random moves of the same length. The published controls put something else in the place of the
correction of the outgoing weights. That the measure can see a gain at all, E2 shows with
independent minima, which cost as many trainings as members.

References
----------
Zhao, Ganev, Walters, Yu, Dehmamy, "Symmetries, flat minima, and the conserved quantities of
gradient flow", ICLR 2023 (arXiv 2210.17216), figure 10, for ensembles of an orbit and its controls,
without intervals. Pittorino et al., "Deep networks on toroids", ICML 2022 (arXiv 2202.03038), for
flat connected regions. Lakshminarayanan, Pritzel, Blundell, "Simple and scalable predictive
uncertainty estimation using deep ensembles", NeurIPS 2017 (arXiv 1612.01474), for independent
minima. That each is asked for as a gain is ours.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.groups import SINGLE, STAGE, difference_of_kinds, has_kinds
from symgeom.study.claims.measured import Measured

ZHAO = "Zhao et al., ICLR 2023 (arXiv 2210.17216), figure 10"
TOROIDS = "ours, after Pittorino et al., ICML 2022 (arXiv 2202.03038)"
DEEP = "Lakshminarayanan et al., NeurIPS 2017 (arXiv 1612.01474)"

AS_GOOD = 0.005
"""By how much (fraction of the samples) the error may be above that of independent minima."""

CONTROLS = {
    "perturbation": "random moves of the same length",
    "inverse": "the same matrices with their inverses in the place of the correction",
    "shuffled": "the same moves with the corrections in the columns of other units",
    "permutation": "a matrix on the way to a permutation of the units, undone by its inverse",
}
"""The controls of an orbit, in words."""

AMONG = {
    "geodesic": "points of the geodesic between two minima",
    "chain": "points of a chain with a trained bend between two minima",
    "simplex": "points of the simplex of three minima",
}
"""Ensembles of several aligned minima, in words."""

SCORES = {
    "error": "test error (fraction) of the mean prediction",
    "loss": "negative log likelihood of the test data (nat per sample) under the mean prediction",
    "calibration_error": "expected calibration error of the mean prediction on test data",
    "disagreement": "fraction of the test samples on which two members disagree, mean over pairs",
}
"""What is compared, in words."""


def ensemble_words(measured: Measured) -> Mapping[str, object]:
    """Say how large the ensembles are, and how far their members are moved.

    Parameters
    ----------
    measured : Measured
        With the stage "neighbours".

    Returns
    -------
    mapping of str to object
        ``members`` and ``scale``.
    """
    attributes = measured.stages[STAGE].attrs
    return {"members": attributes["members"], "scale": f"{attributes['scale']:g}"}


def compare(
    identifier: str,
    statement: str,
    *,
    kind: str,
    other: str = SINGLE,
    score: str = "error",
    source: str = ZHAO,
) -> Claim:
    """Claim that a score of one kind of ensemble is lower than that of another.

    Parameters
    ----------
    identifier, statement : str
        Those of the claim.
    kind, other : str
        The kinds.
    score : str
        One of :data:`SCORES`.
    source : str
        That of the claim.

    Returns
    -------
    Claim
        Supported if the difference is below zero.
    """
    return Claim(
        identifier=identifier,
        statement=statement,
        source=source,
        statistic=f"{SCORES[score]}: {kind} minus {other}; {{members}} members, scale {{scale}}",
        unit_of_n="seeds",
        threshold=0.0,
        direction="below",
        stages=("minima", STAGE),
        ask=partial(difference_of_kinds, score=score, kind=kind, other=other),
        applies=partial(has_kinds, score=score, kinds=(kind, other)),
        words=ensemble_words,
    )


def over_control(control: str) -> Claim:
    """Claim that an orbit ensemble errs less than one of its controls.

    Parameters
    ----------
    control : str
        One of :data:`CONTROLS`.

    Returns
    -------
    Claim
        E1-perturbation, for instance.
    """
    statement = (
        f"An ensemble of the orbit of a minimum of {{reference}} errs less on test data than "
        f"{CONTROLS[control]}."
    )
    return compare(f"E1-{control}", statement, kind="orbit", other=control)


def among_minima(kind: str) -> Claim:
    """Claim that points among several minima err less than one of the minima.

    Parameters
    ----------
    kind : str
        One of :data:`AMONG`.

    Returns
    -------
    Claim
        E3-geodesic, for instance.
    """
    statement = (
        f"An ensemble of {AMONG[kind]} of {{reference}} errs less on test data than one minimum."
    )
    return compare(f"E3-{kind}", statement, kind=kind, source=TOROIDS)


def as_good_as_independent(kind: str) -> Claim:
    """Claim that an ensemble is nearly as good as one of as many independent minima.

    Parameters
    ----------
    kind : str
        "orbit", or one of :data:`AMONG`.

    Returns
    -------
    Claim
        E2-orbit, for instance; the threshold is :data:`AS_GOOD`.
    """
    words = {"orbit": "the orbit of one minimum"} | AMONG
    statement = (
        f"At equal cost of prediction, an ensemble of {words[kind]} of {{reference}} errs at most "
        f"{AS_GOOD:.1%} of the test samples more than one of independent minima."
    )
    claim = compare(f"E2-{kind}", statement, kind=kind, other="independent", source=TOROIDS)
    return replace(claim, threshold=AS_GOOD)


CLAIMS = (
    compare(
        "E1",
        "An ensemble of the orbit of a minimum of {reference} errs less on test data than the "
        "minimum alone.",
        kind="orbit",
    ),
    compare(
        "E1-loss",
        "An ensemble of the orbit of a minimum of {reference} has a lower loss on test data than "
        "the minimum alone.",
        kind="orbit",
        score="loss",
    ),
    compare(
        "E1-calibration",
        "An ensemble of the orbit of a minimum of {reference} is better calibrated on test data "
        "than the minimum alone.",
        kind="orbit",
        score="calibration_error",
    ),
    *(over_control(control) for control in CONTROLS),
    compare(
        "E1-perturbation-loss",
        "An ensemble of the orbit of a minimum of {reference} has a lower loss on test data than "
        "random moves of the same length.",
        kind="orbit",
        other="perturbation",
        score="loss",
    ),
    compare(
        "E2",
        "An ensemble of independent minima of {reference} errs less on test data than one of them.",
        kind="independent",
        source=DEEP,
    ),
    *(as_good_as_independent(kind) for kind in ("orbit", *AMONG)),
    *(among_minima(kind) for kind in AMONG),
    compare(
        "E4",
        "Members of the orbit of a minimum of {reference} disagree less on test data than "
        "independent minima.",
        kind="orbit",
        other="independent",
        score="disagreement",
        source="ours: what an ensemble gains comes from where its members disagree",
    ),
)
