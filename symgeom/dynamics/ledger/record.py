"""What a ledger reports."""

from dataclasses import dataclass

from torch import Tensor

CAUSES = ("weight_decay", "noise", "discretisation", "optimizer")
"""What changes a charge in a step."""

TERMS = (*CAUSES, *[f"carried_{cause}" for cause in CAUSES])
"""What changes a charge, in the order of the ``term`` axis: in the step itself, and in later steps,
because momentum carries it on."""


@dataclass(frozen=True, eq=False)
class LedgerRecord:
    """Charges and what changed them; NaN where a member was not part of a snapshot.

    Attributes
    ----------
    step : Tensor of int64, shape (snapshot,)
        Training steps done at each snapshot.
    charge : dict of str to Tensor, shape (member, snapshot, unit)
        Measured charges, in float64; of linear groups, here and below, (unit, unit) in the place of
        unit.
    scale : dict of str to Tensor, shape (member, snapshot, unit)
        Sum of the squared lengths that a charge is the difference of, the largest at any snapshot
        so far: what a defect is small against, also for a unit that has withered.
    terms : dict of str to Tensor, shape (member, snapshot, term, unit)
        Changes since the start, summed over steps, in the order of :data:`TERMS`.
    defect : dict of str to Tensor, shape (member, snapshot, unit)
        Charge minus start and terms: rounding, or a fault.
    """

    step: Tensor
    charge: dict[str, Tensor]
    scale: dict[str, Tensor]
    terms: dict[str, Tensor]
    defect: dict[str, Tensor]
