"""The only door to timm: its networks by name, and what inputs they take.

``timm`` is no requirement of this package; it is imported where it is asked for. Nothing is
downloaded: networks are built with fresh weights.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial

from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.torchvision_door import import_torchvision

TIMM = "timm"
"""What stands before the name of one of its networks."""


def timm_factory(name: str) -> Callable[..., nn.Module]:
    """Return what makes a network of timm.

    Parameters
    ----------
    name : str
        As ``timm.list_models()`` has it.

    Returns
    -------
    callable
        A function of the options of the network.

    Raises
    ------
    SymgeomError
        If timm is not installed, or has no network of this name.
    """
    import_torchvision()
    try:
        import timm
    except ImportError as error:
        raise SymgeomError(
            f"Cannot build network 'timm:{name}': timm is not installed. Install it (pip install "
            "'symgeom[models]'), or name what makes the network (--network module:name)."
        ) from error
    if not timm.is_model(name):
        near = get_close_matches(name, timm.list_models(), n=3)
        advice = f"Did you mean {', '.join(near)}?" if near else "timm.list_models() names all."
        raise SymgeomError(f"Cannot build network 'timm:{name}': timm has none. {advice}")
    return partial(timm.create_model, name, pretrained=False)


def input_shape_of(network: nn.Module, options: Mapping[str, object]) -> tuple[int, ...] | None:
    """Return the shape of one input of a network of timm.

    Parameters
    ----------
    network : nn.Module
        Any network.
    options : mapping of str to object
        What it was made with; ``in_chans`` and ``img_size`` change the shape.

    Returns
    -------
    tuple of int or None
        Channels, height and width; None if the network does not say it as those of timm do.

    Examples
    --------
    >>> network = nn.Linear(3, 2)
    >>> network.pretrained_cfg = {"input_size": (3, 224, 224)}
    >>> input_shape_of(network, {"in_chans": 1, "img_size": 32})
    (1, 32, 32)
    """
    configuration = getattr(network, "pretrained_cfg", {})
    if "input_size" not in configuration:
        return None
    channels, *pixels = configuration["input_size"]
    if "in_chans" in options:
        channels = options["in_chans"]
    side = options.get("img_size")
    if isinstance(side, int):
        pixels = [side, side]
    elif isinstance(side, list):
        pixels = side
    return (channels, *pixels)
