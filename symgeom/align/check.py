"""What networks must be to be aligned."""

from collections.abc import Hashable, Mapping

import torch

from symgeom.checks import SymgeomError, check_finite, check_same_tensors
from symgeom.spec import SymmetrySpec, check_spec
from symgeom.types import Parameters


def check_alignable(spec: SymmetrySpec, networks: Mapping[Hashable, Parameters]) -> None:
    """Raise unless networks are of one architecture and precision, finite, on the CPU, and fit the spec.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    networks : mapping of name to Parameters
        The networks; the first is the standard for the others.

    Raises
    ------
    SymgeomError
        If one of them cannot be aligned; the message names it.
    """
    first = next(iter(networks), None)
    for name, params in networks.items():
        what = {"reference": "the reference", "network": "the network to align"}.get(name, f"network {name!r}")
        check_same_tensors(params, networks[first], what)
        check_finite(params, what)
        other = next((t for t, tensor in params.items() if tensor.dtype != networks[first][t].dtype), None)
        if other is not None:
            raise SymgeomError(
                f"Cannot align {what}: its tensor '{other}' has type {params[other].dtype}, that of the first network "
                f"{networks[first][other].dtype}. Cast both networks to one precision."
            )
    if networks:
        check_spec(spec, networks[first])
        for tensor in (networks[first][leg.tensor] for group in spec.groups for leg in group.legs if not leg.buffer):
            if tensor.dtype not in (torch.float32, torch.float64) or tensor.device.type != "cpu":
                raise SymgeomError(
                    f"Cannot align networks of type {tensor.dtype} on device '{tensor.device}': they are matched on the CPU "
                    "in float32 or float64. Move and cast both networks first."
                )
