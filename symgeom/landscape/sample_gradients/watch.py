r"""The gradients of single samples as products, without forming those of a whole network at once.

Where a weight belongs to a linear layer or a convolution, a sample's gradient is a sum over
positions (of a sequence, of a picture, of several calls) of outer products, :math:`g_n = \sum_t
\delta_{nt} a_{nt}^\top`, of the gradient at the layer's output and its input there. With one
position the squares of all entries are one product of two matrices, :math:`(\delta^2)^\top a^2`;
with several, the gradients of one layer are formed, a few samples at a time: as many operations as
the gradient of a mini-batch takes, so that norms by way of :math:`a a^\top` ("ghost norms"), which
know no entries, would gain nothing. A sample's gradient on an embedding is zero but for the rows
that it looks up. Which weights these are is decided by trying: what is put together must be the
gradients of a few samples.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters, precision
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients.apart import PROBES, check_apart
from symgeom.landscape.sample_gradients.layers import Layer, Table, Use, describe, read
from symgeom.landscape.sample_gradients.products import Rows, SampleGradients, one_by_one

TOLERANCE = 1e-9
"""Products are the gradients of a layer if they agree to this, of the largest entry."""

BLOCK_BYTES = 2**21
"""Memory (bytes) for what a network keeps of the samples of a block, and for their gradients where
they have to be formed; or twice that of its weights, if this is more: as much is needed to add
up."""


class Call(NamedTuple):
    """What went into a layer and what came out, when it was called."""

    layer: Layer | Table
    inputs: Tensor
    outputs: Tensor


class Watch:
    """Watches the layers of a network at work, to read the gradients of its samples.

    Parameters
    ----------
    problem : Problem
        The landscape; its samples must not depend on each other.
    params : Parameters
        One network.

    Attributes
    ----------
    names : tuple of str
        The weights whose sample gradients need not be formed.
    rest : tuple of str
        The other trainable weights.
    at_once : int
        How many samples to look at together.
    """

    def __init__(self, problem: Problem, params: Parameters) -> None:
        self._problem = problem
        self._theta = {}
        trainable = problem.trainable
        for name, tensor in params.items():
            self._theta[name] = tensor.detach().requires_grad_(name in trainable)
        probes = torch.linspace(0, len(problem.targets) - 1, PROBES).long().unique()
        few = problem.subset(probes).cast(precision(params))
        check_apart(few, self._theta)
        self._layers = _layers(problem.module, trainable)
        self.names: tuple[str, ...] = ()
        kept = self._prove(few)
        self.rest = tuple(name for name in trainable if name not in self.names)
        formed = sum(params[name].nbytes for name in self.rest)
        weights = sum(params[name].nbytes for name in trainable)
        self.at_once = max(1, max(BLOCK_BYTES, 2 * weights) // max(1, kept + formed))

    def gradients(self, inputs: Tensor, targets: Tensor) -> dict[str, SampleGradients]:
        """Return the gradients of some samples, on the weights where they need not be formed.

        Parameters
        ----------
        inputs, targets : Tensor
            The samples.

        Returns
        -------
        dict of str to Products, Lookups or Rows
            By tensor.
        """
        losses, calls = self._watched(inputs, targets)
        return self._read(calls, losses, self.names)

    def total(self, inputs: Tensor, targets: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return the sum of the gradients of some samples, and the losses of each.

        Parameters
        ----------
        inputs, targets : Tensor
            The samples.

        Returns
        -------
        tuple of dict of str to Tensor, and Tensor of shape (sample,)
            Gradients by tensor, and losses.
        """
        names = self._problem.trainable
        weights = [self._theta[name] for name in names]
        with torch.enable_grad():
            losses = self._losses(inputs, targets)
        gradients = torch.autograd.grad(losses.sum(), weights, materialize_grads=True)
        return dict(zip(names, gradients, strict=True)), losses.detach()

    def _losses(self, inputs: Tensor, targets: Tensor) -> Tensor:
        outputs = call_module(self._problem.module, self._theta, inputs)
        return self._problem.sample_loss(outputs, targets)

    def _watched(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, list[Call]]:
        """Return the losses of some samples, and the calls of the layers on the way there."""
        calls: list[Call] = []
        hooks = []
        for name, module in self._problem.module.named_modules():
            if name in self._layers:
                layer = self._layers[name]
                hooks.append(module.register_forward_hook(_recorder(calls, layer)))
        try:
            with torch.enable_grad():
                losses = self._losses(inputs, targets)
        finally:
            for hook in hooks:
                hook.remove()
        return losses, calls

    def _prove(self, few: Problem) -> int:
        """Find the tensors whose gradients can be read, and what is kept of a sample in bytes."""
        kept = _Kept(self._theta)
        with saved_tensors_hooks(kept.note, _as_it_is):
            losses, calls = self._watched(few.inputs, few.targets)
        calls, names = _readable(calls, samples=len(losses))
        per_sample = kept.bytes // len(losses)
        if not names:
            self._layers = {}
            return per_sample
        gradients = self._read(calls, losses, names)
        weights = [self._theta[name] for name in names]
        samples = [one_by_one(gradients[name]) for name in names]
        wrong = set()
        for loss in losses:
            expected = torch.autograd.grad(loss, weights, retain_graph=True, materialize_grads=True)
            for name, sample, gradient in zip(names, samples, expected, strict=True):
                if not _agree(next(sample), gradient):
                    wrong.add(name)
        self.names = tuple(name for name in names if name not in wrong)
        proven = {}
        for path, layer in self._layers.items():
            if layer.weight in self.names or layer.bias in self.names:
                proven[path] = layer
        self._layers = proven
        return per_sample

    def _read(
        self, calls: Sequence[Call], losses: Tensor, names: Sequence[str]
    ) -> dict[str, SampleGradients]:
        """Return the sample gradients on some tensors, from the calls of their layers."""
        outputs = [call.outputs for call in calls]
        slopes: Sequence[Tensor] = ()
        if outputs:
            slopes = torch.autograd.grad(
                losses.sum(), outputs, retain_graph=True, materialize_grads=True
            )
        uses: dict[str, list[Use]] = {name: [] for name in names}
        for call, gradient in zip(calls, slopes, strict=True):
            use = Use(call.layer, call.inputs.detach(), gradient)
            for name in (call.layer.weight, call.layer.bias):
                if name in uses:
                    uses[name].append(use)
        by_tensor: dict[str, SampleGradients] = {}
        for name, of_tensor in uses.items():
            shape = self._theta[name].shape
            if of_tensor:
                by_tensor[name] = read(name, of_tensor, shape)
            else:  # these samples pass by the layer
                by_tensor[name] = Rows(losses.new_zeros(()).expand(len(losses), *shape))
        return by_tensor


