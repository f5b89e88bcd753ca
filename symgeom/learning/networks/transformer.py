r"""A small transformer: attention and affine layers in a residual stream, without dropout.

A sample becomes a row of positions: an image is cut into square patches, a sample of shape
(position, feature) has them already, and whole numbers (``tokens``) are looked up in a table. Every
position is mapped to ``width`` numbers, to which learnt numbers of its place are added. Each of
``depth`` blocks adds attention to this stream, and then an affine layer with an activation between
two. Within a head of :math:`d` units queries and keys meet as

.. math:: \operatorname{softmax}\big(X W_Q^\top W_K X^\top / \sqrt d\big)\, X W_V^\top ,

and what comes out is multiplied by :math:`W_O^\top`. Queries, keys and values have no biases, so
that any invertible matrix may mix the units of queries and keys (:math:`W_Q \to GW_Q`, :math:`W_K
\to G^{-\top}W_K`), and likewise those of values and outputs. The answer is an affine layer of the
mean over the positions, or of every position on its own.

References
----------
Vaswani et al., "Attention is all you need" (1706.03762), section 3. Dosovitskiy et al., "An image
is worth 16x16 words" (2010.11929), section 3.1. Differs from the sources: no dropout, no biases in
attention, layer norms before the layers and not behind them (and only if they are asked for), a
mean in place of a token for the class, a ReLU.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.learning.networks.initialisation import affine, initialise
from symgeom.learning.networks.mlp import ACTIVATIONS
from symgeom.learning.networks.options import (
    NetworkOptions,
    check_image,
    check_sizes,
    read_options,
)

NAME = "transformer"

ANSWERS = ("sample", "position")


@dataclass(frozen=True)
class TransformerOptions(NetworkOptions):
    """The options of a transformer.

    Attributes
    ----------
    width : int
        Numbers of the stream at a position; a multiple of the heads.
    depth : int
        Blocks.
    heads : int
        Heads of the attention of a block.
    hidden : int
        Units between the two affine layers of a block.
    patch : int
        Height and width of the patches of images.
    tokens : int
        How many different whole numbers a sample may hold, 0 and above; 0 for samples of real
        numbers.
    norm : bool
        Whether layer norms come before attention, affine layers and the answer.
    answers : {"sample", "position"}
        Whether a sample has one answer or one for each position.
    activation : {"relu", "leaky_relu", "tanh", "gelu", "identity"}
        What follows the first affine layer of a block.
    initialisation : str
        How weights are drawn (:mod:`symgeom.learning.networks.initialisation`); the numbers of
        places and tokens are normal, with a variance of one over the width.
    """

    width: int = 32
    depth: int = 2
    heads: int = 4
    hidden: int = 64
    patch: int = 2
    tokens: int = 0
    norm: bool = True
    answers: str = "sample"
    activation: str = "relu"
    initialisation: str = "glorot"


def build_transformer(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Module:
    """Build a transformer.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one sample: (channel, height, width) of an image, (position, feature) of real
        numbers, or (position,) of whole numbers.
    classes : int
        Number of outputs, of a sample or of each position.
    options : mapping, optional
        The attributes of :class:`TransformerOptions`; what is left out keeps its default.
    generator : torch.Generator
        The source of the initial weights.

    Returns
    -------
    nn.Module
        In float32.

    Raises
    ------
    SymgeomError
        If an option is unknown or makes no network, or it does not take such samples.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_transformer((5,), 3, {"tokens": 7}, generator=generator)
    >>> network(torch.tensor([[0, 6, 2, 2, 1]])).shape
    torch.Size([1, 3])
    """
    wanted = read_options(NAME, TransformerOptions, options)
    check_choice(wanted.answers, ANSWERS, f"answers of network '{NAME}'")
    check_choice(wanted.activation, ACTIVATIONS, f"activation of network '{NAME}'")
    _check_sizes(wanted)
    positions, first = _first_layers(tuple(input_shape), wanted)
    network = Transformer(first, positions, classes, wanted)
    initialise(network, wanted.initialisation, name=NAME, generator=generator)
    deviation = wanted.width**-0.5
    for layer in network.modules():
        if isinstance(layer, Places):
            nn.init.normal_(layer.weight, std=deviation, generator=generator)
        if isinstance(layer, nn.Embedding):
            nn.init.normal_(layer.weight, std=deviation, generator=generator)
    return network


def _check_sizes(wanted: TransformerOptions) -> None:
    """Raise unless all sizes are possible."""
    for option in ("width", "depth", "heads", "hidden", "patch"):
        check_sizes(NAME, option, [getattr(wanted, option)], "one")
    if wanted.tokens != 0:
        check_sizes(NAME, "tokens", [wanted.tokens], "or 0 for samples of real numbers")
    if wanted.width % wanted.heads:
        raise SymgeomError(
            f"Cannot build network '{NAME}' of width {wanted.width} with {wanted.heads} heads: "
            "give a width that is a multiple of the heads."
        )


def _first_layers(
    shape: tuple[int, ...], wanted: TransformerOptions
) -> tuple[int, list[nn.Module]]:
    """Return the number of positions, and the layers that make the stream of a sample."""
    if wanted.tokens:
        if len(shape) != 1:
            raise SymgeomError(
                f"Cannot build network '{NAME}' with tokens {wanted.tokens} for samples of shape "
                f"{shape}: tokens are whole numbers in a row. Leave the option out, or choose "
                "another data set."
            )
        return shape[0], [_table(wanted.tokens, wanted.width)]
    if len(shape) == 2:
        return shape[0], [affine(shape[1], wanted.width, bias=True)]
    if len(shape) == 1:
        raise SymgeomError(
            f"Cannot build network '{NAME}' for samples of shape {shape}: of real numbers it takes "
            "images (channel, height, width) or rows of features (position, feature). If they are "
            "whole numbers that stand for something, give the option 'tokens', how many there are."
        )
    channels = check_image(NAME, shape, wanted.patch)
    if shape[1] % wanted.patch or shape[2] % wanted.patch:
        raise SymgeomError(
            f"Cannot build network '{NAME}' with patches of {wanted.patch} by {wanted.patch} "
            f"pixels for images of {shape[1]} by {shape[2]}: give a patch that divides both."
        )
    patches = Patches(wanted.patch)
    features = channels * wanted.patch**2
    positions = shape[1] * shape[2] // wanted.patch**2
    return positions, [patches, affine(features, wanted.width, bias=True)]


def _table(tokens: int, width: int) -> nn.Embedding:
    """Return an embedding whose weights are not drawn: the global generator does not move."""
    return nn.Embedding.from_pretrained(torch.empty(tokens, width), freeze=False)


class Patches(nn.Module):
    """Cuts images into square patches, each a row of numbers.

    Parameters
    ----------
    size : int
        Their height and width.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """Return (sample, position, feature)."""
        rows = images.unflatten(3, (-1, self.size))
        patches = rows.unflatten(2, (-1, self.size))
        # (sample, channel, y, y within, x, x within)
        features = patches.permute(0, 2, 4, 1, 3, 5)
        return features.flatten(3).flatten(1, 2)


