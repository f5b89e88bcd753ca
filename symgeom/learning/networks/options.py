"""The options of networks, checked: what is unknown or makes no network is one sentence."""

from collections.abc import Mapping, Sequence

from symgeom.ground.checks import SymgeomError, check_choice


def merge(
    name: str, defaults: Mapping[str, object], options: Mapping[str, object] | None
) -> dict[str, object]:
    """Return the options of a network with their defaults filled in.

    Parameters
    ----------
    name : str
        What the config calls the network.
    defaults : mapping
        Every option with its default; an option whose default is true or false takes no other
        value.
    options : mapping, optional
        What is asked for.

    Returns
    -------
    dict of str to object
        One value per option.

    Raises
    ------
    SymgeomError
        If an option is unknown, or is neither true nor false where it must be.

    Examples
    --------
    >>> merge("mlp", {"bias": True, "widths": (8,)}, {"bias": False})
    {'bias': False, 'widths': (8,)}
    """
    for option, value in (options or {}).items():
        check_choice(option, defaults, f"option of network '{name}'")
        if isinstance(defaults[option], bool) and not isinstance(value, bool):
            raise SymgeomError(
                f"Cannot build network '{name}' with {option} = {value!r}: give true or false."
            )
    return {**defaults, **(options or {})}


def check_sizes(name: str, option: str, sizes: object, each: str) -> tuple[int, ...]:
    """Return a list of sizes, or raise unless it is one of positive whole numbers.

    Parameters
    ----------
    name, option : str
        The network and its option, for the message.
    sizes : object
        What was given.
    each : str
        What a number of the list stands for, for the message ("one per hidden layer").

    Returns
    -------
    tuple of int
        The sizes.

    Raises
    ------
    SymgeomError
        If it is no list of positive whole numbers.

    Examples
    --------
    >>> check_sizes("mlp", "widths", [8, 4], "one per hidden layer")
    (8, 4)
    """
    if not isinstance(sizes, (list, tuple)) or any(
        type(size) is not int or size < 1 for size in sizes
    ):
        raise SymgeomError(
            f"Cannot build network '{name}' with {option} {sizes!r}: give a list of positive whole numbers, {each}."
        )
    return tuple(sizes)


def scaled(name: str, sizes: Sequence[int], width: object) -> list[int]:
    """Multiply numbers of channels by a width factor, rounded to whole channels.

    Parameters
    ----------
    name : str
        The network, for the message.
    sizes : sequence of int
        Channels at a factor of 1.
    width : object
        The factor that was given.

    Returns
    -------
    list of int
        Channels.

    Raises
    ------
    SymgeomError
        If the factor is no positive number, or leaves a layer without channels.

    Examples
    --------
    >>> scaled("resnet20", [16, 32, 64], 0.25)
    [4, 8, 16]
    """
    good = (
        isinstance(width, (int, float)) and not isinstance(width, bool) and 0 < width < float("inf")
    )
    channels = [round(size * width) for size in sizes] if good else [0]
    if min(channels) < 1:
        raise SymgeomError(
            f"Cannot build network '{name}' with width {width!r}: give a factor on its {min(sizes)} to {max(sizes)} channels "
            "that leaves every layer at least one."
        )
    return channels


def check_image(name: str, input_shape: Sequence[int], pixels: int) -> int:
    """Return the number of channels of an image, or raise if the network does not take it.

    Parameters
    ----------
    name : str
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
    if len(input_shape) != 3 or min(input_shape[1:]) < pixels:
        raise SymgeomError(
            f"Cannot build network '{name}' for samples of shape {tuple(input_shape)}: it takes images (channel, height, width) "
            f"of at least {pixels} by {pixels} pixels. Choose a data set of such images, or another network."
        )
    return input_shape[0]
