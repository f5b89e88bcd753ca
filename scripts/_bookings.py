"""What a ledger holds of each seed: nothing, charges alone, or what every cause changed."""

import numpy as np
import torch

from symgeom.dynamics.charge import charges
from symgeom.dynamics.ledger import LedgerRecord
from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import SymmetrySpec

NO_LEDGER = LedgerRecord(torch.zeros(0, dtype=torch.int64), {}, {}, {}, {})


def charges_alone(spec: SymmetrySpec, networks: Parameters) -> LedgerRecord:
    """Return the charges of stacked networks that were trained elsewhere, as after no step: nobody saw what moved them."""
    found = torch.vmap(lambda params: charges(spec, params))(networks)
    return LedgerRecord(
        torch.zeros(1, dtype=torch.int64),
        {group: each[:, None] for group, each in found.items()},
        {},
        {},
        {},
    )


def changes_of(terms: np.ndarray) -> np.ndarray:
    """Add up how much each cause changed charges from snapshot to snapshot; (arm, seed, step, term, unit) to (arm, seed, term).

    A seed that has not ended has no entry where another one ended: there what it was booked before
    is carried on.
    """
    booked = terms.copy()
    for step in range(1, terms.shape[2]):
        booked[:, :, step] = np.where(
            np.isnan(terms[:, :, step]), booked[:, :, step - 1], terms[:, :, step]
        )
    return np.nan_to_num(np.abs(np.diff(booked, axis=2))).sum(axis=(2, 4))
