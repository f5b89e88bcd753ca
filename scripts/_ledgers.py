"""Label the ledgers of the charges of an arm."""

from collections.abc import Mapping

import numpy as np
import torch
from _bookings import changes_of
from _labels import labelled, names
from _tables import SEED, Tables

from symgeom.dynamics.ledger import TERMS, LedgerRecord
from symgeom.learning.optimizers.method import Method


def ledger_table(record: LedgerRecord, method: Method | None, seeds: int) -> Tables:
    """Label the ledgers of one arm; of replicas that train together, the first is kept. Without charges all is unknown.

    Without a method, for an arm whose training nobody saw, nothing is claimed of how it moved them.
    """
    replicas = method.members_per_seed if method else 1

    def kept(values: Mapping[str, torch.Tensor], group: str) -> np.ndarray:
        own = values[group][::replicas][None]
        matrix = record.charge[group].ndim == 4
        return (own.diagonal(dim1=-2, dim2=-1) if matrix else own).numpy()

    variables, defects, changes, finite = {}, [], [], np.ones((1, seeds), bool)
    for group in record.charge:
        charge, along = kept(record.charge, group), (*SEED, "step", group)
        variables[f"charge_{group}"] = labelled(along, charge, "weight^2", f"charges of {group}")
        finite &= np.isfinite(charge[:, :, 0]).all(axis=-1)
        if not method:
            continue
        terms, defect = (kept(part, group) for part in (record.terms, record.defect))
        caused = f"what changed the charges of {group} since the start"
        variables[f"term_{group}"] = labelled(
            (*SEED, "step", "term", group), terms, "weight^2", caused
        )
        variables[f"defect_{group}"] = labelled(
            along, defect, "weight^2", f"changes of {group} that no term explains"
        )
        defects.append(np.nan_to_num(np.abs(defect) / kept(record.scale, group)).max(axis=(2, 3)))
        changes.append(changes_of(terms))
    total = np.sum([np.zeros((1, seeds, len(TERMS))), *changes], axis=0)
    share = total[..., TERMS.index("optimizer")] / np.where(
        total.sum(-1) > 0, total.sum(-1), np.nan
    )
    closure = np.where(finite, np.max(defects, axis=0) if defects else np.nan, np.nan)
    variables["closure"] = labelled(
        SEED, closure, "1", "largest defect relative to the scale of its charge"
    )
    variables["first_order"] = labelled(
        SEED, share, "1", "share of all changes that is the optimizer's own, at first order"
    )
    variables["equivariant"] = labelled(
        "arm",
        [bool(method and method.equivariant)],
        "1",
        "whether the method changes no charge at first order",
    )
    return variables, {"step": ("step", record.step.numpy())} | names(
        "term", TERMS, "cause of a change"
    )