class _Kept:
    """Counts the memory that autograd keeps of some samples."""

    def __init__(self, params: Parameters) -> None:
        self.bytes = 0
        self._seen = {tensor.data_ptr() for tensor in params.values()}

    def note(self, tensor: Tensor) -> Tensor:
        """Count a tensor that is kept, unless it is a weight or was counted before."""
        if tensor.data_ptr() not in self._seen:
            self._seen.add(tensor.data_ptr())
            self.bytes += tensor.nbytes
        return tensor


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _readable(calls: Sequence[Call], *, samples: int) -> tuple[list[Call], list[str]]:
    """Return the calls of layers that see samples along the first axis, and their tensors."""
    readable = []
    names: dict[str, type] = {}
    unreadable = set()
    for call in calls:
        layer = call.layer
        by_sample = len(call.inputs) == samples and call.outputs.ndim > 1
        of_one_kind = names.setdefault(layer.weight, type(layer)) is type(layer)
        if by_sample and call.outputs.requires_grad and of_one_kind:
            readable.append(call)
        else:
            unreadable |= {layer.weight, layer.bias}
        if layer.bias is not None:
            names[layer.bias] = type(layer)
    return readable, [name for name in names if name not in unreadable]


def _recorder(calls: list[Call], layer: Layer | Table) -> Callable[..., Tensor]:
    """Return a hook that records the calls of a layer."""

    def record(_: nn.Module, arguments: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        calls.append(Call(layer, arguments[0], outputs))
        return outputs.clone()  # what follows may write on it

    return record


def _agree(gradient: Tensor, expected: Tensor) -> bool:
    atol = TOLERANCE * float(expected.nan_to_num().abs().max())
    return torch.allclose(gradient, expected, rtol=TOLERANCE, atol=atol, equal_nan=True)


def _layers(module: nn.Module, trainable: Collection[str]) -> dict[str, Layer | Table]:
    """Return the layers whose weights train and could be read, by their path in a network."""
    names = {}
    for name, tensor in module.named_parameters():
        if name in trainable:
            names[id(tensor)] = name
    layers = {}
    for path, part in module.named_modules():
        tensors = {}
        for name, tensor in part.named_parameters(recurse=False):
            tensors[name] = names.get(id(tensor))
        weight = tensors.get("weight")
        layer = describe(part, weight, tensors.get("bias")) if weight else None
        if layer is not None:
            layers[path] = layer
    return layers
