"""The claim about margins (H6-margin): flat minima classify the training samples more clearly."""

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.gates import equal_depth
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_difference
from symgeom.study.claims.scope import noise_words
from symgeom.study.claims.selection import select_minima

QUANTILE = 0.1
"""The quantile of the samples' margins that is compared."""


def difference_of_margins(measured: Measured) -> Question:
    """Ask for the margin of flat minima minus that of sharp ones.

    Parameters
    ----------
    measured : Measured
        With ``margin(arm, seed, quantile)`` of the canonical networks in the stage "flatness".

    Returns
    -------
    Question
        The difference of the mean margins at :data:`QUANTILE`.
    """
    margins = measured.stages["flatness"]["margin"]
    margin = margins.sel(quantile=QUANTILE, method="nearest", drop=True)
    minima = measured.minima_as("flat", "sharp")
    selection = select_minima(margin, minima, measured.arms("flat", "sharp"))
    return ask_difference(selection, measured, first="flat", second="sharp")


def has_margins(measured: Measured) -> bool:
    """Say whether margins were measured.

    Parameters
    ----------
    measured : Measured
        With the stage "flatness".

    Returns
    -------
    bool
        False for networks whose outputs have no scale of their own.
    """
    return "margin" in measured.stages["flatness"]


CLAIMS = (
    Claim(
        identifier="H6-margin",
        statement="Minima of {flat} have larger normalised margins than those of {sharp}.",
        source=(
            "Baldassi et al. (arXiv 2107.01163), for shallow models: wide flat minima lie around "
            "high-margin solutions; Pittorino et al. use the same normalised networks"
        ),
        statistic=(
            f"margin (outputs of the canonical network) that {1 - QUANTILE:.0%} of the training "
            "samples exceed, flat minus sharp; {samples}"
        ),
        unit_of_n="seeds",
        threshold=0.0,
        direction="above",
        stages=("minima", "flatness"),
        ask=difference_of_margins,
        applies=has_margins,
        words=noise_words,
        gates=equal_depth("flat", "sharp"),
    ),
)
