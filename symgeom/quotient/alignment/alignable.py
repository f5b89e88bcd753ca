"""What networks must be to be aligned."""

from collections.abc import Hashable, Iterable

import torch

from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.types import Parameters, outline
from symgeom.quotient.alignment.plan import trainable_tensors
from symgeom.symmetry.spec import SymmetrySpec, check_spec

ROLES: dict[Hashable, str] = {
    "reference": "the reference",
    "network": "the network to align",
}
"""How a message calls the two networks of one alignment."""

PRECISIONS = (torch.float32, torch.float64)
"""In which networks can be matched."""


def check_alignable(spec: SymmetrySpec, networks: Iterable[tuple[Hashable, Parameters]]) -> None:
    """Raise unless networks can be aligned.

    They must be of one architecture and precision, finite, on the CPU, and fit the spec.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    networks : iterable of (name, Parameters)
        The networks; the first is the standard for the others, which are looked at one by one.

    Raises
    ------
    SymgeomError
        If one of them cannot be aligned; the message names it.
    """
    first: Parameters | None = None
    for name, params in networks:
        is_first = first is None
        first = outline(params) if first is None else first
        what = ROLES.get(name, f"network {name!r}")
        check_same_tensors(params, first, what)
        _check_same_device(params, first, what)
        check_finite(params, what, masks=spec.constants)
        _check_same_precision(params, first, what)
        if is_first:
            check_spec(spec, params)
            _check_matchable(spec, params)
        del params  # before the next one is read


def _check_same_device(params: Parameters, first: Parameters, what: str) -> None:
    for name, tensor in params.items():
        if tensor.device != first[name].device:
            raise SymgeomError(
                f"Cannot align {what}: its tensor '{name}' is on device '{tensor.device}', that of "
                f"the first network on '{first[name].device}'. Move both to one device."
            )


def _check_same_precision(params: Parameters, first: Parameters, what: str) -> None:
    for name, tensor in params.items():
        standard = first[name].dtype
        if tensor.dtype != standard:
            raise SymgeomError(
                f"Cannot align {what}: its tensor '{name}' has type {tensor.dtype}, that of the "
                f"first network {standard}. Cast both networks to one precision."
            )


def _check_matchable(spec: SymmetrySpec, params: Parameters) -> None:
    for name in trainable_tensors(spec):
        dtype = params[name].dtype
        if dtype not in PRECISIONS:
            raise SymgeomError(
                f"Cannot align networks of type {dtype}: they are matched in float32 or float64. "
                "Cast both networks first."
            )
