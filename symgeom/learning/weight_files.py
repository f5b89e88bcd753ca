"""Weights that were trained elsewhere: read from a file and checked against their network.

A file is a safetensors file, or a state dict as ``torch.save(network.state_dict(), path)`` writes
it, alone or under the name ``state_dict`` or ``model`` of a larger checkpoint. Nothing in it is
executed. A file need not hold tensors that share their memory with one that it holds, nor buffers
that no state dict keeps: they are taken from the network.

What ``torch.save`` writes is a zip, whose checksums are compared. Files of safetensors, and those
that PyTorch wrote before version 1.6, have none.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.modules import copied
from symgeom.ground.sealed import DAMAGES
from symgeom.ground.types import parameters

SUFFIXES = (".safetensors", ".pt", ".pth")
WRAPPED = ("state_dict", "model")
REAL = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
COMPLEX = (torch.complex128, torch.complex64)
ADVICE = (
    "Give a file of this network: its tensors and their shapes must be those of "
    "network.state_dict()."
)


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
        Names as :func:`~symgeom.ground.types.parameters` gives them, in the precision of the file.

    Raises
    ------
    SymgeomError
        If the file cannot be read, is damaged or holds no state dict, or if a tensor is missing or
        not expected, is no array of ordinary numbers, has another shape or kind, is not finite, or
        contradicts another with which it shares its memory.

    Examples
    --------
    >>> import tempfile
    >>> network = nn.Linear(3, 2)
    >>> path = Path(tempfile.mkdtemp()) / "linear.pt"
    >>> torch.save(network.state_dict(), path)
    >>> bool((read_weights(path, network)["weight"] == network.weight).all())
    True
    """
    tensors = _read(Path(path))
    expected = network.state_dict(keep_vars=True)
    _check_names(path, tensors, expected)
    for name, tensor in expected.items():
        if name in tensors:
            _check_tensor(path, name, tensors[name], tensor)
    check_finite(tensors, f"'{path}'")
    precision = torch.promote_types(torch.float32, _finest_precision(tensors))
    filled = copied(network).to(precision)
    filled.load_state_dict(tensors, strict=False)
    _check_shared(path, tensors, filled.state_dict())
    return parameters(filled)


def _read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name."""
    state = _state_dict(_content(path))
    if not isinstance(state, Mapping) or not _holds_tensors(state):
        raise SymgeomError(
            f"Cannot use '{path}': it holds {_described(state)}, and no state dict (tensors by "
            f"name, alone or under {' or '.join(WRAPPED)}). Save network.state_dict()."
        )
    tensors = {}
    for name, tensor in state.items():
        _check_ordinary(path, name, tensor)
        tensors[str(name)] = tensor.detach()
    return tensors


def _content(path: Path) -> object:
    """Return what a file holds, without executing any of it."""
    if not path.is_file():
        raise SymgeomError(
            f"Cannot read the weights in '{path}': there is no such file. Correct the path."
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if zipfile.is_zipfile(path):
            _check_sums(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except SymgeomError:
        raise
    except Exception as error:  # torch raises many kinds
        raise SymgeomError(
            f"Cannot read the weights in '{path}' ({type(error).__name__}): it is truncated or "
            "damaged, or holds more than tensors (nothing in it is executed). "
            "Save network.state_dict() with torch.save, or with safetensors."
        ) from error


def _check_sums(path: Path) -> None:
    """Raise unless the entries of a zip are those whose checksums it holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except DAMAGES as error:
        raise SymgeomError(
            f"Cannot read the weights in '{path}': {error}. Save network.state_dict() with "
            "torch.save, or with safetensors."
        ) from error
    if damaged:
        raise SymgeomError(
            f"Cannot read the weights in '{path}': its entry '{damaged}' is damaged, because its "
            "checksum does not fit. Copy the file again; if it was saved without checksums "
            "(torch.serialization.set_crc32_options), save it with them."
        )


