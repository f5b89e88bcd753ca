"""A task that only the user's own loss describes."""

from torch import Tensor

from symgeom.landscape.problem.tasks.task import Task


def _fault(_outputs: Tensor, _targets: Tensor) -> str:
    return ""


OTHER = Task(
    name="other",
    title="any outputs and targets; a sample_loss of your own",
    fault=_fault,
    losses=None,
    wrong=None,
)
