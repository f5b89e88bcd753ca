"""One logit for each answer, yes or no: two classes, several labels of a sample, masks.

The loss of a sample is the mean binary cross entropy of its answers. An answer is yes where its
logit is positive.
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from symgeom.landscape.problem.tasks.shapes import fault_of_shapes, mean_of_sample
from symgeom.landscape.problem.tasks.task import Task


def _losses(outputs: Tensor, targets: Tensor) -> Tensor:
    logits = outputs.reshape(targets.shape)
    answers = targets.to(outputs.dtype)
    losses = binary_cross_entropy_with_logits(logits, answers, reduction="none")
    return mean_of_sample(losses)


def _wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    answers = outputs.reshape(targets.shape) > 0
    wrong = answers != targets.bool()
    return mean_of_sample(wrong.to(torch.float64))


def _fault(outputs: Tensor, targets: Tensor) -> str:
    values = targets.unique()
    if not bool(((values == 0) | (values == 1)).all()):
        return f"targets are 0 or 1, and lie between {values.min():.6g} and {values.max():.6g}"
    return fault_of_shapes(outputs, targets)


BINARY = Task(
    name="binary",
    title="as many outputs as targets, which are 0 or 1; the mean binary cross entropy of logits",
    fault=_fault,
    losses=_losses,
    wrong=_wrong,
)
