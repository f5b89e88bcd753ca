r"""Mean and mean square over the samples of every entry of the gradient.

If every weight belongs to a linear layer that sees each sample once, a sample's gradient is an
outer product :math:`\delta_n a_n^\top` of the gradient at the layer's output and its input, so that
the mean square is one product of two matrices, :math:`(\delta^2)^\top a^2 / N`. Otherwise sample
gradients are formed, a chunk at a time.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem

TOLERANCE = 1e-9
"""Outer products are the gradients of a layer if their sums agree to this, of the largest entry."""

Layers = Mapping[str, nn.Linear]


class Moments(NamedTuple):
    """Mean and mean square of the sample gradients, one entry per trainable tensor."""

    mean: dict[str, Tensor]
    square: dict[str, Tensor]


class Call(NamedTuple):
    """What went into a layer and what came out, when it was called."""

    layer: str
    inputs: Tensor
    outputs: Tensor


class OuterFactors(NamedTuple):
    """Rows whose outer products are the samples' gradients of a layer's weight: (sample, d)."""

    slopes: Tensor
    inputs: Tensor


def gradient_moments(problem: Problem, params: Parameters) -> Moments:
    """Return the moments of the sample gradients, in the cheapest way that the network allows.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    Moments
        In the precision of both.

    Examples
    --------
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(nn.Linear(1, 1), inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> moments = gradient_moments(problem, {"weight": torch.ones(1, 1), "bias": torch.ones(1)})
    >>> moments.mean["weight"], moments.square["weight"]
    (tensor([[2.]]), tensor([[5.]]))
    """
    layers = _linear_layers(problem)
    if layers is not None:
        moments = _moments_of_layers(problem, layers, params)
        if moments is not None:
            return moments
    return _moments_of_samples(problem, params)


def _moments_of_samples(problem: Problem, params: Parameters) -> Moments:
    """Return the moments from the gradients of all samples."""
    sums: dict[str, Tensor] = {}
    squares: dict[str, Tensor] = {}
    for gradients in problem.sample_gradients(params):
        for name, rows in gradients.items():
            _add(sums, name, rows.sum(0))
            _add(squares, name, rows.square_().sum(0))
    return _means(sums, squares, len(problem.targets))


def _moments_of_layers(problem: Problem, layers: Layers, params: Parameters) -> Moments | None:
    """Return the moments from outer products; None if some gradient is none of a linear layer."""
    sums: dict[str, Tensor] = {}
    squares: dict[str, Tensor] = {}
    parts = zip(
        problem.inputs.split(problem.chunk), problem.targets.split(problem.chunk), strict=True
    )
    for inputs, targets in parts:
        factors = _outer_factors(problem, layers, params, inputs, targets)
        if factors is None:
            return None
        for layer, (slopes, layer_inputs) in factors.items():
            weight = _tensor(layer, "weight")
            shape = params[weight].shape
            _add(sums, weight, (slopes.T @ layer_inputs).view(shape))
            _add(squares, weight, (slopes.square().T @ layer_inputs.square()).view(shape))
            if layers[layer].bias is not None:
                bias = _tensor(layer, "bias")
                shape = params[bias].shape
                ones = torch.ones(len(slopes), 1, dtype=slopes.dtype, device=slopes.device)
                _add(sums, bias, (slopes.T @ ones).view(shape))
                _add(squares, bias, (slopes.square().T @ ones.square()).view(shape))
    return _means(sums, squares, len(problem.targets))


def _add(totals: dict[str, Tensor], name: str, addend: Tensor) -> None:
    totals[name] = totals[name] + addend if name in totals else addend


def _means(sums: dict[str, Tensor], squares: dict[str, Tensor], count: int) -> Moments:
    mean = {name: total / count for name, total in sums.items()}
    square = {name: total / count for name, total in squares.items()}
    return Moments(mean, square)


def _linear_layers(problem: Problem) -> dict[str, nn.Linear] | None:
    """Return the linear layers of a network by name; None unless just their weights train."""
    layers = {}
    tensors: set[str] = set()
    for name, layer in problem.module.named_modules():
        if type(layer) is nn.Linear:
            layers[name] = layer
            tensors.update(_tensor(name, kind) for kind, _ in layer.named_parameters())
    if tensors != set(problem.trainable):
        return None
    return layers


def _outer_factors(
    problem: Problem, layers: Layers, params: Parameters, inputs: Tensor, targets: Tensor
) -> dict[str, OuterFactors] | None:
    """Return the factors of every layer; None if its weight has another gradient."""
    theta = {}
    for name, tensor in params.items():
        theta[name] = tensor.detach().requires_grad_(name in problem.trainable)
    loss, calls = _watched_loss(problem, layers, theta, inputs, targets)
    once = sorted(call.layer for call in calls) == sorted(layers)
    flat = all(call.inputs.ndim == 2 and len(call.inputs) == len(inputs) for call in calls)
    if not once or not flat:
        return None
    outputs = [call.outputs for call in calls]
    weights = [theta[_tensor(call.layer, "weight")] for call in calls]
    gradients = torch.autograd.grad(loss, outputs + weights)
    slopes = gradients[: len(calls)]
    weight_gradients = gradients[len(calls) :]
    factors = {}
    for call, slope, expected in zip(calls, slopes, weight_gradients, strict=True):
        layer_inputs = call.inputs.detach()
        # A weight that is used elsewhere too, or inputs that an activation has overwritten.
        if not _agree(slope.T @ layer_inputs, expected):
            return None
        factors[call.layer] = OuterFactors(slope, layer_inputs)
    return factors


def _watched_loss(
    problem: Problem, layers: Layers, theta: Parameters, inputs: Tensor, targets: Tensor
) -> tuple[Tensor, list[Call]]:
    """Return the total loss of some samples, and the calls of the layers on the way there."""
    calls: list[Call] = []
    hooks = [layer.register_forward_hook(_recorder(calls, name)) for name, layer in layers.items()]
    try:
        with torch.enable_grad():
            outputs = call_module(problem.module, theta, inputs)
            loss = problem.sample_loss(outputs, targets).sum()
    finally:
        for hook in hooks:
            hook.remove()
    return loss, calls


def _recorder(calls: list[Call], layer: str) -> Callable[..., None]:
    """Return a hook that records the calls of a layer."""

    def record(_: nn.Module, arguments: tuple[Tensor, ...], outputs: Tensor) -> None:
        calls.append(Call(layer, arguments[0], outputs))

    return record


def _agree(gradient: Tensor, expected: Tensor) -> bool:
    largest = float(expected.abs().max())
    return torch.allclose(gradient, expected, rtol=TOLERANCE, atol=TOLERANCE * largest)


def _tensor(layer: str, kind: str) -> str:
    """Return the name of a tensor of a layer; the network itself has no name."""
    return f"{layer}.{kind}" if layer else kind
