r"""Errors along a path for networks with a dense first layer, whose products are computed once.

At every ``t`` the rows of the first layer's weight are combinations of the rows of the path's
points, each with factors of its own (:meth:`~symgeom.landscape.path.Path.factors`). So are its
outputs,

.. math:: W_k(t)\,x = \sum_j f_{jk}(t)\, W^{(j)}_k\, x,

and the products :math:`W^{(j)} x` are the same for all ``t``. In a multilayer perceptron
784-256-256-10 the first layer is three quarters of the work. Errors differ from those of the
networks themselves by rounding only: where two outputs tie.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.ground.types import Parameters
from symgeom.landscape.path import Path
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.borrow import Borrower

HELD_BYTES = 2**26
"""Memory (bytes) that the outputs of the points' first layers may take."""


@dataclass(frozen=True, eq=False)
class SharedLayer:
    """A network whose first layer is told its outputs.

    Attributes
    ----------
    problem : Problem
        The landscape.
    borrower : Borrower
        A copy of its network.
    layer : nn.Linear
        The copy's first layer; its ``forward`` is replaced.
    weight, bias : str, str or None
        Names of its tensors.
    """

    problem: Problem
    borrower: Borrower
    layer: nn.Linear
    weight: str
    bias: str | None

    @staticmethod
    def of(problem: Problem) -> "SharedLayer | None":
        """Find the first layer; None if it is not dense or does not read the inputs as they are."""
        if (
            problem.batch_norm == "recompute"
            or problem.task != "classes"
            or problem.inputs.device.type != "cpu"
        ):
            return None
        borrower = Borrower(problem.module, problem.precision)
        layer = _layer_that_reads(borrower.module, problem.inputs[:1])
        if layer is None:
            return None
        names: dict[Tensor, str] = {}
        for name, tensor in borrower.module.named_parameters():
            names[tensor] = name
        bias = None if layer.bias is None else names[layer.bias]
        return SharedLayer(problem, borrower, layer, names[layer.weight], bias)

    @torch.no_grad()
    def errors(self, path: Path, t: Tensor) -> Tensor | None:
        """Evaluate the error along a path of one network.

        Parameters
        ----------
        path : Path
            Of one network.
        t : Tensor, shape (t,)
            Where to evaluate.

        Returns
        -------
        Tensor, shape (t,)
            In float64; NaN where an output is not finite. None if the rows of the first layer are
            no combinations of rows.
        """
        factors = path.factors(self.weight, t)
        if factors is None:
            return None
        weights = [point[self.weight] for point in path.points]
        factors = factors.to(weights[0])
        other_names = [name for name in path.points[0] if name != self.weight]
        inputs = self.problem.inputs.flatten(1)
        block = self._samples_held(weights)
        wrong = torch.zeros(len(t), dtype=torch.float64)
        for start in range(0, len(inputs), block):
            samples = inputs[start : start + block]
            outputs_of_points = [nn.functional.linear(samples, weight) for weight in weights]
            for index, time in enumerate(t.tolist()):
                others = path.tensors(time, other_names)
                factors_here = factors[:, index]
                wrong[index] += self._wrong_in_block(start, outputs_of_points, factors_here, others)
        return wrong / len(inputs)

    def _samples_held(self, weights: Sequence[Tensor]) -> int:
        """Return how many samples to hold the outputs of: a multiple of the chunk."""
        chunk = self.problem.chunk
        bytes_per_sample = len(weights) * len(weights[0]) * self.problem.inputs.element_size()
        return max(1, HELD_BYTES // bytes_per_sample // chunk) * chunk

    def _wrong_in_block(
        self, start: int, outputs_of_points: Sequence[Tensor], factors: Tensor, others: Parameters
    ) -> Tensor:
        """Count the misclassified samples from ``start`` on, of one network, or return NaN."""
        self.borrower.lend(others)
        chunk = self.problem.chunk
        wrong = torch.zeros((), dtype=torch.float64)
        for first in range(0, len(outputs_of_points[0]), chunk):
            parts = [outputs[first : first + chunk] for outputs in outputs_of_points]
            combined = _combined(parts, factors)
            if self.bias:
                combined += others[self.bias]
            samples = slice(start + first, start + first + len(combined))
            wrong += self._wrong(combined, samples)
        return wrong

    def _wrong(self, layer_outputs: Tensor, samples: slice) -> Tensor:
        """Count the misclassified samples, or return NaN."""
        vars(self.layer)["forward"] = lambda _: layer_outputs
        outputs = self.borrower.module(self.problem.inputs[samples])
        wrong = (outputs.argmax(-1) != self.problem.targets[samples]).sum().double()
        return torch.where(outputs.isfinite().all(), wrong, torch.nan)


def _layer_that_reads(module: nn.Module, sample: Tensor) -> nn.Linear | None:
    """Return the dense layer that reads a sample as it is and runs once, or None."""
    calls: list[tuple[nn.Linear, Tensor]] = []

    def record(layer: nn.Linear, arguments: tuple[Tensor]) -> None:
        calls.append((layer, arguments[0]))

    dense = [layer for layer in module.modules() if type(layer) is nn.Linear]
    hooks = [layer.register_forward_pre_hook(record) for layer in dense]
    with torch.no_grad():
        module(sample)
    for hook in hooks:
        hook.remove()
    if not calls:
        return None
    layer, seen = calls[0]
    as_it_is = (
        seen.data_ptr() == sample.data_ptr()
        and seen.shape == (1, sample.numel())
        and sample.is_contiguous()
    )
    runs = sum(called is layer for called, _ in calls)
    if not as_it_is or runs != 1 or _owners(module, layer.weight) != 1:
        return None
    return layer


def _owners(module: nn.Module, weight: Tensor) -> int:
    """Return how many layers use a weight."""
    count = 0
    for layer in module.modules():
        count += sum(parameter is weight for parameter in layer.parameters(recurse=False))
    return count


def _combined(parts: Sequence[Tensor], factors: Tensor) -> Tensor:
    """Combine outputs, with a factor per row of the layer (or one for all)."""
    total = parts[0] * factors[0]
    for part, factor in zip(parts[1:], factors[1:], strict=True):
        total.addcmul_(part, factor)
    return total
