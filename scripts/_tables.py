"""Label what training yields: the minima of an arm, and the ledgers of their charges."""

from collections.abc import Mapping

import numpy as np
import torch
from _labels import labelled, names
from xarray import Variable

from symgeom.ledger import TERMS, LedgerRecord
from symgeom.optimizers.method import Method
from symgeom.problem import Problem
from symgeom.spec import SymmetrySpec
from symgeom.store import parameters_to_variables
from symgeom.train import Trained

SEED, Tables = ("arm", "seed"), tuple[dict[str, Variable], dict[str, Variable]]


def minima_table(spec: SymmetrySpec, trained: Trained, problems: Mapping[str, Problem]) -> Tables:
    """Label the minima of one arm: weights, errors, losses, how each seed ended, and its history."""
    variables = dict(parameters_to_variables(spec, {k: v[None] for k, v in trained.parameters.items()}, leading=SEED))
    for split, problem in problems.items():
        loss, error = (values.double()[None].numpy() for values in torch.vmap(problem.loss_and_error)(trained.parameters))
        error = np.where(np.isfinite(loss), error, np.nan)
        variables[f"{split}_loss"] = labelled(SEED, loss, "nat", f"{split} loss")
        variables[f"{split}_error"] = labelled(SEED, error, "1", f"fraction of {split} samples misclassified")
    variables["status"] = labelled(SEED, [list(trained.status)], "1", "how the seed ended: reached, epoch limit or diverged")
    reached = [[state == "reached" for state in trained.status]]
    variables["usable"] = labelled(SEED, reached, "1", "whether the seed reached the stop rule")
    variables["epochs"] = labelled(SEED, trained.epochs[None], "1", "epochs run")
    variables["gradient_evaluations"] = labelled(SEED, trained.gradients[None], "1", "mini-batch gradients evaluated")
    variables["history_loss"] = labelled((*SEED, "epoch"), trained.loss[None], "nat", "training loss")
    variables["history_error"] = labelled((*SEED, "epoch"), trained.error[None], "1", "training error")
    return variables, {"epoch": labelled("epoch", range(trained.loss.shape[1]), "1", "epoch")}


def ledger_table(record: LedgerRecord, method: Method, seeds: int) -> Tables:
    """Label the ledgers of one arm; of replicas that train together, the first is kept. Without charges all is unknown."""

    def kept(values: Mapping[str, torch.Tensor], group: str) -> np.ndarray:
        return values[group][:: method.members_per_seed][None].numpy()

    variables, defects, changes, finite = {}, [], [], np.ones((1, seeds), bool)
    for group in record.charge:
        charge, terms, defect = (kept(part, group) for part in (record.charge, record.terms, record.defect))
        along, caused = (*SEED, "step", group), f"what changed the charges of {group} since the start"
        variables[f"charge_{group}"] = labelled(along, charge, "weight^2", f"charges of {group}")
        variables[f"term_{group}"] = labelled((*SEED, "step", "term", group), terms, "weight^2", caused)
        variables[f"defect_{group}"] = labelled(along, defect, "weight^2", f"changes of {group} that no term explains")
        defects.append(np.nan_to_num(np.abs(defect) / kept(record.scale, group)).max(axis=(2, 3)))
        changes.append(np.nan_to_num(np.abs(np.diff(terms, axis=2))).sum(axis=(2, 4)))
        finite &= np.isfinite(charge[:, :, 0]).all(axis=-1)
    total = np.sum([np.zeros((1, seeds, len(TERMS))), *changes], axis=0)
    share = total[..., TERMS.index("optimizer")] / np.where(total.sum(-1) > 0, total.sum(-1), np.nan)
    closure = np.where(finite, np.max(defects, axis=0) if defects else np.nan, np.nan)
    variables["closure"] = labelled(SEED, closure, "1", "largest defect relative to the scale of its charge")
    variables["first_order"] = labelled(SEED, share, "1", "share of all changes that is the optimizer's own, at first order")
    variables["equivariant"] = labelled("arm", [method.equivariant], "1", "whether the method changes no charge at first order")
    return variables, {"step": ("step", record.step.numpy())} | names("term", TERMS, "cause of a change")
