"""Whether tensors of a file are ordinary numbers of the network's shapes, and their precision."""

from collections.abc import Iterable

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError

REAL = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
COMPLEX = (torch.complex128, torch.complex64)
ADVICE = (
    "Give a file of this network: its tensors and their shapes must be those of "
    "network.state_dict()."
)


def check_tensor(path: object, name: str, tensor: Tensor, expected: Tensor) -> None:
    """Raise unless a tensor is an array of numbers of the shape and the kind of the network's.

    Parameters
    ----------
    path : str or Path
        The file, for the message.
    name : str
        What the tensor is called there.
    tensor : Tensor
        That of the file.
    expected : Tensor
        That of the network.

    Raises
    ------
    SymgeomError
        If it is not.
    """
    _check_ordinary(path, name, tensor)
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


def is_array(tensor: Tensor) -> bool:
    """Return whether a tensor is an array, of whatever numbers.

    Parameters
    ----------
    tensor : Tensor
        Any.

    Returns
    -------
    bool
        Whether its entries lie in memory, one after the other.
    """
    odd = tensor.is_nested or tensor.is_meta or tensor.is_quantized
    return not odd and tensor.layout == torch.strided


def working_precision(tensors: Iterable[Tensor]) -> torch.dtype:
    """Return the precision in which weights are handed on: the finest in the file, or single.

    Parameters
    ----------
    tensors : iterable of Tensor
        Those of the file.

    Returns
    -------
    torch.dtype
        A half or brain-float number is a single one, too.
    """
    precision = torch.float32
    for tensor in tensors:
        if tensor.is_floating_point():
            precision = torch.promote_types(precision, tensor.dtype)
    return precision


def as_in_network(tensor: Tensor, expected: Tensor, precision: torch.dtype) -> Tensor:
    """Return a tensor of a file as one of the network.

    Parameters
    ----------
    tensor : Tensor
        That of the file.
    expected : Tensor
        That of the network.
    precision : torch.dtype
        Of real numbers; other numbers are of the network's type.

    Returns
    -------
    Tensor
        Its entries lie in their order, and nothing around them.
    """
    dtype = precision if tensor.is_floating_point() else expected.dtype
    converted = tensor.detach().to(dtype).contiguous()
    is_view = converted.untyped_storage().nbytes() != converted.nbytes
    return converted.clone() if is_view else converted


def _check_ordinary(path: object, name: str, tensor: Tensor) -> None:
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


def _kind(tensor: Tensor) -> str:
    """Return what kind of numbers a tensor holds."""
    if tensor.is_complex():
        return "complex"
    if tensor.is_floating_point():
        return "real"
    return "whole"
