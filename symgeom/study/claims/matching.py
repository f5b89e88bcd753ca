"""A control of the barriers (H3-matching): what the paper's single pass of matching leaves."""

from functools import partial

from symgeom.study.claims.barriers import below_the_lowest
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.flatness import PAPER
from symgeom.study.claims.gates import all_at_the_ceiling
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.scope import path_words

ITERATED = "geodesic both"
SINGLE_PASS = "geodesic greedy"


def has_single_pass(measured: Measured) -> bool:
    """Say whether paths after a single pass of matching were measured.

    Parameters
    ----------
    measured : Measured
        With the stage "paths".

    Returns
    -------
    bool
        Whether there are.
    """
    return SINGLE_PASS in measured.stages["paths"]["variant"].values


CLAIMS = (
    Claim(
        identifier="H3-matching",
        statement=(
            "Part of the barriers after the single-pass matching of the paper is due to the "
            "matching: iterated matching lowers them."
        ),
        source=f"control, ours; the single pass is that of {PAPER}",
        statistic=(
            "mean barrier of the training error (fraction) within an arm, "
            f"'{ITERATED}' minus '{SINGLE_PASS}', mean over arms, whichever arm is left out; "
            "{grid}; {samples}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="below",
        stages=("minima", "paths"),
        ask=partial(below_the_lowest, variant=ITERATED, others=(SINGLE_PASS,)),
        applies=has_single_pass,
        words=path_words,
        gates=(partial(all_at_the_ceiling, variants=(ITERATED, SINGLE_PASS)),),
    ),
)
