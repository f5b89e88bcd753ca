"""A case's network and its data, as problems."""

import torch
from _case import Case

from symgeom.ground.randomness import stream
from symgeom.landscape.batchnorm import batch_norms
from symgeom.landscape.problem import Problem
from symgeom.learning.training.device import choose_device
from symgeom.study.datasets.splits import stratified_split


def problems_of(
    case: Case, precision: str, *, samples: int | None = None, trained: bool = False
) -> dict[str, Problem]:
    """Return a problem for each split, on all samples or on about so many, for the network as measured or as trained.

    The statistics of batch norms that are kept are measured anew for every network, on the training
    samples of the problem.
    """
    dtype, module = getattr(torch, precision), case.trained if trained else case.measured
    policy, found = {"batch_norm": "recompute"} if batch_norms(module) else {}, {}
    for split in ("train", "test"):
        inputs, targets = (
            torch.from_numpy(case.data[f"{split}_{part}"].values) for part in ("inputs", "targets")
        )
        if samples is not None and samples < len(targets):
            index = stratified_split(
                targets, samples / len(targets), generator=stream("samples", split)
            )[1]
            inputs, targets = inputs[index], targets[index]
        inputs = inputs.to(dtype)
        if policy:
            policy.setdefault("training_inputs", inputs)
        found[split] = Problem(module.to(dtype), inputs, targets, **policy).to(
            choose_device(case.options["device"])
        )
    return found
