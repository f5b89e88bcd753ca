"""The network as the check looks at it: generic weights and inputs, outputs, and their Jacobian."""

import math
import warnings
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from symgeom.ground.modules import call_module, copied, in_mode
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.discovery.capture import tensors_of

BATCH = 8
"""Samples that are evaluated together."""

ROWS = 256
"""Outputs of a batch that are differentiated, at most."""

NEGLIGIBLE = 1e-40
"""The constant that keeps norms from dividing by zero, where scales shall pass."""

STATISTICS = ("running_mean", "running_var")
"""The buffers that a norm keeps of what passes through it."""


class SmallNetwork:
    """A copy of a network in float64.

    Parameters
    ----------
    module : nn.Module
        The network; not modified.
    params : Parameters
        Its weights, which say the shapes; and its buffers.
    inputs : Tensor, shape (sample, ...)
        What says the shape and type of a sample.

    Attributes
    ----------
    trained : tuple of str
        Names of the weights that train.
    statistics : frozenset of str
        Names of what its norms keep of the batches.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> network = SmallNetwork(layer, dict(layer.named_parameters()), torch.ones(1, 2))
    >>> network.trained
    ('weight', 'bias')
    """

    def __init__(self, module: nn.Module, params: Parameters, inputs: Tensor) -> None:
        self.point = cast(params, torch.float64)
        self.module = in_mode(copied(module).double(), training=False)
        self.inputs = inputs.double() if inputs.is_floating_point() else inputs
        names = [name for name, tensor in module.named_parameters() if tensor.requires_grad]
        self.trained = tuple(names)
        statistics: set[str] = set()
        for path, layer in self.module.named_modules():
            if isinstance(layer, _NormBase) and layer.running_mean is not None:
                prefix = f"{path}." if path else ""
                statistics |= {prefix + name for name in STATISTICS}
        self.statistics = frozenset(statistics)

    def with_statistics_of_batches(self) -> "SmallNetwork":
        """Return the network whose norms measure every batch, without the constant in them.

        Returns
        -------
        SmallNetwork
            Statistics are functions of the weights there, as they are in training.
        """
        network = SmallNetwork(self.module, self.point, self.inputs)
        for layer in network.module.modules():
            if isinstance(layer, _NormBase) and layer.running_mean is not None:
                layer.train()
                layer.eps = NEGLIGIBLE
        return network

    def drawn(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return other weights and statistics, with no entry like another.

        Biases are positive and inputs of many sizes, so that units are active on some inputs, and
        any two of them together.

        Parameters
        ----------
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        dict of str to Tensor
            All tensors of a network.
        """
        point = dict(self.point)
        for name in (*self.trained, *sorted(self.statistics)):
            shape = point[name].shape
            noise = torch.randn(shape, generator=generator, dtype=torch.float64)
            if noise.ndim > 1:
                point[name] = noise / math.sqrt(max(noise[0].numel(), 1))
            else:
                point[name] = (0.3 * noise).exp()
        return point

    def samples(self, count: int, generator: torch.Generator) -> Tensor:
        """Return inputs that are like the given ones in shape and type only.

        Parameters
        ----------
        count : int
            How many.
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        Tensor, shape (count, ...)
            Normal numbers times random sizes; or entries of the given inputs (tokens) in other
            orders.
        """
        shape = (count, *self.inputs.shape[1:])
        if self.inputs.is_floating_point():
            inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
            sizes = torch.randn(count, generator=generator, dtype=torch.float64).exp()
            return inputs * sizes.reshape(-1, *[1] * (inputs.ndim - 1))
        entries = torch.randint(self.inputs.numel(), shape, generator=generator)
        return self.inputs.flatten()[entries]

    def outputs(self, point: Parameters, inputs: Tensor) -> list[Tensor]:
        """Return the real outputs.

        Parameters
        ----------
        point : Parameters
            One network; its statistics are not touched.
        inputs : Tensor, shape (sample, ...)
            A batch.

        Returns
        -------
        list of Tensor
            In a fixed order.
        """
        tensors = dict(point)
        for name in point.keys() - set(self.trained):  # norms write on their buffers
            tensors[name] = point[name].clone()
        results = tensors_of(call_module(self.module, tensors, inputs))
        return [result for result in results if result.is_floating_point()]

    def jacobian(self, point: Parameters, rows: int, generator: torch.Generator) -> Tensor:
        """Return the derivatives of outputs on fresh inputs.

        Parameters
        ----------
        point : Parameters
            One network.
        rows : int
            How many outputs, at least.
        generator : torch.Generator
            The source of inputs.

        Returns
        -------
        Tensor, shape (output, entry)
            With respect to all entries of all weights that train.
        """
        pieces: list[Tensor] = []
        count = 0
        while count < rows:
            piece = self._jacobian_of_batch(point, self.samples(BATCH, generator), generator)
            pieces.append(piece)
            count += len(piece)
        return torch.cat(pieces)

    def _jacobian_of_batch(
        self, point: Parameters, inputs: Tensor, generator: torch.Generator
    ) -> Tensor:
        leaves = {name: point[name].detach().clone().requires_grad_() for name in self.trained}
        with torch.enable_grad():
            tensors = self.outputs({**point, **leaves}, inputs)
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
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
        return torch.cat(columns, 1)


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
