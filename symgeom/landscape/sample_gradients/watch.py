r"""The gradients of single samples as products, without forming those of a whole network at once.

Where a weight belongs to a linear layer or a convolution, a sample's gradient is a sum over
positions (of a sequence, of a picture) of outer products, :math:`g_n = \sum_t \delta_{nt}
a_{nt}^\top`, of the gradient at the layer's output and its input there. With one position the
squares of all entries are one product of two matrices, :math:`(\delta^2)^\top a^2`; with several,
the gradients of one layer are formed, a few samples at a time. Which weights these are is decided
by trying: the products of a few samples must be their gradients.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, unfold

from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients.products import Patches, Products, Rows, SampleGradients

TOLERANCE = 1e-9
"""Products are the gradients of a layer if they agree to this, of the largest entry."""

PROBES = 4
"""On how many samples products are compared with gradients."""


class Call(NamedTuple):
    """What went into a layer and what came out, when it was called."""

    layer: str
    inputs: Tensor
    outputs: Tensor


class Layer(NamedTuple):
    """A layer whose sample gradients are products.

    Attributes
    ----------
    weight : str
        Name of its weight.
    bias : str or None
        Name of its bias, if it has one.
    blocks : int
        Groups of a convolution.
    patches : callable
        What it multiplies.
    positions_last : bool
        Whether the axes behind its outputs' channels are positions, as those of pictures are.
    """

    weight: str
    bias: str | None
    blocks: int
    patches: Patches
    positions_last: bool

    def slopes(self, gradient: Tensor) -> Tensor:
        """Bring the gradient at the outputs to (sample, position, block, out)."""
        if self.positions_last:
            by_position = gradient.flatten(2).transpose(1, 2)
        else:
            by_position = gradient.reshape(len(gradient), -1, gradient.shape[-1])
        return by_position.unflatten(2, (self.blocks, -1))


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
        The weights whose sample gradients are products.
    rest : tuple of str
        The trainable weights whose gradients have to be formed.
    """

    def __init__(self, problem: Problem, params: Parameters) -> None:
        problem.check_samples_apart()
        self._problem = problem
        self._theta = {}
        trainable = problem.trainable
        for name, tensor in params.items():
            self._theta[name] = tensor.detach().requires_grad_(name in trainable)
        self._layers = _layers(problem)
        self._layers = self._proven()
        names = []
        for layer in self._layers.values():
            names += [name for name in (layer.weight, layer.bias) if name is not None]
        self.names = tuple(names)
        self.rest = tuple(name for name in trainable if name not in self.names)

    def gradients(self, inputs: Tensor, targets: Tensor) -> dict[str, SampleGradients]:
        """Return the gradients of some samples, on the weights that have products.

        Parameters
        ----------
        inputs, targets : Tensor
            The samples.

        Returns
        -------
        dict of str to Products or Rows
            By tensor.
        """
        losses, calls = self._losses(inputs, targets)
        outputs = [call.outputs for call in calls]
        slopes = torch.autograd.grad(losses.sum(), outputs)
        return self._by_tensor(calls, slopes)

    def _by_tensor(
        self, calls: Sequence[Call], gradients: Sequence[Tensor]
    ) -> dict[str, SampleGradients]:
        by_tensor: dict[str, SampleGradients] = {}
        for call, gradient in zip(calls, gradients, strict=True):
            layer = self._layers[call.layer]
            slopes = layer.slopes(gradient)
            shape = self._theta[layer.weight].shape
            inputs = call.inputs.detach()
            by_tensor[layer.weight] = Products(shape, slopes, inputs, layer.patches)
            if layer.bias is not None:
                by_tensor[layer.bias] = Rows(slopes.sum(1).flatten(1))
        return by_tensor

    def _losses(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, list[Call]]:
        """Return the losses of some samples, and the calls of the layers on the way there."""
        calls: list[Call] = []
        hooks = []
        for name, module in self._problem.module.named_modules():
            if name in self._layers:
                hooks.append(module.register_forward_hook(_recorder(calls, name)))
        try:
            with torch.enable_grad():
                outputs = call_module(self._problem.module, self._theta, inputs)
                losses = self._problem.sample_loss(outputs, targets)
        finally:
            for hook in hooks:
                hook.remove()
        return losses, calls

    def _proven(self) -> dict[str, Layer]:
        """Return the layers whose products are the gradients of single samples."""
        count = len(self._problem.targets)
        probes = torch.linspace(0, count - 1, min(PROBES, count)).long()
        losses, calls = self._losses(self._problem.inputs[probes], self._problem.targets[probes])
        calls = _called_once(calls, samples=len(probes))
        if not calls:
            return {}
        outputs = [call.outputs for call in calls]
        slopes = torch.autograd.grad(losses.sum(), outputs, retain_graph=True)
        products = self._by_tensor(calls, slopes)
        weights = [self._theta[name] for name in products]
        wrong = set()
        for number, loss in enumerate(losses):
            gradients = torch.autograd.grad(
                loss, weights, retain_graph=True, materialize_grads=True
            )
            for name, expected in zip(products, gradients, strict=True):
                if not _agree(products[name].of_sample(number), expected):
                    wrong.add(name)
        proven = {}
        for call in calls:
            layer = self._layers[call.layer]
            if not wrong & {layer.weight, layer.bias}:
                proven[call.layer] = layer
        return proven


