r"""A search without gradients: random patches at the ends of the box (Square Attack).

The start has stripes, in which every input changes by the whole budget, up or down. Then one
random patch after the other is set to one end, channel by channel, and stays where the margin falls
by it. Patches shrink: of an image they are squares, of a vector runs of features. No gradient is
needed, so that gradients that are masked do not protect.

References
----------
Andriushchenko, Croce, Flammarion and Hein, "Square Attack: a query-efficient black-box adversarial
attack via random search" (1912.00049), algorithms 1 and 2.
"""

import torch
from torch import Tensor

from symgeom.neighbours.robustness.chase import Chase

FIRST_SHARE = 0.8
"""The share of the inputs that the first patches cover."""

HALVINGS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""After which shares of all looks patches cover half as much."""


def patch_by_patch(chase: Chase, looks: int, generator: torch.Generator) -> None:
    """Lower the margins patch by patch.

    Parameters
    ----------
    chase : Chase
        What is attacked.
    looks : int
        How many patches to try.
    generator : torch.Generator
        Draws stripes and patches.
    """
    box = chase.box
    shape = image_shape(box.centre)
    low = box.low.view(shape)
    high = box.high.view(shape)
    samples, channels, height, width = shape
    points = torch.where(_coins((samples, channels, 1, width), box.centre, generator), high, low)
    margins = chase.look(points.view_as(box.centre))
    for look in range(looks):
        sides = patch_sides(height, width, share=patch_share(look / looks))
        patch = _patches(shape, sides, generator).to(points.device)
        colours = torch.where(_coins((samples, channels, 1, 1), box.centre, generator), high, low)
        candidates = torch.where(patch, colours, points)
        margins_there = chase.look(candidates.view_as(box.centre))
        better = margins_there < margins
        margins = torch.where(better, margins_there, margins)
        points = torch.where(better.view(-1, 1, 1, 1), candidates, points)


def image_shape(inputs: Tensor) -> tuple[int, int, int, int]:
    """Return the shape of samples as images: a vector is an image of one row.

    Parameters
    ----------
    inputs : Tensor, shape (sample, ...)
        Images (sample, channel, height, width), or anything else.

    Returns
    -------
    tuple of int
        Samples, channels, height and width.

    Examples
    --------
    >>> image_shape(torch.zeros(5, 64))
    (5, 1, 1, 64)
    """
    if inputs.ndim == 4:
        samples, channels, height, width = inputs.shape
        return samples, channels, height, width
    return len(inputs), 1, 1, inputs[0].numel()


def patch_share(progress: float) -> float:
    """Return the share of the inputs that a patch covers.

    Parameters
    ----------
    progress : float
        The share of the looks that are over.

    Returns
    -------
    float
        From 0.8 downwards.

    Examples
    --------
    >>> patch_share(0), patch_share(0.5)
    (0.8, 0.00625)
    """
    halvings = sum(progress > at for at in HALVINGS)
    return FIRST_SHARE / 2**halvings


def patch_sides(height: int, width: int, *, share: float) -> tuple[int, int]:
    """Return height and width of a patch that covers a share of an image.

    Parameters
    ----------
    height, width : int
        Of the image.
    share : float
        What the patch covers.

    Returns
    -------
    tuple of int
        Both at least 1; equal, unless the image ends before.

    Examples
    --------
    >>> patch_sides(8, 8, share=0.25), patch_sides(1, 64, share=0.25)
    ((4, 4), (1, 16))
    """
    if height == 1:
        return 1, max(round(share * width), 1)
    side = max(round((share * height * width) ** 0.5), 1)
    return min(side, height), min(side, width)


def _patches(
    shape: tuple[int, int, int, int], sides: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Return which pixels lie in a random patch, shape (sample, 1, height, width)."""
    samples, _, height, width = shape
    rows = _run(samples, height, sides[0], generator).view(samples, 1, height, 1)
    columns = _run(samples, width, sides[1], generator).view(samples, 1, 1, width)
    return rows & columns


def _run(samples: int, length: int, run: int, generator: torch.Generator) -> Tensor:
    """Return which places lie in a random run, shape (sample, length)."""
    first = torch.randint(length - run + 1, (samples, 1), generator=generator)
    places = torch.arange(length)
    return (places >= first) & (places < first + run)


def _coins(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Toss coins on the CPU, for a tensor elsewhere."""
    return torch.randint(2, shape, generator=generator).bool().to(like.device)
