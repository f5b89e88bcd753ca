"""Claims about conserved charges (C1, C2).

References
----------
Zhao, Ganev, Walters, Yu, Dehmamy, "Symmetries, Flat Minima, and the Conserved Quantities of
Gradient Flow", ICLR 2023 (arXiv 2210.17216), section 4.
"""

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.evidence import Student
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question, ask_mean
from symgeom.study.claims.selection import select_minima


def largest_defect(measured: Measured) -> Question:
    """Ask for the largest defect of the ledgers of optimizers that commute with the symmetry.

    Parameters
    ----------
    measured : Measured
        With ``closure(arm, seed)``, the largest defect over the scale of the charges, in the stage
        "ledgers".

    Returns
    -------
    Question
        The largest closure, as it is: it is checked for every minimum and stands for no other.
    """
    ledgers = measured.stages["ledgers"]
    arms = measured.arms("equivariant")
    selection = select_minima(ledgers["closure"], measured.minima, arms)

    def largest() -> Answer:
        return Answer(Student(float(selection.values.max()), error=0.0, freedom=1.0))

    sizes = {measured.named("equivariant"): len(selection.values)}
    return Question(largest, selection.strata, sizes, selection.left_out)


def share_of_first_order(measured: Measured) -> Question:
    """Ask how much of the change of the charges an adaptive optimizer makes at first order.

    Parameters
    ----------
    measured : Measured
        With ``first_order(arm, seed)``, the share of the change booked as "optimizer", in the stage
        "ledgers".

    Returns
    -------
    Question
        The mean share.
    """
    ledgers = measured.stages["ledgers"]
    arms = measured.arms("adaptive")
    selection = select_minima(ledgers["first_order"], measured.minima, arms)
    return ask_mean(selection, measured.named("adaptive"))


def has_charges(measured: Measured) -> bool:
    """Say whether the networks have charges and their ledgers were kept.

    Parameters
    ----------
    measured : Measured
        With the stage "ledgers".

    Returns
    -------
    bool
        Whether any group has a charge.
    """
    return measured.has_any("ledgers", "charge_")


CLAIMS = (
    Claim(
        identifier="C1",
        statement=(
            "The ledger of every conserved charge closes for optimizers that commute with the "
            "symmetry."
        ),
        source=(
            "Zhao et al., ICLR 2023 (arXiv 2210.17216), section 4, for gradient flow; the ledger "
            "of finite steps is ours"
        ),
        statistic=(
            "largest defect over the scale of the charges, over all minima of {equivariant}"
        ),
        unit_of_n="minima",
        threshold=1e-10,
        direction="below",
        stages=("minima", "ledgers"),
        ask=largest_defect,
        applies=has_charges,
        kind="check",
    ),
    Claim(
        identifier="C2",
        statement=(
            "An adaptive optimizer, {adaptive}, does not commute with the symmetry: it moves the "
            "charges at first order in the learning rate."
        ),
        source=(
            "control of C1, ours; Ziyin et al., NeurIPS 2024 (arXiv 2402.07193), state their "
            "theory for SGD"
        ),
        statistic="mean share of the change of the charges that is booked as 'optimizer'",
        unit_of_n="seeds",
        threshold=0.01,
        direction="above",
        stages=("minima", "ledgers"),
        ask=share_of_first_order,
        applies=has_charges,
        kind="check",
    ),
)
