"""Judge every claim, in the order of the table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from symgeom.ground.checks import SymgeomError
from symgeom.store import read_store
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.evidence import Evidence
from symgeom.study.claims.jackknife import LEVEL
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question
from symgeom.study.claims.record import FEWEST, Direction, Judgement
from symgeom.study.claims.registry import CLAIMS_OF_CASES, CLAIMS_OF_MODELS

OPTIONAL = ("simplices", "valleys", "neighbours")
"""Stages that not every study has."""

SINGULAR = {
    "seeds": "seed",
    "pairs": "pair",
    "minima": "minimum",
    "triples": "triple",
    "draws": "draw",
}


def stages_of(claims: Iterable[Claim]) -> tuple[str, ...]:
    """Return the stages that some claims need, each once.

    Parameters
    ----------
    claims : iterable of Claim
        The claims.

    Returns
    -------
    tuple of str
        In the order in which the claims name them.
    """
    stages: dict[str, None] = {}
    for claim in claims:
        stages |= dict.fromkeys(claim.stages)
    return tuple(stages)


STAGES = stages_of(CLAIMS_OF_CASES)
"""The stages that the claims about a case need."""

MODEL_STAGES = stages_of(CLAIMS_OF_MODELS)
"""The stages that the claims about models need."""


def evaluate(measured: Measured, *, level: float = LEVEL, case: str = "") -> list[Judgement]:
    """Judge all claims about one case.

    Parameters
    ----------
    measured : Measured
        The stages :data:`STAGES`, of which those in :data:`OPTIONAL` may be missing. A role may be
        missing, too; its claims are then undecided. Controls are asked of studies that name
        "unregularised", "same_order" or "equal_budget" arms.
    level : float
        Coverage of the intervals.
    case : str
        Name of the case, written into every judgement.

    Returns
    -------
    list of Judgement
        In the order of the table.

    Raises
    ------
    SymgeomError
        If a stage is missing.
    """
    needed = [name for name in STAGES if name not in OPTIONAL]
    missing = [name for name in needed if name not in measured.stages]
    if missing:
        raise SymgeomError(
            f"Cannot judge the claims: the stages {missing} are missing, found "
            f"{sorted(measured.stages)}. Give all of them."
        )
    is_binary = measured.stages["flatness"].attrs.get("noise") == "flips"
    judgements = []
    for claim in CLAIMS_OF_CASES:
        if not claim.is_asked_of(measured):
            continue
        judgement = judge(claim, measured, level=level)
        judgement = _with_imported(judgement, measured.minima)
        if is_binary:
            judgement = _of_binary(judgement)
        judgements.append(replace(judgement, case=case))
    return judgements


def evaluate_model(stage: str, arrays: xr.Dataset, *, level: float = LEVEL) -> list[Judgement]:
    """Judge all claims about a model with known theory.

    Parameters
    ----------
    stage : str
        What was measured of it ("solutions").
    arrays : xr.Dataset
        The measurements.
    level : float
        Coverage of the intervals.

    Returns
    -------
    list of Judgement
        In the order of the table; their case is the name of the model.
    """
    measured = Measured({stage: arrays})
    judgements = []
    for claim in CLAIMS_OF_MODELS:
        if claim.is_asked_of(measured):
            judgement = judge(claim, measured, level=level)
            judgements.append(replace(judgement, case=claim.model))
    return judgements


def evaluate_models(
    stores: Mapping[str, Sequence[str]], *, level: float = LEVEL
) -> list[Judgement]:
    """Judge all claims about the models of a study.

    Parameters
    ----------
    stores : mapping of str to sequence of str
        For each stage of :data:`MODEL_STAGES`, its files.
    level : float
        Coverage of the intervals.

    Returns
    -------
    list of Judgement
        Model by model.
    """
    judgements = []
    for stage in MODEL_STAGES:
        for path in stores[stage]:
            arrays = read_store(path)
            judgements += evaluate_model(stage, arrays, level=level)
    return judgements


def judge(claim: Claim, measured: Measured, *, level: float = LEVEL) -> Judgement:
    """Judge one claim.

    It stays undecided if a side has fewer than two units, if an arm has fewer than
    :data:`~symgeom.study.claims.record.FEWEST` networks, or if one of its gates is closed.

    Parameters
    ----------
    claim : Claim
        The claim.
    measured : Measured
        The stages that it needs.
    level : float
        Coverage of the interval.

    Returns
    -------
    Judgement
        With estimate, interval, p-value, n and note.
    """
    question = claim.ask(measured)
    statement, statistic = claim.about(measured)
    too_few = _too_few(claim, question)
    judgement = Judgement(
        identifier=claim.identifier,
        statement=statement,
        source=claim.source,
        statistic=statistic,
        unit_of_n=claim.unit_of_n,
        threshold=claim.threshold,
        direction=claim.direction,
        level=level,
        n=min(question.sizes.values()),
        seeds=min(_networks(question).values(), default=0),
        kind=claim.kind,
    )
    if too_few:
        return _with_notes(judgement, too_few, _left_out(question))
    judgement = replace(judgement, gated=claim.closed_gates(measured))
    answer = question.answer()
    threshold = claim.threshold if answer.threshold is None else answer.threshold
    evidence = answer.evidence
    tail = (1 - level) / 2
    judgement = replace(
        judgement,
        threshold=threshold,
        estimate=evidence.estimate,
        low=evidence.low(tail),
        high=evidence.high(tail),
        p=p_value(evidence, threshold, claim.direction),
    )
    return _with_notes(judgement, _short_arms(claim, question), answer.remark, _left_out(question))


def p_value(evidence: Evidence, threshold: float, direction: Direction) -> float:
    """Return the two-sided p-value of a verdict.

    Parameters
    ----------
    evidence : Evidence
        The estimate, and how far it can be trusted.
    threshold : float
        The threshold of the claim.
    direction : {"above", "below", "within"}
        The side that is claimed.

    Returns
    -------
    float
        Twice the smaller of the p-values of the two sides; for an equivalence, twice the larger of
        those against being outside on either side; NaN if one is not known.
    """
    if direction == "within":
        outside = [evidence.below(threshold), evidence.above(-threshold)]
        return float(np.clip(2 * np.max(outside), 0, 1))
    beyond = [evidence.above(threshold), evidence.below(threshold)]
    return float(np.clip(2 * np.min(beyond), 0, 1))


def _networks(question: Question) -> dict[str, int]:
    """Return how many networks each arm has in a question."""
    return dict(sorted(Counter(question.strata).items()))


def _short_arms(claim: Claim, question: Question) -> str:
    """Say which arms have too few networks for a verdict."""
    short = []
    for arm, networks in _networks(question).items():
        if networks < FEWEST:
            short.append(f"{arm} has {networks}")
    counted = "draws" if claim.unit_of_n == "draws" else "seeds"
    return f"no verdict below {FEWEST} {counted}: {', '.join(short)}" if short else ""


def _left_out(question: Question) -> str:
    """Name what was left out."""
    return f"left out: {', '.join(question.left_out)}" if question.left_out else ""


def _with_notes(judgement: Judgement, *notes: str) -> Judgement:
    """Add what there is to say."""
    all_notes = [judgement.note, *notes]
    return replace(judgement, note="; ".join(note for note in all_notes if note))


def _too_few(claim: Claim, question: Question) -> str:
    """Say which sides have too few units for an interval; nothing if none has."""
    too_few = []
    for side, size in question.sizes.items():
        if size < 2:
            units = SINGULAR[claim.unit_of_n] if size == 1 else claim.unit_of_n
            too_few.append(f"{side} has {size} {units}")
    arms = set(question.strata)
    if not too_few and len(arms) == len(question.strata):
        too_few.append("no arm has two networks")
    return f"too few data: {', '.join(too_few)}" if too_few else ""


def _with_imported(judgement: Judgement, minima: xr.Dataset) -> Judgement:
    """Say which arms were trained elsewhere: the stop rule was not asked of them."""
    if "status" not in minima:
        return judgement
    imported = (minima["status"] == "imported").any("seed")
    arms = [str(arm) for arm in minima["arm"].values[imported.values]]
    if not arms:
        return judgement
    return _with_notes(judgement, f"imported, and used whatever their loss: {', '.join(arms)}")


def _of_binary(judgement: Judgement) -> Judgement:
    """Name what H1 to H4 say of binary networks H5: that the same holds for them."""
    if not judgement.identifier.startswith("H"):
        return judgement
    first_letter = judgement.statement[0].lower()
    statement = f"With binary weights and activations, {first_letter}{judgement.statement[1:]}"
    return replace(judgement, identifier=f"H5-{judgement.identifier}", statement=statement)
