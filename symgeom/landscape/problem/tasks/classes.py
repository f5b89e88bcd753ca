"""One class for each sample."""

import torch
from torch import Tensor

from symgeom.landscape.problem.losses import cross_entropy
from symgeom.landscape.problem.tasks.task import Task

IGNORED = -100
"""The class of what does not count, as in torch."""


def _fault(outputs: Tensor, targets: Tensor) -> str:
    whole = targets.dtype == torch.int64
    if targets.ndim != 1 or not whole:
        way = "targets.long(), or "
        if targets.ndim == 2 and not whole:
            way = "targets.argmax(1), if they are one-hot, or "
        elif targets.ndim != 1:
            way = ""
        return (
            f"classes are whole numbers (int64), one per sample. Give {way}a sample_loss of your "
            "own"
        )
    if outputs.ndim != 2:
        return "a sample has one row of logits"
    ignored = targets == IGNORED
    if bool(ignored.any()):
        return (
            f"{int(ignored.sum())} of {len(targets)} samples have the class {IGNORED}, which does "
            f"not count. Leave them out: problem data of targets != {IGNORED}"
        )
    return fault_of_classes(targets, outputs.shape[1])


def fault_of_classes(targets: Tensor, classes: int) -> str:
    """Say which classes have no output.

    Parameters
    ----------
    targets : Tensor of int64
        Classes.
    classes : int
        How many the network knows.

    Returns
    -------
    str
        Empty if all have one.

    Examples
    --------
    >>> fault_of_classes(torch.tensor([0, 3]), 3)
    'it has 3 outputs for classes 0 to 3: build it with one per class'
    """
    low = int(targets.min())
    high = int(targets.max())
    if 0 <= low <= high < classes:
        return ""
    return f"it has {classes} outputs for classes {low} to {high}: build it with one per class"


def _wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(-1) != targets).to(torch.float64)


CLASSES = Task(
    name="classes",
    title="outputs (sample, class), targets (sample,) of int64; the cross entropy",
    fault=_fault,
    losses=cross_entropy,
    wrong=_wrong,
)
