"""Controls: what the claims would look like if another cause were at work.

Flat and sharp optimizers differ in more than flatness (weight decay, step size, gradients per
step), and networks could be near each other because they saw the data in the same order. Each
control asks one such question with the arms that isolate it; it is asked only of studies that have
these arms.
"""

import math
from dataclasses import replace
from functools import partial

from symgeom.study.claims.barriers import lower_barriers
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.distances import (
    DISTANCE,
    difference_of_distances,
    nearer,
    select_distances,
)
from symgeom.study.claims.flatness import flatter
from symgeom.study.claims.gates import equal_depth
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question


def difference_of_orders(measured: Measured) -> Question:
    """Ask by how much a common order of the data brings minima nearer.

    Parameters
    ----------
    measured : Measured
        With ``distance(pair, stage)`` in the stage "distances".

    Returns
    -------
    Question
        The difference of the mean distances. It counts as none within one standard deviation of the
        reference's distances: less than what tells pairs of one arm apart.
    """
    question = difference_of_distances(measured, first="reference", second="same_order")
    pairs = select_distances(measured, "reference")

    def difference() -> Answer:
        spread = float(pairs.values.std(ddof=1))
        return replace(question.answer(), threshold=spread)

    return replace(question, answer=difference)


def at_equal_compute(claim: Claim) -> Claim:
    """Ask a claim about the flat arm against the reference at the flat arm's budget.

    Parameters
    ----------
    claim : Claim
        About the roles "flat" and "equal_budget".

    Returns
    -------
    Claim
        The same claim. It says, with the losses, that minima of equal compute differ in depth.
    """
    first_letter = claim.statement[0].lower()
    return replace(
        claim,
        statement=(
            f"At equal compute, though not at equal depth, {first_letter}{claim.statement[1:]}"
        ),
        source="control, ours",
        ask=partial(_ask_with_losses, claim=claim),
        applies=HAS_EQUAL_BUDGET,
    )


def _ask_with_losses(measured: Measured, *, claim: Claim) -> Question:
    """Ask a claim, and remark the mean training losses of its arms."""
    question = claim.ask(measured)
    losses = measured.minima["train_loss"].where(measured.minima["usable"])
    words = []
    for arm in measured.arms("flat", "equal_budget"):
        words.append(f"{arm} {float(losses.sel(arm=arm).mean()):.2g}")

    def answer() -> Answer:
        return replace(question.answer(), remark=f"mean training loss: {', '.join(words)}")

    return replace(question, answer=answer)


def has_role(measured: Measured, *, role: str) -> bool:
    """Say whether a study names an arm for a role.

    Parameters
    ----------
    measured : Measured
        With the roles of the arms.
    role : str
        The role.

    Returns
    -------
    bool
        Whether it does.
    """
    return role in measured.roles


HAS_UNREGULARISED = partial(has_role, role="unregularised")
HAS_SAME_ORDER = partial(has_role, role="same_order")
HAS_EQUAL_BUDGET = partial(has_role, role="equal_budget")

CLAIMS = (
    at_equal_compute(flatter("K-budget", "flat", "equal_budget")),
    at_equal_compute(nearer("K-budget-distance", "flat", "equal_budget")),
    at_equal_compute(lower_barriers("K-budget-barrier", "flat", "equal_budget")),
    replace(
        flatter("K-regularisation", "flat", "unregularised"),
        applies=HAS_UNREGULARISED,
    ),
    replace(
        nearer("K-regularisation-distance", "flat", "unregularised"),
        applies=HAS_UNREGULARISED,
    ),
    Claim(
        identifier="K-order",
        statement=(
            "Minima that share the order of the data ({same_order}) are as far from each other as "
            "those of independent orders ({reference})."
        ),
        source="control, ours",
        statistic=(
            f"{DISTANCE}, reference minus same_order; equivalent within one standard deviation of "
            "the reference's pairs"
        ),
        unit_of_n="pairs",
        threshold=math.nan,
        direction="within",
        stages=("minima", "distances"),
        ask=difference_of_orders,
        applies=HAS_SAME_ORDER,
        gates=equal_depth("reference", "same_order"),
    ),
)
