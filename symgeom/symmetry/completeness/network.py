"""The network as the check looks at it: generic weights and inputs, outputs, and derivatives."""

import math
import warnings
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.modules import call_module, copied, in_mode
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.visibility import redrawn

SAMPLES = 16
"""Samples that are evaluated together."""

ROWS = 256
"""Outputs of a batch that are differentiated, at most."""

NO_CONSTANT = 1e-40
"""The constant of a batch norm, where scales shall pass as they do through its statistics."""

CONSTANT = 0.1
"""The constant of other norms, which stop scales: large, so that this shows."""

VECTORS = 0.7
"""Logarithm of how far biases and gains differ in size; gains are large, to meet far kinks."""

MATRICES = 0.3
"""Likewise of matrices."""

STATISTICS = ("running_mean", "running_var")
"""The buffers that a norm keeps of what passes through it."""


class SmallNetwork:
    """A copy of a network in float64, whose norms measure every batch as in training.

    Statistics are functions of the weights there, and not tensors that move.

    Parameters
    ----------
    module : nn.Module
        The network; not modified.
    params : Parameters
        Its tensors.
    inputs : Tensor, tuple, mapping or NetworkCall
        What says the shapes and types of a batch.
    moving : collection of str
        Tensors that a spec moves: buffers among them may be exchanged.

    Attributes
    ----------
    weights : tuple of str
        Names of the parameters that are real numbers.
    buffers : tuple of str
        Names of the buffers that move and are no statistics.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> network = SmallNetwork(layer, dict(layer.named_parameters()), torch.ones(1, 2), [])
    >>> network.weights
    ('weight', 'bias')
    """

    def __init__(
        self, module: nn.Module, params: Parameters, inputs: Inputs, moving: Collection[str]
    ) -> None:
        self.point = cast(params, torch.float64)
        self.module = in_mode(copied(module).double(), training=False)
        self.call = NetworkCall.of(inputs)
        statistics = _measured_anew(self.module)
        weights = dict(self.module.named_parameters())
        names = [name for name in weights if self.point[name].is_floating_point()]
        self.weights = tuple(names)
        self.buffers = tuple(sorted(set(moving) - set(weights) - statistics))

    def drawn(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return other weights, with no entry like another.

        Parameters
        ----------
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        dict of str to Tensor
            All tensors of a network; buffers that move have other sizes and their own signs.
        """
        point = redrawn(self.point, self.weights, generator)
        for name in self.weights:
            spread = torch.randn((), generator=generator)
            if point[name].ndim > 1:
                point[name] = point[name] * (MATRICES * spread).exp()
            elif name.endswith("weight"):
                point[name] = point[name] * (VECTORS + VECTORS * spread).exp()
            else:
                point[name] = point[name] * (VECTORS * spread).exp()
        for name in self.buffers:
            noise = torch.randn(point[name].shape, generator=generator, dtype=torch.float64)
            point[name] = point[name] * (0.3 * noise).exp()
        return point

    def samples(self, generator: torch.Generator) -> NetworkCall:
        """Return inputs that are like the ones of the user in shape and type only.

        Parameters
        ----------
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        NetworkCall
            Normal numbers times random sizes, so that all sides of a kink are seen; or entries of
            the user's inputs (tokens, masks) in other orders.
        """
        batch = len(self.call.tensors[0])

        def like(tensor: Tensor) -> Tensor:
            shape = list(tensor.shape)
            if shape and shape[0] == batch:
                shape[0] = SAMPLES
            if not tensor.is_floating_point():
                entries = torch.randint(tensor.numel(), shape, generator=generator)
                return tensor.flatten()[entries]
            inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
            sizes = torch.randn(shape[:1], generator=generator, dtype=torch.float64).exp()
            return inputs * sizes.reshape(-1, *[1] * (len(shape) - 1))

        return self.call.mapped(like)

    def outputs(self, point: Parameters, inputs: NetworkCall) -> list[Tensor]:
        """Return the real outputs.

        Parameters
        ----------
        point : Parameters
            One network; its statistics are not touched.
        inputs : NetworkCall
            A batch.

        Returns
        -------
        list of Tensor
            In a fixed order.
        """
        tensors = dict(point)
        for name in point.keys() - set(self.weights):  # norms write on their buffers
            tensors[name] = point[name].clone()
        results = self.call.tensors_asked(call_module(self.module, tensors, inputs))
        return [result for result in results if result.is_floating_point()]

    def slopes(self, point: Parameters, inputs: NetworkCall, factors: Tensor) -> Tensor:
        """Return the derivatives of a sum of outputs with factors.

        Parameters
        ----------
        point : Parameters
            One network.
        inputs : NetworkCall
            A batch.
        factors : Tensor
            As many numbers as there are outputs, or more.

        Returns
        -------
        Tensor, shape (entry,)
            With respect to all weights, then all buffers that move.
        """
        leaves = self._leaves(point, (*self.weights, *self.buffers))
        flat = self._flat_outputs({**point, **leaves}, inputs)
        total = flat @ factors[: len(flat)]
        parts = torch.autograd.grad(
            total, list(leaves.values()), allow_unused=True, materialize_grads=True
        )
        return torch.cat([part.reshape(-1) for part in parts])

    def jacobian(self, point: Parameters, rows: int, generator: torch.Generator) -> Tensor:
        """Return the derivatives of the outputs on fresh batches.

        Parameters
        ----------
        point : Parameters
            One network.
        rows : int
            How many outputs, at least, if that many have derivatives.
        generator : torch.Generator
            The source of inputs.

        Returns
        -------
        Tensor, shape (output, entry)
            With respect to all weights; rows of length one, without those that are zero or not
            finite.
        """
        pieces: list[Tensor] = []
        count = 0
        while count < rows and len(pieces) <= rows:
            piece = self._jacobian_of_batch(point, generator)
            pieces.append(piece)
            count += len(piece)
        return torch.cat(pieces)

    def _jacobian_of_batch(self, point: Parameters, generator: torch.Generator) -> Tensor:
        leaves = self._leaves(point, self.weights)
        flat = self._flat_outputs({**point, **leaves}, self.samples(generator))
        rows = torch.eye(len(flat), dtype=flat.dtype)
        rows = rows[torch.randperm(len(flat), generator=generator)[:ROWS]]
        with warnings.catch_warnings():  # of operations that run one row at a time
            warnings.filterwarnings("ignore", "There is a performance drop", UserWarning)
            parts = torch.autograd.grad(
                flat,
                list(leaves.values()),
                rows,
                allow_unused=True,
                is_grads_batched=True,
            )
        columns: list[Tensor] = []
        for leaf, part in zip(leaves.values(), parts, strict=True):
            if part is None:
                part = rows.new_zeros(len(rows), leaf.numel())
            columns.append(part.reshape(len(rows), -1))
        matrix = torch.cat(columns, 1)
        lengths = torch.linalg.vector_norm(matrix, dim=1)
        usable = lengths.isfinite() & (lengths > 0)
        return matrix[usable] / lengths[usable, None]

    def _flat_outputs(self, point: Parameters, inputs: NetworkCall) -> Tensor:
        with torch.enable_grad():
            tensors = self.outputs(point, inputs)
            return torch.cat([tensor.reshape(-1) for tensor in tensors])

    def _leaves(self, point: Parameters, names: Collection[str]) -> dict[str, Tensor]:
        return {name: point[name].detach().clone().requires_grad_() for name in names}


def _measured_anew(module: nn.Module) -> set[str]:
    """Let norms measure every batch; return the names of the statistics that they kept."""
    statistics: set[str] = set()
    for path, layer in module.named_modules():
        if isinstance(layer, _NormBase) and layer.running_mean is not None:
            layer.train()
            layer.eps = NO_CONSTANT
            prefix = f"{path}." if path else ""
            statistics |= {prefix + name for name in STATISTICS}
        elif isinstance(getattr(layer, "eps", 0), float | None):
            layer.eps = CONSTANT
    return statistics


def entries_of(names: Collection[str], point: Parameters) -> dict[str, slice]:
    """Return where the entries of tensors lie in one long vector.

    Parameters
    ----------
    names : collection of str
        The tensors, in their order.
    point : Parameters
        One network.

    Returns
    -------
    dict of str to slice
        One after the other.

    Examples
    --------
    >>> entries_of(["a", "b"], {"a": torch.ones(2, 2), "b": torch.ones(3)})
    {'a': slice(0, 4, None), 'b': slice(4, 7, None)}
    """
    slices: dict[str, slice] = {}
    start = 0
    for name in names:
        stop = start + math.prod(point[name].shape)
        slices[name] = slice(start, stop)
        start = stop
    return slices
