"""Weights that were trained elsewhere: read from a file, and checked against the network that they are for.

A file is a safetensors file, or a state dict as ``torch.save(network.state_dict(), path)`` writes
it, alone or under the name ``state_dict`` or ``model`` of a larger checkpoint. Nothing in it is
executed. What the file does not need to hold is taken from the network: tensors that share their
memory with one that it holds, and buffers that no state dict keeps.
"""

import pickle
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.types import parameters

SUFFIXES = (".safetensors", ".pt", ".pth")
WRAPPED = ("state_dict", "model")
CANNOT_READ = (
    SafetensorError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    pickle.UnpicklingError,
)
ADVICE = "Give a file of this network: its tensors and their shapes must be those of network.state_dict()."


def read_weights(path: str | Path, network: nn.Module) -> dict[str, Tensor]:
    """Read a network's weights and buffers from a file.

    Parameters
    ----------
    path : str or Path
        ``*.safetensors``, ``*.pt`` or ``*.pth``.
    network : nn.Module
        The architecture; it is left as it is.

    Returns
    -------
    dict of str to Tensor
        As of :func:`~symgeom.ground.types.parameters`, in the precision of the file.

    Raises
    ------
    SymgeomError
        If the file cannot be read or holds no state dict, or if a tensor is missing or not
        expected, has another shape or kind, is not finite, or contradicts another with which it
        shares its memory.

    Examples
    --------
    >>> import tempfile
    >>> network = nn.Linear(3, 2)
    >>> path = Path(tempfile.mkdtemp()) / "linear.pt"
    >>> torch.save(network.state_dict(), path)
    >>> bool((read_weights(path, network)["weight"] == network.weight).all())
    True
    """
    found, expected = _read(Path(path)), network.state_dict(keep_vars=True)
    held = {id(expected[name]) for name in found if name in expected}
    missing, extra = (
        [name for name, tensor in expected.items() if id(tensor) not in held],
        sorted(found.keys() - expected.keys()),
    )
    if missing or extra:
        raise SymgeomError(
            f"Cannot use '{path}': tensors missing {missing}, tensors not expected {extra}. {ADVICE}"
        )
    for name in (name for name in expected if name in found):  # the order of the network
        _check_tensor(path, name, found[name], expected[name])
    check_finite(found, f"'{path}'")
    filled = deepcopy(network).to(torch.promote_types(torch.float32, _precision(found)))
    filled.load_state_dict(found, strict=False)
    for name, tensor in filled.state_dict().items():
        if name in found and not torch.equal(tensor, found[name].to(tensor.dtype)):
            raise SymgeomError(
                f"Cannot use '{path}': tensor '{name}' shares its memory with another tensor of the network, for which the file "
                f"holds other values. {ADVICE}"
            )
    return parameters(filled)


def _precision(found: Mapping[str, Tensor]) -> torch.dtype:
    """Return the finest precision among the tensors."""
    kinds = [tensor.dtype for tensor in found.values() if tensor.is_floating_point()]
    return max(kinds, key=lambda kind: torch.finfo(kind).bits, default=torch.float32)


def _check_tensor(path: str | Path, name: str, found: Tensor, expected: Tensor) -> None:
    if found.shape != expected.shape:
        raise SymgeomError(
            f"Cannot use '{path}': tensor '{name}' has shape {tuple(found.shape)}, expected {tuple(expected.shape)}. {ADVICE}"
        )
    if (
        found.is_floating_point() != expected.is_floating_point()
        or found.is_complex() != expected.is_complex()
    ):
        raise SymgeomError(
            f"Cannot use '{path}': tensor '{name}' holds {found.dtype}, where the network has {expected.dtype}. {ADVICE}"
        )


def _read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name."""
    try:
        content = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except CANNOT_READ as error:
        raise SymgeomError(
            f"Cannot read the weights in '{path}' ({type(error).__name__}): it is missing or truncated, or holds more than "
            "tensors (nothing in it is executed). Save network.state_dict() with torch.save, or with safetensors."
        ) from error
    inner = [
        content[name]
        for name in WRAPPED
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping)
    ]
    state = inner[0] if inner else content
    if (
        not isinstance(state, Mapping)
        or not state
        or not all(isinstance(tensor, Tensor) for tensor in state.values())
    ):
        kind = f"a {type(state).__name__}" + (
            f" with {[str(name) for name in state][:5]}" if isinstance(state, Mapping) else ""
        )
        raise SymgeomError(
            f"Cannot use '{path}': it holds {kind}, and no state dict (tensors by name, alone or under {' or '.join(WRAPPED)}). "
            "Save network.state_dict()."
        )
    return {str(name): tensor.detach() for name, tensor in state.items()}
