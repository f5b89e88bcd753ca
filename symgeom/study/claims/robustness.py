"""Claims about attacked and corrupted inputs (R): whether ensembles of neighbours are robust.

Every ensemble is attacked within one budget in the data's own range, in three ways: by an attack
aimed at the minimum alone and transferred, which is what was published; by one aimed at the
ensemble itself; and sample by sample by whichever of the two succeeds, which decides. A gain
against the transferred attack alone is no robustness: the attack was made for another network. A
gain against the aimed one alone may be a hidden gradient; then the transferred attack is the
stronger, which R-hidden looks for. Whatever is as far from the minimum evades an attack that was
made for it: R1-perturbation asks what is left over random moves of the same length. The note of
each claim has both errors on the same inputs without attack.

References
----------
Zhao et al., "Symmetries, flat minima, and the conserved quantities of gradient flow", ICLR 2023
(arXiv 2210.17216), figure 11: transferred attacks, clipped to another range than that of the data,
one network each. Athalye, Carlini, Wagner, "Obfuscated gradients give a false sense of security",
ICML 2018 (arXiv 1802.00420), for what an evaluation needs.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.ensembles import AMONG, CONTROLS, DEEP, compare, ensemble_words
from symgeom.study.claims.groups import (
    SINGLE,
    STAGE,
    difference_of_aims,
    difference_of_kinds,
    has_kinds,
)
from symgeom.study.claims.measured import Measured

ZHAO = "Zhao et al., ICLR 2023 (arXiv 2210.17216), figure 11"
HENDRYCKS = "ours; corruptions after Hendrycks, Dietterich, ICLR 2019 (arXiv 1903.12261)"

HIDDEN = -0.01
"""By how much (fraction of the samples) an aimed attack may be weaker than a transferred one."""

AIMS = {
    "aimed": "the attack aimed at each of them",
    "transferred": "the attack aimed at the minimum alone",
    "either": "the stronger, for each sample, of an attack aimed at it and one at the minimum",
}
"""At what an attack is aimed, in words."""


def attack_words(measured: Measured) -> Mapping[str, object]:
    """Say what inputs are attacked with, beside the words of ensembles.

    Parameters
    ----------
    measured : Measured
        With the stage "neighbours".

    Returns
    -------
    mapping of str to object
        ``attack`` and ``budget``, too.
    """
    attributes = measured.stages[STAGE].attrs
    attack = {"attack": attributes["attack"], "budget": f"{attributes['budget']:.3g}"}
    return {**ensemble_words(measured), **attack}


def under_attack(
    identifier: str,
    statement: str,
    *,
    kind: str = "orbit",
    other: str = SINGLE,
    aim: str = "either",
    source: str = ZHAO,
) -> Claim:
    """Claim that one kind of ensemble errs less than another under attack.

    Parameters
    ----------
    identifier, statement : str
        Those of the claim.
    kind, other : str
        The kinds.
    aim : str
        One of :data:`AIMS`.
    source : str
        That of the claim.

    Returns
    -------
    Claim
        Supported if the difference of the errors is below zero.
    """
    statistic = (
        f"error (fraction) of the mean prediction under {AIMS[aim]}, {{attack}} within {{budget}} "
        f"of the range of the data: {kind} minus {other}; {{members}} members, scale {{scale}}"
    )
    claim = compare(identifier, statement, kind=kind, other=other, source=source)
    return replace(
        claim,
        statistic=statistic,
        ask=partial(
            difference_of_kinds,
            score="robust_error",
            kind=kind,
            other=other,
            aim=aim,
            clean="attacked_error",
        ),
        applies=partial(has_kinds, score="robust_error", kinds=(kind, other), aim=aim),
        words=attack_words,
    )


def corrupted(identifier: str, statement: str, *, kind: str, other: str, source: str) -> Claim:
    """Claim that one kind of ensemble errs less than another on corrupted inputs.

    Parameters
    ----------
    identifier, statement : str
        Those of the claim.
    kind, other : str
        The kinds.
    source : str
        That of the claim.

    Returns
    -------
    Claim
        Supported if the difference of the errors is below zero.
    """
    statistic = (
        f"error (fraction) of the mean prediction on corrupted test data, mean over corruptions "
        f"and severities: {kind} minus {other}; {{members}} members, scale {{scale}}"
    )
    claim = compare(identifier, statement, kind=kind, other=other, source=source)
    return replace(
        claim,
        statistic=statistic,
        ask=partial(
            difference_of_kinds,
            score="corrupted_error",
            kind=kind,
            other=other,
            clean="attacked_error",
        ),
        applies=partial(has_kinds, score="corrupted_error", kinds=(kind, other)),
    )


def over_control(control: str) -> Claim:
    """Claim that an orbit ensemble errs less under attack than one of its controls.

    Parameters
    ----------
    control : str
        One of :data:`~symgeom.study.claims.ensembles.CONTROLS`.

    Returns
    -------
    Claim
        R1-perturbation, for instance.
    """
    statement = (
        f"Under attack, an ensemble of the orbit of a minimum of {{reference}} errs less than "
        f"{CONTROLS[control]}."
    )
    return under_attack(f"R1-{control}", statement, other=control)


def among_minima(kind: str) -> Claim:
    """Claim that points among several minima err less under attack than one of the minima.

    Parameters
    ----------
    kind : str
        One of :data:`~symgeom.study.claims.ensembles.AMONG`.

    Returns
    -------
    Claim
        R3-geodesic, for instance.
    """
    statement = (
        f"Under attack, an ensemble of {AMONG[kind]} of {{reference}} errs less than one minimum."
    )
    return under_attack(f"R3-{kind}", statement, kind=kind, source="ours")


NOT_HIDDEN = Claim(
    identifier="R-hidden",
    statement=(
        "No gradient is hidden: an attack aimed at an ensemble of the orbit of a minimum of "
        "{reference} succeeds as often (to 1 % of the samples) as one aimed at the minimum."
    ),
    source="after Athalye et al., ICML 2018 (arXiv 1802.00420)",
    statistic=(
        "error (fraction) of the orbit ensemble under the aimed attack minus that under the "
        "transferred one, {attack} within {budget} of the range of the data; {members} members, "
        "scale {scale}"
    ),
    unit_of_n="seeds",
    threshold=HIDDEN,
    direction="above",
    stages=("minima", STAGE),
    ask=partial(difference_of_aims, kind="orbit", aim="aimed", other="transferred"),
    applies=partial(has_kinds, score="robust_error", kinds=("orbit",), aim="transferred"),
    words=attack_words,
    kind="check",
)

CLAIMS = (
    under_attack(
        "R1",
        "Under attack, an ensemble of the orbit of a minimum of {reference} errs less than the "
        "minimum alone.",
    ),
    under_attack(
        "R1-aimed",
        "Each attacked by an attack of its own, an ensemble of the orbit of a minimum of "
        "{reference} errs less than the minimum alone.",
        aim="aimed",
    ),
    under_attack(
        "R1-transferred",
        "Under an attack aimed at a minimum of {reference} alone, an ensemble of its orbit errs "
        "less than the minimum.",
        aim="transferred",
    ),
    replace(
        under_attack(
            "R1-transferred-perturbation",
            "Under an attack aimed at a minimum of {reference} alone, an ensemble of its orbit "
            "errs less than random moves of the same length.",
            other="perturbation",
            aim="transferred",
        ),
        source="ours",
    ),
    *(over_control(control) for control in CONTROLS),
    under_attack(
        "R2",
        "Under attack, an ensemble of independent minima of {reference} errs less than one of "
        "them.",
        kind="independent",
        source=DEEP,
    ),
    under_attack(
        "R2-orbit",
        "Under attack, an ensemble of the orbit of a minimum of {reference} errs less than one of "
        "as many independent minima.",
        other="independent",
    ),
    *(among_minima(kind) for kind in AMONG),
    NOT_HIDDEN,
    corrupted(
        "R4",
        "On corrupted inputs, an ensemble of the orbit of a minimum of {reference} errs less than "
        "the minimum alone.",
        kind="orbit",
        other=SINGLE,
        source=HENDRYCKS,
    ),
    corrupted(
        "R4-perturbation",
        "On corrupted inputs, an ensemble of the orbit of a minimum of {reference} errs less than "
        "random moves of the same length.",
        kind="orbit",
        other="perturbation",
        source=HENDRYCKS,
    ),
    corrupted(
        "R4-independent",
        "On corrupted inputs, an ensemble of independent minima of {reference} errs less than one "
        "of them.",
        kind="independent",
        other=SINGLE,
        source=DEEP,
    ),
)
