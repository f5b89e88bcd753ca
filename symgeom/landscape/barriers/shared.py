r"""Errors along a path, for networks whose first layer is dense: what the ends do to the data is computed once.

The rows of the first layer's weight are, at every ``t``, combinations of the rows of the path's
points, with factors of their own (:meth:`factors` of the path). So are its outputs,

.. math:: W_k(t)\,x = \sum_j f_{jk}(t)\, W^{(j)}_k\, x,

and the products :math:`W^{(j)} x` are the same for all ``t``. In a multilayer perceptron
784-256-256-10 the first layer is three quarters of the work. Errors differ from those of the
networks themselves by rounding only: where two outputs tie.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.landscape.path import GeodesicPath
from symgeom.landscape.path.curves import Curve
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.borrow import Borrower

HELD_BYTES = 2**26
"""Memory (bytes) that the outputs of the points' first layers may take."""


@dataclass(frozen=True, eq=False)
class Shared:
    """A network whose first layer is told its outputs.

    Attributes
    ----------
    problem : Problem
        The landscape.
    borrower : Borrower
        A copy of its network.
    layer : nn.Linear
        The copy's first layer; its ``forward`` is to be replaced.
    weight, bias : str, str or None
        Names of its tensors.
    """

    problem: Problem
    borrower: Borrower
    layer: nn.Linear
    weight: str
    bias: str | None

    @staticmethod
    def of(problem: Problem) -> "Shared | None":
        """Find the first layer of a network; None if it is not a dense layer that reads the inputs once and as they are."""
        if (
            problem.batch_norm == "recompute"
            or problem.targets.is_floating_point()
            or problem.inputs.device.type != "cpu"
        ):
            return None
        sample, calls = problem.inputs[:1], []
        borrower = Borrower(problem.module, sample.dtype)
        module = borrower.module
        dense = {layer: name for name, layer in module.named_modules() if type(layer) is nn.Linear}
        hooks = [
            layer.register_forward_pre_hook(lambda layer, inputs: calls.append((layer, inputs[0])))
            for layer in dense
        ]
        with torch.no_grad():
            module(sample)
        for hook in hooks:
            hook.remove()
        layer, seen = calls[0] if calls else (None, sample)
        as_it_is = (
            seen.data_ptr() == sample.data_ptr()
            and seen.shape == (1, sample.numel())
            and sample.is_contiguous()
        )
        if layer is None or not as_it_is or [one for one, _ in calls].count(layer) != 1:
            return None
        prefix = f"{dense[layer]}." if dense[layer] else ""
        return Shared(
            problem,
            borrower,
            layer,
            f"{prefix}weight",
            f"{prefix}bias" if layer.bias is not None else None,
        )

    @torch.no_grad()
    def errors(self, path: Curve | GeodesicPath, t: Tensor) -> Tensor | None:
        """Evaluate the error along a path of one network.

        Parameters
        ----------
        path : Curve or GeodesicPath
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
        problem, weights = self.problem, [point[self.weight] for point in path.points]
        inputs, factors = problem.inputs.flatten(1), factors.to(weights[0])
        others = [name for name in path.points[0] if name != self.weight]
        size, chunk = len(weights) * len(weights[0]) * inputs.element_size(), problem.chunk
        block = max(1, HELD_BYTES // size // chunk) * chunk
        wrong = torch.zeros(len(t), dtype=torch.float64)
        for start in range(0, len(inputs), block):
            of_points = [
                nn.functional.linear(inputs[start : start + block], weight) for weight in weights
            ]
            for place, at in enumerate(t.tolist()):
                network = path.tensors(at, others)
                self.borrower.lend(network)
                for first in range(0, len(of_points[0]), chunk):
                    part = slice(first, first + chunk)
                    given = _combined([rows[part] for rows in of_points], factors[:, place])
                    if self.bias:
                        given += network[self.bias]
                    samples = slice(start + first, start + first + len(given))
                    wrong[place] += self._wrong(given, samples)
        return wrong / len(inputs)

    def _wrong(self, given: Tensor, samples: slice) -> Tensor:
        """Count the misclassified samples, or return NaN."""
        self.layer.forward = lambda _: given
        outputs = self.borrower.module(self.problem.inputs[samples])
        wrong = (outputs.argmax(-1) != self.problem.targets[samples]).sum().double()
        return torch.where(outputs.isfinite().all(), wrong, torch.nan)


def _combined(parts: list[Tensor], factors: Tensor) -> Tensor:
    """Combine outputs, with a factor per row of the layer (or one for all)."""
    total = parts[0] * factors[0]
    for part, factor in zip(parts[1:], factors[1:], strict=True):
        total.addcmul_(part, factor)
    return total