def _called_once(calls: Sequence[Call], *, samples: int) -> list[Call]:
    """Return the calls of layers that see every sample once, along the first axis."""
    names = [call.layer for call in calls]
    once = []
    for call in calls:
        by_sample = len(call.inputs) == samples and call.inputs.ndim > 1
        if by_sample and names.count(call.layer) == 1 and call.outputs.requires_grad:
            once.append(call)
    return once


def _recorder(calls: list[Call], layer: str) -> Callable[..., Tensor]:
    """Return a hook that records the calls of a layer."""

    def record(_: nn.Module, arguments: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        calls.append(Call(layer, arguments[0], outputs))
        return outputs.clone()  # what follows may write on it

    return record


def _agree(gradient: Tensor, expected: Tensor) -> bool:
    largest = float(expected.abs().max())
    return torch.allclose(gradient, expected, rtol=TOLERANCE, atol=TOLERANCE * largest)


def _layers(problem: Problem) -> dict[str, Layer]:
    """Return the layers of a network, by name, whose weights train and could be products."""
    trainable = problem.trainable
    layers = {}
    for name, module in problem.module.named_modules():
        layer = _layer(name, module)
        if layer is None or layer.weight not in trainable:
            continue
        if layer.bias not in trainable:
            layer = layer._replace(bias=None)
        layers[name] = layer
    return layers


def _layer(name: str, module: nn.Module) -> Layer | None:
    """Describe a linear layer or a convolution; None for any other module."""
    prefix = f"{name}." if name else ""
    weight = f"{prefix}weight"
    bias = f"{prefix}bias"
    if type(module) is nn.Linear:
        return Layer(weight, bias, 1, _of_linear, positions_last=False)
    if isinstance(module, nn.Conv1d | nn.Conv2d) and module.padding_mode == "zeros":
        return Layer(weight, bias, module.groups, partial(_windows, module), positions_last=True)
    return None


def _of_linear(inputs: Tensor) -> Tensor:
    """Return the inputs of a linear layer, by position, as one block."""
    return inputs.reshape(len(inputs), -1, 1, inputs.shape[-1])


def _windows(module: nn.Conv1d | nn.Conv2d, inputs: Tensor) -> Tensor:
    """Return what a convolution sees at every position, by block."""
    before_first_axis = module._reversed_padding_repeated_twice
    padded = pad(inputs, before_first_axis)
    kernel = module.kernel_size
    dilation = module.dilation
    stride = module.stride
    if len(kernel) == 1:  # a picture of one row
        padded = padded.unsqueeze(2)
        kernel = (1, *kernel)
        dilation = (1, *dilation)
        stride = (1, *stride)
    windows = unfold(padded, kernel, dilation=dilation, stride=stride)
    return windows.transpose(1, 2).unflatten(2, (module.groups, -1))