class Places(nn.Module):
    """Adds learnt numbers to every position.

    Parameters
    ----------
    positions, width : int
        How many positions there are, and numbers at each.
    """

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(positions, width))

    def forward(self, stream: Tensor) -> Tensor:
        """Return the stream with places."""
        return stream + self.weight


class Attention(nn.Module):
    """Attention of every position to all.

    Parameters
    ----------
    width, heads : int
        Numbers at a position, and heads that share them.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = affine(width, width, bias=False)
        self.key = affine(width, width, bias=False)
        self.value = affine(width, width, bias=False)
        self.output = affine(width, width, bias=True)

    def forward(self, stream: Tensor) -> Tensor:
        """Return what is added to the stream."""
        queries = self._by_head(self.query(stream))
        keys = self._by_head(self.key(stream))
        values = self._by_head(self.value(stream))
        scores = queries @ keys.transpose(2, 3)
        weights = (scores / math.sqrt(queries.shape[-1])).softmax(-1)
        mixed = (weights @ values).transpose(1, 2)
        return self.output(mixed.flatten(2))

    def _by_head(self, stream: Tensor) -> Tensor:
        """Return (sample, head, position, unit)."""
        return stream.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Attention and two affine layers, each added to the stream.

    Parameters
    ----------
    wanted : TransformerOptions
        The options of the network.
    """

    def __init__(self, wanted: TransformerOptions) -> None:
        super().__init__()
        self.norm1 = _norm(wanted)
        self.attention = Attention(wanted.width, wanted.heads)
        self.norm2 = _norm(wanted)
        self.first = affine(wanted.width, wanted.hidden, bias=True)
        self.activation = ACTIVATIONS[wanted.activation]()
        self.second = affine(wanted.hidden, wanted.width, bias=True)

    def forward(self, stream: Tensor) -> Tensor:
        """Return the stream behind the block."""
        attended = stream + self.attention(self.norm1(stream))
        hidden = self.activation(self.first(self.norm2(attended)))
        return attended + self.second(hidden)


def _norm(wanted: TransformerOptions) -> nn.Module:
    """Return a layer norm, if they are asked for."""
    return nn.LayerNorm(wanted.width) if wanted.norm else nn.Identity()


class Transformer(nn.Module):
    """Blocks between the layers that make the stream and the answer.

    Parameters
    ----------
    first : sequence of nn.Module
        What makes the stream of a sample.
    positions, classes : int
        Of a sample, and outputs.
    wanted : TransformerOptions
        The options of the network.
    """

    def __init__(
        self,
        first: Sequence[nn.Module],
        positions: int,
        classes: int,
        wanted: TransformerOptions,
    ) -> None:
        super().__init__()
        self.first = nn.Sequential(*first)
        self.places = Places(positions, wanted.width)
        blocks = [Block(wanted) for _ in range(wanted.depth)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = _norm(wanted)
        self.together = wanted.answers == "sample"
        self.head = affine(wanted.width, classes, bias=True)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the logits of samples, or of their positions."""
        stream = self.places(self.first(samples))
        answers = self.norm(self.blocks(stream))
        if self.together:
            answers = answers.mean(1)
        return self.head(answers)
