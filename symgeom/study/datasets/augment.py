"""Random crops and reflections of images, for training: one gather for a whole batch.

A crop is the image moved by up to 4 pixels in either direction, black coming in at the edges (as if
it were padded by 4 and cut at random); a reflection swaps left and right with probability 1/2.
Black is what a black pixel has become by the scaling of the inputs, channel by channel:
:attr:`symgeom.study.datasets.data.Data.black`.

References
----------
He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (1512.03385), section 4.2.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice

AUGMENTATIONS = {"none": (0, False), "crop": (4, False), "flip": (0, True), "crop_flip": (4, True)}
"""By name: the largest move (pixels), and whether images are reflected."""

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def augmentation(name: str, *, black: Sequence[float]) -> Augmentation | None:
    """Return the function that moves and reflects a batch of images at random.

    Parameters
    ----------
    name : {"none", "crop", "flip", "crop_flip"}
        What is done.
    black : sequence of float
        The value of a black pixel, per channel.

    Returns
    -------
    callable or None
        ``(inputs, generator) -> inputs`` for inputs of shape (sample, channel, height, width) on
        any device and a generator on the CPU; a new tensor. None for ``"none"``.

    Raises
    ------
    SymgeomError
        If the name is unknown; the function raises if its inputs are no images with that many
        channels.

    Examples
    --------
    >>> flip = augmentation("flip", black=(0.0,))
    >>> images = torch.tensor([[[[1.0, 2.0]]]]).expand(3, 1, 1, 2)
    >>> flip(images, torch.Generator().manual_seed(3)).tolist()
    [[[[1.0, 2.0]]], [[[2.0, 1.0]]], [[[2.0, 1.0]]]]
    """
    check_choice(name, AUGMENTATIONS, "augmentation")
    if name == "none":
        return None
    move, reflect = AUGMENTATIONS[name]

    def augmented(inputs: Tensor, generator: torch.Generator) -> Tensor:
        if inputs.ndim != 4 or inputs.shape[1] != len(black):
            raise SymgeomError(
                f"Cannot augment inputs of shape {tuple(inputs.shape)} by '{name}': they are no "
                f"images (sample, channel, height, width) of {len(black)} channels, as 'black' "
                "says. Choose augmentation 'none', or a data set of images."
            )
        origins = _origins(inputs.shape, move, reflect, generator).to(inputs.device)
        pixels = _framed(inputs, black, move).flatten(2)
        moved = pixels.gather(2, origins.expand(-1, pixels.shape[1], -1))
        return moved.view(inputs.shape)

    return augmented


def _framed(inputs: Tensor, black: Sequence[float], move: int) -> Tensor:
    """Return the images in a frame of black."""
    if not move:
        return inputs
    samples, _, height, width = inputs.shape
    pixel = inputs.new_tensor(black).view(1, -1, 1, 1)
    framed = pixel.repeat(samples, 1, height + 2 * move, width + 2 * move)
    framed[:, :, move:-move, move:-move] = inputs
    return framed


def _origins(shape: torch.Size, move: int, reflect: bool, generator: torch.Generator) -> Tensor:
    """Return where in its framed image each pixel comes from, shape (sample, 1, pixel)."""
    samples, _, height, width = shape
    top, left = torch.randint(2 * move + 1, (2, samples, 1), generator=generator)
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    if reflect:
        reflected = torch.randint(2, (samples, 1), generator=generator).bool()
        columns = torch.where(reflected, columns.flip(1), columns)
    framed_width = width + 2 * move
    origins = rows[:, :, None] * framed_width + columns[:, None, :]
    return origins.flatten(1).unsqueeze(1)
