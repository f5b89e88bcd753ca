"""Architectures that need no code: timm's by name, and those that ``config.json`` describes.

Hugging Face and timm write such a file beside the weights. ``transformers`` and ``timm`` are no
requirements of this package; they are imported where they are asked for. Nothing is downloaded, and
no code that comes with weights is executed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import in_mode
from symgeom.ground.own_code import first_line
from symgeom.ground.torchvision_door import import_torchvision
from symgeom.learning.networks.by_reference import network_of
from symgeom.learning.networks.timm_door import TIMM, input_shape_of
from symgeom.study.in_hand.described_inputs import described_inputs
from symgeom.study.in_hand.drawn_inputs import UNNAMED, InputForm

CONFIG = "config.json"
NAME_IT = "Name the network (--network module:name)."


@dataclass(frozen=True, eq=False)
class Described:
    """An architecture that is described, and not made by code of the user.

    Attributes
    ----------
    name : str
        What it is called.
    network : nn.Module
        With fresh weights.
    inputs : mapping of str to InputForm
        What its inputs look like, by name; empty if that is not known.
    """

    name: str
    network: nn.Module
    inputs: Mapping[str, InputForm]


def described_by(
    name: str | None, path: Path, options: Mapping[str, object], *, seed: int
) -> Described | None:
    """Build a network of timm, or without any name the one that a file beside weights describes.

    Parameters
    ----------
    name : str or None
        What the network was called.
    path : Path
        A file of weights, or a folder that holds them.
    options : mapping of str to object
        What the network is made with, beside or instead of what is described.
    seed : int
        Of the fresh weights of a network of timm.

    Returns
    -------
    Described or None
        None for the name of another network.

    Raises
    ------
    SymgeomError
        If there is no description, its library is not installed or does not know the network, or it
        cannot be built.
    """
    if name is None:
        return _described_beside(path, options, seed)
    library, _, model = name.partition(":")
    if library != TIMM:
        return None
    return _of_timm(model, options, seed)


def _described_beside(path: Path, options: Mapping[str, object], seed: int) -> Described:
    """Build the network that the configuration beside some weights describes."""
    folder = path if path.is_dir() else path.parent
    file = folder / CONFIG
    if not file.is_file():
        raise SymgeomError(
            f"Cannot tell of which network '{path}' is: no '{CONFIG}' of Hugging Face or timm lies "
            f"beside it. {NAME_IT}"
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if "architecture" in content:
            described = {"num_classes": content["num_classes"], **content.get("model_args", {})}
            return _of_timm(str(content["architecture"]), {**described, **options}, seed)
        name = str(content["architectures"][0])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SymgeomError(
            f"Cannot read the architecture in '{file}' ({type(error).__name__}): it is no "
            f"configuration of Hugging Face or timm. {NAME_IT}"
        ) from error
    return _of_transformers(name, file, options)


def _of_timm(name: str, options: Mapping[str, object], seed: int) -> Described:
    """Build a network of timm."""
    network = network_of(TIMM, name, options, seed=seed)
    shape = input_shape_of(network, options)
    inputs = {UNNAMED: InputForm(shape)} if shape else {}
    return Described(f"{TIMM}:{name}", in_mode(network, training=False), inputs)


def _of_transformers(name: str, file: Path, options: Mapping[str, object]) -> Described:
    """Build a network of Hugging Face."""
    import_torchvision()
    try:
        import transformers
    except ImportError as error:
        raise SymgeomError(
            f"Cannot build '{name}' of '{file}': transformers is not installed. Install it (pip "
            "install 'symgeom[models]'), or name the network (--network module:name)."
        ) from error
    try:
        config, unknown = transformers.AutoConfig.from_pretrained(
            file.parent,
            local_files_only=True,
            trust_remote_code=False,
            return_unused_kwargs=True,
            use_cache=False,
            **options,
        )
        network = getattr(transformers, name)(config)
    except Exception as error:  # their own code runs here
        raise SymgeomError(
            f"Cannot build '{name}' of '{file}' ({type(error).__name__}: {first_line(error)}). "
            f"{NAME_IT}"
        ) from error
    unknown.pop("use_cache", None)
    if unknown:
        raise SymgeomError(
            f"Cannot build '{name}' of '{file}' with {', '.join(unknown)}: its configuration has "
            "nothing of this name. Correct --option."
        )
    network = in_mode(network, training=False)
    return Described(name, network, described_inputs(network, config))
