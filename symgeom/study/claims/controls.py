"""Controls: what the claims would look like if another cause were at work.

Flat and sharp optimizers differ in more than flatness (weight decay, step size), and networks could
be near each other because they saw the data in the same order. Each control asks one such question
with the arms that isolate it; it is asked only of studies that have these arms.
"""

import math
from dataclasses import replace
from functools import partial

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

CLAIMS = (
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
