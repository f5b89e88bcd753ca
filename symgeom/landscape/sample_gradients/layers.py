"""Layers whose sample gradients are products: linear ones and convolutions; and embeddings."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, unfold

from symgeom.landscape.sample_gradients.products import (
    Lookups,
    Patches,
    Products,
    Rows,
    SampleGradients,
)


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


class Table(NamedTuple):
    """An embedding.

    Attributes
    ----------
    weight : str
        Name of its weight.
    padding : int or None
        The row that has no gradient.
    """

    weight: str
    padding: int | None

    bias: None = None

    def slopes(self, gradient: Tensor) -> Tensor:
        """Bring the gradient at the outputs to (sample, position, out)."""
        return gradient.reshape(len(gradient), -1, gradient.shape[-1])

    def patches(self, inputs: Tensor) -> Tensor:
        """Bring the rows that are looked up to (sample, position)."""
        return inputs.reshape(len(inputs), -1)


class Use(NamedTuple):
    """A layer in one call: what went into it, and the gradient at what came out."""

    layer: Layer | Table
    inputs: Tensor
    gradient: Tensor


def read(name: str, uses: Sequence[Use], shape: torch.Size) -> SampleGradients:
    """Return the sample gradients on a weight or a bias, from all calls of its layers.

    Parameters
    ----------
    name : str
        The tensor.
    uses : sequence of Use
        Calls with samples along the first axis, of layers of one kind; positions of one count
        beside those of the others.
    shape : torch.Size
        Shape of the tensor.

    Returns
    -------
    Products, Lookups or Rows
        The gradients.

    Examples
    --------
    >>> layer = describe(nn.Linear(1, 1), "weight", "bias")
    >>> use = Use(layer, torch.tensor([[3.0]]), torch.tensor([[2.0]]))
    >>> read("weight", [use, use], torch.Size([1, 1])).total(), read("bias", [use], torch.Size([1]))
    (tensor([[12.]]), Rows(rows=tensor([[2.]])))
    """
    layer = uses[0].layer
    slopes = torch.cat([use.layer.slopes(use.gradient) for use in uses], 1)
    if name == layer.bias:
        return Rows(slopes.sum(1).flatten(1))
    if isinstance(layer, Layer) and len(uses) == 1:
        return Products(shape, slopes, uses[0].inputs, layer.patches)
    patches = torch.cat([use.layer.patches(use.inputs) for use in uses], 1)
    if isinstance(layer, Layer):
        return Products(shape, slopes, patches, _as_they_are)
    return Lookups.of(shape, slopes, patches, layer.padding)


def describe(module: nn.Module, weight: str, bias: str | None) -> Layer | Table | None:
    """Describe a layer whose sample gradients need not be formed.

    Parameters
    ----------
    module : nn.Module
        A part of a network.
    weight : str
        Name of its weight.
    bias : str or None
        Name of its bias, if it has one that trains.

    Returns
    -------
    Layer, Table or None
        None for any other module.

    Examples
    --------
    >>> describe(nn.Embedding(3, 2, padding_idx=0), "weight", None)
    Table(weight='weight', padding=0, bias=None)
    >>> describe(nn.ReLU(), "weight", None) is None
    True
    """
    if type(module) is nn.Linear:
        return Layer(weight, bias, 1, _of_linear, positions_last=False)
    if isinstance(module, nn.Conv1d | nn.Conv2d) and module.padding_mode == "zeros":
        return Layer(weight, bias, module.groups, partial(_windows, module), positions_last=True)
    if type(module) is nn.Embedding and not module.scale_grad_by_freq and not module.sparse:
        return Table(weight, module.padding_idx)
    return None


def _as_they_are(patches: Tensor) -> Tensor:
    return patches


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
