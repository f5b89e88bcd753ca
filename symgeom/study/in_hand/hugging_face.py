"""The architecture of Hugging Face that lies beside weights: ``config.json`` names it.

``transformers`` is no requirement of this package; it is imported where it is asked for. Nothing is
downloaded, and no code that comes with weights is executed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import first_line

CONFIG = "config.json"
LENGTH = 16
"""Tokens of an input, unless it is said otherwise."""


@dataclass(frozen=True, eq=False)
class Described:
    """An architecture that a file describes.

    Attributes
    ----------
    name : str
        Of its class.
    network : nn.Module
        With fresh weights.
    input_shape : tuple of int
        Of one input.
    tokens : int or None
        How many tokens there are, if inputs are such.
    """

    name: str
    network: nn.Module
    input_shape: tuple[int, ...]
    tokens: int | None


def described_beside(path: Path) -> Described:
    """Build the network that the configuration beside some weights describes.

    Parameters
    ----------
    path : Path
        A file of weights, or a folder that holds them.

    Returns
    -------
    Described
        The network.

    Raises
    ------
    SymgeomError
        If there is no configuration, it names no architecture, ``transformers`` is not installed or
        does not know it, or it cannot be built.
    """
    folder = path if path.is_dir() else path.parent
    file = folder / CONFIG
    if not file.is_file():
        raise SymgeomError(
            f"Cannot tell of which network '{path}' is: no '{CONFIG}' of Hugging Face lies beside "
            "it. Name the network (--network module:name)."
        )
    name = _architecture(file)
    try:
        import transformers
    except ImportError as error:
        raise SymgeomError(
            f"Cannot build '{name}' of '{file}': transformers is not installed. Install it (pip "
            "install 'symgeom[models]'), or name the network (--network module:name)."
        ) from error
    try:
        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        network = getattr(transformers, name)(config)
    except Exception as error:  # their own code runs here
        raise SymgeomError(
            f"Cannot build '{name}' of '{file}' ({type(error).__name__}: {first_line(error)}). "
            "Name the network (--network module:name)."
        ) from error
    vocabulary = getattr(config, "vocab_size", None)
    if vocabulary:
        return Described(name, network, (LENGTH,), vocabulary)
    side = getattr(config, "image_size", None)
    channels = getattr(config, "num_channels", 3)
    if not isinstance(side, int):
        raise SymgeomError(
            f"Cannot tell what inputs '{name}' of '{file}' takes. Give the shape of one (--input), "
            "and --network module:name."
        )
    return Described(name, network, (channels, side, side), None)


def _architecture(file: Path) -> str:
    """Return the class that a configuration names."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        name = content["architectures"][0]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SymgeomError(
            f"Cannot read the architecture in '{file}' ({type(error).__name__}): it is no "
            "configuration of Hugging Face with 'architectures'. Name the network (--network "
            "module:name)."
        ) from error
    return str(name)
