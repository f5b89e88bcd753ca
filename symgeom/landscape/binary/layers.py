r"""Layers with binary weights, and the sign as an activation, trained straight through.

A binary layer keeps *latent* real weights :math:`w`; what it multiplies with is their sign, and its
outputs are divided by the root of the number of inputs,

.. math:: z = \frac{\operatorname{sign}(w)\,x}{\sqrt n}.

The derivative of the sign is taken to be that of the identity on :math:`[-1, 1]` (*straight
through*): an activation hands its gradient on where its input is within, a latent weight where it
is within or is led back there.

The sign of zero is that of its sign bit, so that no weight is zero and the sign of :math:`-w` is
always the opposite one. With an odd number of inputs of :math:`\pm1` no pre-activation is zero
either; for real inputs ties have no volume.

References
----------
Courbariaux et al., "Binarized neural networks" (1602.02830), section 1: latent weights and the
straight-through estimator. Lucibello et al., "Deep learning via message passing algorithms based on
belief propagation" (2110.14583), appendix B.6: the recipe (no biases, no batch norm,
pre-activations over the root of the fan-in). Differs from the source: latent weights are not
clipped to :math:`[-1, 1]` after a step; a gradient that leads further out is not handed on, which
makes it unnecessary.
"""

from typing import Protocol

import torch
from torch import Tensor, nn


class _Context(Protocol):
    """What autograd remembers of a call."""

    leads_back: bool

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]: ...

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Sign(torch.autograd.Function):
    """The sign, whose gradient passes where the input is within [-1, 1].

    It passes also where a step leads the input back there, if ``leads_back`` says so.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, leads_back: bool) -> Tensor:
        return sign(x)

    @staticmethod
    def setup_context(ctx: _Context, inputs: tuple[Tensor, bool], output: Tensor) -> None:
        x, leads_back = inputs
        ctx.save_for_backward(x)
        ctx.leads_back = leads_back

    @staticmethod
    def backward(ctx: _Context, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        passes = x.abs() <= 1
        if ctx.leads_back:
            passes = passes | (gradient * x > 0)  # a step against the gradient makes |x| smaller
        return torch.where(passes, gradient, 0), None


def sign(x: Tensor) -> Tensor:
    """Return +1 or -1 for every entry.

    Parameters
    ----------
    x : Tensor
        Real numbers.

    Returns
    -------
    Tensor
        In their precision.

    Examples
    --------
    >>> sign(torch.tensor([0.3, -2.0, 0.0, -0.0]))
    tensor([ 1., -1.,  1., -1.])
    """
    return torch.copysign(torch.ones((), dtype=x.dtype, device=x.device), x)


class BinaryLinear(nn.Module):
    """A linear layer without bias whose weights are the signs of latent ones.

    Its outputs are divided by the root of the fan-in.

    Parameters
    ----------
    fan_in, fan_out : int
        Numbers of inputs and outputs. The latent weights are left as they lie in memory: draw them.

    Examples
    --------
    >>> layer = BinaryLinear(4, 1)
    >>> _ = nn.init.constant_(layer.weight, -0.1)
    >>> layer(torch.ones(1, 4)).tolist()
    [[-2.0]]
    """

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_out, fan_in))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the pre-activations."""
        weight = _Sign.apply(self.weight, True)
        fan_in = self.weight.shape[1]
        return nn.functional.linear(inputs, weight) / fan_in**0.5

    def extra_repr(self) -> str:
        """Return the sizes, for printing."""
        fan_out, fan_in = self.weight.shape
        return f"{fan_in}, {fan_out}"


class BinaryConv2d(nn.Module):
    """A convolution without bias and padding whose weights are the signs of latent ones.

    Its outputs are divided by the root of the fan-in. Pixels of zeros around the image would give a
    unit fewer signs at the border, maybe an even number.

    Parameters
    ----------
    fan_in, fan_out : int
        Channels of the inputs and the outputs. The latent weights are left as they lie in memory:
        draw them.
    kernel : int
        Height and width of what a unit sees.
    stride : int
        Pixels between two places where it looks.

    Examples
    --------
    >>> layer = BinaryConv2d(1, 1, kernel=2)
    >>> _ = nn.init.constant_(layer.weight, -0.1)
    >>> layer(torch.ones(1, 1, 2, 3)).tolist()
    [[[[-2.0, -2.0]]]]
    """

    def __init__(self, fan_in: int, fan_out: int, *, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_out, fan_in, kernel, kernel))
        self.stride = stride

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the pre-activations."""
        weight = _Sign.apply(self.weight, True)
        fan_in = self.weight[0].numel()
        return nn.functional.conv2d(inputs, weight, stride=self.stride) / fan_in**0.5

    def extra_repr(self) -> str:
        """Return the sizes, for printing."""
        fan_out, fan_in, kernel, _ = self.weight.shape
        return f"{fan_in}, {fan_out}, kernel={kernel}, stride={self.stride}"


BINARY_LAYERS = (BinaryLinear, BinaryConv2d)
"""The layers whose weights are signs."""


class SignActivation(nn.Module):
    """The sign, with the gradient of the identity on [-1, 1] and none outside.

    Examples
    --------
    >>> x = torch.tensor([-2.0, 0.5], requires_grad=True)
    >>> SignActivation()(x).sum().backward()
    >>> x.grad
    tensor([0., 1.])
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the signs."""
        return _Sign.apply(inputs, False)
