"""What inputs a network of Hugging Face takes, as far as its configuration says it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from symgeom.study.in_hand.drawn_inputs import InputForm

LENGTH = 16
"""Tokens of an input, unless it is said otherwise."""

HALVED = 2
"""How many frames of a spectrum make one position of an encoder of speech."""


def described_inputs(network: nn.Module, config: object) -> dict[str, InputForm]:
    """Return what inputs a network takes, by the names that its library has for them.

    Parameters
    ----------
    network : nn.Module
        A network of Hugging Face.
    config : object
        Its configuration.

    Returns
    -------
    dict of str to InputForm
        In the order in which the network takes them; empty unless all that it needs is known.
    """
    taken = inspect.signature(network.forward).parameters
    names = [name for name in taken if name in READERS]
    if getattr(network, "main_input_name", None) not in names:
        return {}
    if _has_token_of_picture(config):
        names = [name for name in names if name != "pixel_values"]
    forms = {}
    for name in names:
        form = READERS[name](config)
        if form is None:
            return {}
        forms[name] = form
    return forms


def _has_token_of_picture(config: object) -> bool:
    """Return whether some tokens stand for parts of pictures, of which there must be as many."""
    return hasattr(config, "image_token_id") or hasattr(config, "image_token_index")


def _said(config: object, name: str, parts: Sequence[str]) -> Any:
    """Return what a configuration says, itself or for one of its parts; None if nothing."""
    for of_part in (config, *(getattr(config, part, None) for part in parts)):
        value = getattr(of_part, name, None)
        if value is not None:
            return value
    return None


def _read_tokens(config: object) -> InputForm | None:
    """Return how many tokens there are to read, if that is said."""
    vocabulary = _said(config, "vocab_size", ["text_config", "encoder"])
    return InputForm((LENGTH,), vocabulary) if vocabulary else None


def _written_tokens(config: object) -> InputForm | None:
    """Return how many tokens there are to write, if that is said."""
    vocabulary = _said(config, "vocab_size", ["decoder"])
    return InputForm((LENGTH,), vocabulary) if vocabulary else None


def _picture(config: object) -> InputForm | None:
    """Return the shape of a picture, if its size is said."""
    parts = ["vision_config", "encoder"]
    size = _said(config, "image_size", parts)
    if size is None:
        return None
    height, width = [size, size] if isinstance(size, int) else size
    return InputForm((_said(config, "num_channels", parts) or 3, height, width))


def _spectrum(config: object) -> InputForm | None:
    """Return the shape of a spectrum, if its frequencies and its length are said."""
    frequencies = getattr(config, "num_mel_bins", None)
    positions = getattr(config, "max_source_positions", None)
    if frequencies is None or positions is None:
        return None
    return InputForm((frequencies, HALVED * positions))


READERS: Mapping[str, Callable[[object], InputForm | None]] = {
    "input_ids": _read_tokens,
    "pixel_values": _picture,
    "input_features": _spectrum,
    "decoder_input_ids": _written_tokens,
}
"""What reads each input off a configuration."""
