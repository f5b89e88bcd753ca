r"""Chains of dense layers, for stacked networks at once.

``torch.vmap`` over the weights takes a dense layer apart into a batched product, two
multiplications and an addition, and its gradients are laid out across the weights, which makes all
arithmetic with them slow. Here a layer is one operation,

.. math:: h_{ms} = b_m + W_m x_{ms}, \qquad \partial W_m = \sum_s \partial h_{ms}\, x_{ms}^T, \quad
          \partial b_m = \sum_s \partial h_{ms}, \quad \partial x_{ms} = W_m^T\, \partial h_{ms}

(member :math:`m`, sample :math:`s`), and gradients lie in memory as the weights do.
"""

from typing import Protocol, TypeGuard

import torch
from torch import Tensor, nn

from symgeom.ground.types import Parameters

ELEMENTWISE = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
    nn.Sigmoid,
    nn.Hardtanh,
    nn.ReLU6,
    nn.Identity,
)
"""Layers without weights that act on every entry alone."""


class _Context(Protocol):
    """What autograd hands from the forward to the backward pass (torch does not type it)."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Dense(torch.autograd.Function):
    """One dense layer of every member, with or without bias."""

    @staticmethod
    def forward(context: _Context, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        context.save_for_backward(inputs, weight)
        if bias is None:
            return torch.bmm(inputs, weight.mT)
        return torch.baddbmm(bias.unsqueeze(1), inputs, weight.mT)

    @staticmethod
    def backward(context: _Context, outer: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        inputs, weight = context.saved_tensors
        to_inputs, _, to_bias = context.needs_input_grad
        inner = torch.bmm(outer, weight) if to_inputs else None
        bias = outer.sum(1) if to_bias else None
        return inner, torch.bmm(outer.mT, inputs), bias


def is_dense_chain(module: nn.Module, inputs: Tensor) -> TypeGuard[nn.Sequential]:
    """Return whether a network is a chain of dense and elementwise layers.

    Its inputs are vectors, or its first layer flattens them.

    Parameters
    ----------
    module : nn.Module
        Any network.
    inputs : Tensor, shape (sample, ...)
        Its data.

    Returns
    -------
    bool
        Whether :func:`dense_outputs` can evaluate it.

    Examples
    --------
    >>> is_dense_chain(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), torch.zeros(5, 3))
    True
    """
    if type(module) is not nn.Sequential:
        return False
    layers = list(module)
    vectors = inputs.ndim == 2
    if layers and _flattens(layers[0]):
        layers = layers[1:]
        vectors = True
    return vectors and all(type(layer) in (nn.Linear, *ELEMENTWISE) for layer in layers)


def _flattens(layer: nn.Module) -> bool:
    """Return whether a layer makes a vector of every sample."""
    return type(layer) is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1)


def dense_outputs(module: nn.Sequential, params: Parameters, inputs: Tensor) -> Tensor:
    """Return the outputs of stacked networks, each on samples of its own or all on the same.

    Parameters
    ----------
    module : nn.Sequential
        A chain, see :func:`is_dense_chain`.
    params : Parameters
        Stacked networks.
    inputs : Tensor, shape (member, sample, ...)
        The samples; where they are ``expand``-ed from one set, the first layer is one product for
        all members.

    Returns
    -------
    Tensor, shape (member, sample, class)
        Differentiable; equal to ``vmap`` of the network up to rounding.

    Examples
    --------
    >>> params = {"0.weight": torch.ones(2, 1, 3), "0.bias": torch.zeros(2, 1)}
    >>> dense_outputs(nn.Sequential(nn.Linear(3, 1)), params, torch.ones(2, 4, 3)).shape
    torch.Size([2, 4, 1])
    """
    shared = inputs.stride(0) == 0 and not inputs.requires_grad
    values = inputs[0] if shared else inputs
    names: dict[Tensor, str] = {weight: name for name, weight in module.named_parameters()}
    for layer in module:
        if type(layer) is nn.Flatten:
            first_axis = 1 if shared else 2
            values = values.flatten(first_axis)
        elif type(layer) is nn.Linear:
            weight = params[names[layer.weight]]
            bias = None if layer.bias is None else params[names[layer.bias]]
            if shared:
                values = _first_layer(values, weight, bias)
            else:
                values = _Dense.apply(values, weight, bias)
            shared = False
        else:
            values = layer(values)
    return values


def _first_layer(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return what the first layers of all members make of the same samples."""
    all_biases = None if bias is None else bias.flatten()
    flat = nn.functional.linear(inputs, weight.flatten(0, 1), all_biases)
    return flat.unflatten(1, weight.shape[:2]).transpose(0, 1)  # (member, sample, unit)
