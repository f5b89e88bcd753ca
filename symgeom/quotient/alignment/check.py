"""What networks must be to be aligned."""

from collections.abc import Hashable, Iterable

import torch

from symgeom.ground.checks import SymgeomError, check_finite, check_same_tensors
from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import SymmetrySpec, check_spec


def check_alignable(spec: SymmetrySpec, networks: Iterable[tuple[Hashable, Parameters]]) -> None:
    """Raise unless networks are of one architecture and precision, finite, on the CPU, and fit the spec.

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
    first = None
    for name, params in networks:
        first = first or params
        what = {"reference": "the reference", "network": "the network to align"}.get(
            name, f"network {name!r}"
        )
        check_same_tensors(params, first, what)
        check_finite(params, what)
        other = next((t for t, tensor in params.items() if tensor.dtype != first[t].dtype), None)
        if other is not None:
            raise SymgeomError(
                f"Cannot align {what}: its tensor '{other}' has type {params[other].dtype}, that of the first network "
                f"{first[other].dtype}. Cast both networks to one precision."
            )
    if first:
        check_spec(spec, first)
        for tensor in (
            first[leg.tensor] for group in spec.groups for leg in group.legs if not leg.buffer
        ):
            if tensor.dtype not in (torch.float32, torch.float64) or tensor.device.type != "cpu":
                raise SymgeomError(
                    f"Cannot align networks of type {tensor.dtype} on device '{tensor.device}': they are matched on the CPU "
                    "in float32 or float64. Move and cast both networks first."
                )
