"""Controls: what the claims would look like if another cause were at work.

Flat and sharp optimizers differ in more than flatness (weight decay, step size), and networks could
be near each other because they saw the data in the same order. Each control asks one such question
with the arms that isolate it; it is asked only of studies that have these arms.
"""

from dataclasses import replace
from functools import partial

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.distances import DISTANCE, difference_of_distances, nearer
from symgeom.study.claims.flatness import flatter
from symgeom.study.claims.measured import Measured

EQUAL_DISTANCE = 0.02
"""Difference of mean distances (radians) below which two arms count as equally spread."""


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
            "Sharing the order of the data ({same_order}) brings minima no closer to each other "
            "than independent orders ({reference})."
        ),
        source="control, ours",
        statistic=f"{DISTANCE}, reference minus same_order",
        unit_of_n="pairs",
        threshold=EQUAL_DISTANCE,
        direction="below",
        stages=("minima", "distances"),
        ask=partial(difference_of_distances, first="reference", second="same_order"),
        applies=HAS_SAME_ORDER,
    ),
)
