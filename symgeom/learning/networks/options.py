"""The options of networks, and their checks: what makes no network is named in one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

from symgeom.ground.checks import SymgeomError, check_choice


@dataclass(frozen=True)
class NetworkOptions:
    """What the options of every network derive from: a field with a default for every option."""


LARGEST_SIZE = 1_000_000
"""Units, channels or whatever else a layer may have: more have no room in any memory."""

LARGEST_FACTOR = 1000
"""By how much a network may be wider than it was published."""


Options = TypeVar("Options", bound=NetworkOptions)


def read_options(
    network: str, kind: type[Options], options: Mapping[str, object] | None
) -> Options:
    """Return the options of a network, with defaults for those that are left out.

    Parameters
    ----------
    network : str
        What the config calls the network.
    kind : type of NetworkOptions
        The options that the network has. Where the default is true or false, the option takes no
        other value.
    options : mapping, optional
        What is asked for.

    Returns
    -------
    NetworkOptions
        One value per option.

    Raises
    ------
    SymgeomError
        If an option is unknown, or is neither true nor false where it must be.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class LineOptions(NetworkOptions):
    ...     bias: bool = True
    ...     width: float = 1.0
    >>> read_options("line", LineOptions, {"bias": False})
    LineOptions(bias=False, width=1.0)
    """
    values = dict(options or {})
    defaults = {option.name: option.default for option in fields(kind)}
    for name, value in values.items():
        check_choice(name, defaults, f"option of network '{network}'")
        if isinstance(defaults[name], bool) and not isinstance(value, bool):
            raise SymgeomError(
                f"Cannot build network '{network}' with {name} = {value!r}: give true or false."
            )
    return kind(**values)


def check_sizes(network: str, option: str, sizes: object, meaning: str) -> tuple[int, ...]:
    """Return a list of sizes, or raise unless it is one of positive whole numbers.

    Parameters
    ----------
    network, option : str
        The network and its option, for the message.
    sizes : object
        The value of the option.
    meaning : str
        What a number of the list stands for, for the message ("one per hidden layer").

    Returns
    -------
    tuple of int
        The sizes.

    Raises
    ------
    SymgeomError
        If it is no list of positive whole numbers, or one is too large.

    Examples
    --------
    >>> check_sizes("mlp", "widths", [8, 4], "one per hidden layer")
    (8, 4)
    """
    if isinstance(sizes, (list, tuple)) and all(_is_size(size) for size in sizes):
        return tuple(sizes)
    raise SymgeomError(
        f"Cannot build network '{network}' with {option} {sizes!r}: "
        f"give a list of positive whole numbers up to {LARGEST_SIZE:,}, {meaning}."
    )


def scaled_channels(network: str, sizes: Sequence[int], width: object) -> list[int]:
    """Multiply numbers of channels by a width factor, rounded to whole channels.

    Parameters
    ----------
    network : str
        The network, for the message.
    sizes : sequence of int
        Channels at a factor of 1.
    width : object
        The factor.

    Returns
    -------
    list of int
        Channels.

    Raises
    ------
    SymgeomError
        If the factor is no positive number, leaves a layer without channels, or is too large.

    Examples
    --------
    >>> scaled_channels("resnet20", [16, 32, 64], 0.25)
    [4, 8, 16]
    """
    if isinstance(width, (int, float)) and _is_factor(width):
        channels = [round(size * width) for size in sizes]
        if min(channels) >= 1:
            return channels
    raise SymgeomError(
        f"Cannot build network '{network}' with width {width!r}: give a factor on its "
        f"{min(sizes)} to {max(sizes)} channels that leaves every layer at least one, up to "
        f"{LARGEST_FACTOR:,}."
    )


def check_image(network: str, input_shape: Sequence[int], pixels: int) -> int:
    """Return the number of channels of an image, or raise if the network does not take it.

    Parameters
    ----------
    network : str
        The network, for the message.
    input_shape : sequence of int
        Shape of one sample.
    pixels : int
        Smallest height and width that the network can take.

    Returns
    -------
    int
        Channels.

    Raises
    ------
    SymgeomError
        If a sample is no image (channel, height, width), or too small.

    Examples
    --------
    >>> check_image("lenet", (3, 32, 32), 16)
    3
    """
    if len(input_shape) == 3 and min(input_shape[1:]) >= pixels:
        return input_shape[0]
    raise SymgeomError(
        f"Cannot build network '{network}' for samples of shape {tuple(input_shape)}: it takes "
        f"images (channel, height, width) of at least {pixels} by {pixels} pixels. "
        "Choose a data set of such images, or another network."
    )


def _is_size(size: object) -> bool:
    return type(size) is int and 1 <= size <= LARGEST_SIZE


def _is_factor(width: float) -> bool:
    return not isinstance(width, bool) and 0 < width <= LARGEST_FACTOR