def _check_ordinary(path: Path, name: object, tensor: Tensor) -> None:
    """Raise unless a tensor is an array of ordinary numbers."""
    fault = ""
    if tensor.is_nested:
        fault = "is nested"
    elif tensor.layout != torch.strided:
        fault = f"is sparse ({tensor.layout})"
    elif tensor.is_meta:
        fault = "is on the device 'meta', where tensors have no numbers"
    elif tensor.is_quantized:
        fault = f"is quantised ({tensor.dtype})"
    elif tensor.dtype not in (*REAL, *WHOLE, *COMPLEX):
        fault = f"holds {tensor.dtype}"
    if fault:
        raise SymgeomError(
            f"Cannot use '{path}': tensor '{name}' {fault}. Save an array of ordinary numbers: "
            "tensor.to_dense(), tensor.dequantize() or tensor.to(torch.float32)."
        )


def _state_dict(content: object) -> object:
    """Return the state dict inside of a larger checkpoint, or the content itself."""
    if isinstance(content, Mapping):
        for name in WRAPPED:
            if isinstance(content.get(name), Mapping):
                return content[name]
    return content


def _holds_tensors(state: Mapping[object, object]) -> bool:
    return bool(state) and all(isinstance(tensor, Tensor) for tensor in state.values())


def _described(state: object) -> str:
    """Return in words what a file holds."""
    kind = f"a {type(state).__name__}"
    if not isinstance(state, Mapping):
        return kind
    return f"{kind} with {[str(name) for name in state][:5]}"


def _check_names(
    path: str | Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """Raise unless the file holds every tensor, or one that shares its memory, and no other."""
    held = {id(expected[name]) for name in tensors if name in expected}
    missing = [name for name, tensor in expected.items() if id(tensor) not in held]
    extra = sorted(tensors.keys() - expected.keys())
    if not missing and not extra:
        return
    prefix = _common_prefix(missing, extra)
    if prefix:
        raise SymgeomError(
            f"Cannot use '{path}': the names of this network's tensors begin with '{prefix}' there "
            f"('{prefix}{missing[0]}' in place of '{missing[0]}'). Save the state dict of the "
            "network itself, not of what wraps it."
        )
    raise SymgeomError(
        f"Cannot use '{path}': tensors missing {missing}, tensors not expected {extra}. {ADVICE}"
    )


def _common_prefix(missing: Sequence[str], extra: Sequence[str]) -> str:
    """Return what stands before all missing names among the extra ones, or nothing."""
    if not missing:
        return ""
    for name in extra:
        prefix = name.removesuffix(missing[0])
        if prefix != name and all(f"{prefix}{wanted}" in extra for wanted in missing):
            return prefix
    return ""


def _check_tensor(path: str | Path, name: str, tensor: Tensor, expected: Tensor) -> None:
    """Raise unless a tensor has the shape and the kind of numbers of the network's."""
    if tensor.shape != expected.shape:
        raise SymgeomError(
            f"Cannot use '{path}': tensor '{name}' has shape {tuple(tensor.shape)}, "
            f"expected {tuple(expected.shape)}. {ADVICE}"
        )
    if _kind(tensor) != _kind(expected):
        raise SymgeomError(
            f"Cannot use '{path}': tensor '{name}' holds {tensor.dtype}, "
            f"where the network has {expected.dtype}. {ADVICE}"
        )


def _check_shared(
    path: str | Path, tensors: Mapping[str, Tensor], filled: Mapping[str, Tensor]
) -> None:
    """Raise unless tensors that share their memory have the same values in the file."""
    for name, tensor in filled.items():
        if name in tensors and not torch.equal(tensor, tensors[name].to(tensor.dtype)):
            raise SymgeomError(
                f"Cannot use '{path}': tensor '{name}' shares its memory with another tensor of "
                f"the network, for which the file holds other values. {ADVICE}"
            )


def _finest_precision(tensors: Mapping[str, Tensor]) -> torch.dtype:
    """Return the finest precision among the tensors."""
    precisions = [tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()]
    return max(precisions, key=lambda kind: torch.finfo(kind).bits, default=torch.float32)


def _kind(tensor: Tensor) -> str:
    """Return what kind of numbers a tensor holds."""
    if tensor.is_complex():
        return "complex"
    if tensor.is_floating_point():
        return "real"
    return "whole"
