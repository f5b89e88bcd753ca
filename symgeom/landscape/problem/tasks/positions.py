r"""One class for each position of a sample: pixels of a picture, tokens of a text.

The loss of a sample is the mean cross entropy of its positions, and its error the share of wrong
ones. Positions whose class is :data:`~symgeom.landscape.problem.tasks.classes.IGNORED` do not
count: padding, for instance. Samples weigh the same, however many of their positions count. Differs
from ``torch.nn.functional.cross_entropy``, whose mean is over all positions that count, where
samples have unequally many.
"""

import torch
from torch import Tensor

from symgeom.landscape.problem.tasks.classes import IGNORED, fault_of_classes
from symgeom.landscape.problem.tasks.task import Task


def _losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the losses of samples whose last axis of outputs is the class."""
    counts = targets != IGNORED
    column = targets.where(counts, 0).unsqueeze(-1)
    logarithms = outputs.log_softmax(-1).gather(-1, column)
    return _mean(-logarithms.squeeze(-1), counts)


def _wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the share of wrong positions of such samples."""
    wrong = outputs.argmax(-1) != targets
    return _mean(wrong.to(torch.float64), targets != IGNORED)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    """Return the mean over the positions of each sample that count."""
    total = values.where(counts, 0).flatten(1).sum(1)
    return total / counts.flatten(1).sum(1)


def _fault(outputs: Tensor, targets: Tensor) -> str:
    """Say what does not fit in outputs of one sample, (1, ..., class)."""
    if targets.dtype != torch.int64 or targets.ndim < 2:
        return "classes are whole numbers (int64), one per position of a sample"
    if outputs.shape[1:-1] != targets.shape[1:]:
        return (
            f"a sample has targets of shape {tuple(targets.shape[1:])}, and outputs at positions "
            f"{tuple(outputs.shape[1:-1])}"
        )
    counts = targets != IGNORED
    empty = ~counts.flatten(1).any(1)
    if bool(empty.any()):
        first = int(empty.nonzero()[0])
        return (
            f"of {int(empty.sum())} samples (the first is {first}) no position counts, all have "
            f"the class {IGNORED}. Leave these samples out"
        )
    return fault_of_classes(targets[counts], outputs.shape[-1])


def _class_last(outputs: Tensor) -> Tensor:
    """Move the axis of the classes behind the positions."""
    return outputs.movedim(1, -1) if outputs.ndim > 1 else outputs


def _losses_of_pixels(outputs: Tensor, targets: Tensor) -> Tensor:
    return _losses(_class_last(outputs), targets)


def _wrong_pixels(outputs: Tensor, targets: Tensor) -> Tensor:
    return _wrong(_class_last(outputs), targets)


def _fault_of_pixels(outputs: Tensor, targets: Tensor) -> str:
    return _fault(_class_last(outputs), targets)


PIXELS = Task(
    name="pixels",
    title="outputs (sample, class, ...), targets (sample, ...) of int64; the mean cross entropy",
    fault=_fault_of_pixels,
    losses=_losses_of_pixels,
    wrong=_wrong_pixels,
)

TOKENS = Task(
    name="tokens",
    title="outputs (sample, ..., class), targets (sample, ...) of int64; the mean cross entropy",
    fault=_fault,
    losses=_losses,
    wrong=_wrong,
)
