"""Real numbers as targets, which no answer hits: there is a loss, and no error."""

from torch import Tensor

from symgeom.landscape.problem.tasks.shapes import fault_of_shapes, mean_of_sample
from symgeom.landscape.problem.tasks.task import Task


def _losses(outputs: Tensor, targets: Tensor) -> Tensor:
    differences = outputs.reshape(targets.shape) - targets
    return mean_of_sample(differences.square())


def _fault(outputs: Tensor, targets: Tensor) -> str:
    if not targets.is_floating_point():
        return f"targets are of {targets.dtype}, and not real numbers. Give targets.to(inputs)"
    return fault_of_shapes(outputs, targets)


REGRESSION = Task(
    name="regression",
    title="as many outputs as targets, which are real numbers; the mean squared error",
    fault=_fault,
    losses=_losses,
    wrong=None,
)
