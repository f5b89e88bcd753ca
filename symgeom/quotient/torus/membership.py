"""Whether a network lies on the torus: what fixes the scale of a unit has length 1.

Angles between networks that do not lie there depend on scales that no output shows: the length of
a unit is a factor of the coordinates of the units behind it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from symgeom.ground.checks import SHOWN, SymgeomError
from symgeom.ground.types import Parameters, unstack
from symgeom.quotient.torus.coordinates import rows, sphere_legs
from symgeom.quotient.torus.fixing import fixing_legs
from symgeom.symmetry.spec import Leg, SymmetrySpec

LENGTH = 1e-4
"""How far from 1 a length on the torus may be: rounding in single precision."""

Legs = Mapping[str, tuple[Leg, ...]]


def check_on_torus(
    spec: SymmetrySpec,
    params: Parameters,
    what: str,
    *,
    bias_in_norm: bool = True,
    stacked: bool = False,
) -> None:
    """Raise unless the units of networks have the lengths that canonical ones have.

    Looked at are the groups with positive scales all of whose coordinates fix them. Of residual
    streams, whose later writers have any length, and of linear groups, which rotations mix, nothing
    is asked. The head may have any length, too, and a unit that is zero (a dropped one) has none.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network, or stacked ones.
    what : str
        What it is, for the message ("the first network").
    bias_in_norm : bool
        Whether a unit's bias is one of its coordinates.
    stacked : bool
        Whether there are several along a leading axis.

    Raises
    ------
    SymgeomError
        If a unit has another length than 1.

    Examples
    --------
    >>> from symgeom.symmetry.spec import UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
    >>> check_on_torus(spec, {"weight": torch.tensor([[0.6, 0.8]])}, "the network")
    """
    one_network = unstack(params)[0] if stacked else params
    legs = _legs_of_chains(spec, one_network, bias_in_norm=bias_in_norm)
    for name, lengths in _lengths(spec, legs, params, stacked=stacked).items():
        off = (lengths - 1).abs() > LENGTH
        wrong = off & (lengths != 0)
        if _is_any(wrong):
            units = sorted(set(wrong.nonzero()[:, -1].tolist()))
            shown = ", ".join(map(str, units[:SHOWN])) + (", ..." if len(units) > SHOWN else "")
            low = lengths[wrong].min().item()
            high = lengths[wrong].max().item()
            raise SymgeomError(
                f"Cannot compare directions of {what}: units {shown} of group '{name}' have "
                f"lengths from {low:.3g} to {high:.3g}, where networks on the torus have length 1, "
                "so that two rescaled copies of one network would differ. Give canonical networks: "
                "canonicalise(spec, network).parameters."
            )


def _is_any(flags: Tensor) -> bool:
    """Return whether one of some flags is set."""
    try:
        return bool(flags.any())
    except RuntimeError:  # under torch.vmap, where nobody can look at entries
        return False


def _legs_of_chains(spec: SymmetrySpec, params: Parameters, *, bias_in_norm: bool) -> Legs:
    """Return the coordinates of the groups whose scale all of them fix."""
    spheres = sphere_legs(spec, params, bias_in_norm=bias_in_norm)
    try:
        fixing = fixing_legs(spec, params, bias_in_norm=bias_in_norm, stream="first")
    except SymgeomError:  # a scale is not fixed by settled weights alone
        return {}
    chains = {}
    for name, legs in fixing.items():
        group = spec[name]
        scaled = group.scale == "positive" and group.exact_for == "loss"
        if scaled and spheres.get(name) == legs:
            chains[name] = legs
    return chains


def _lengths(
    spec: SymmetrySpec, legs: Legs, params: Parameters, *, stacked: bool
) -> dict[str, Tensor]:
    """Return the length of each unit of some groups, in float64."""

    def lengths(network: Parameters) -> dict[str, Tensor]:
        lengths_by_group = {}
        for name, legs_of_group in legs.items():
            vectors = rows(network, legs_of_group, spec[name].size).double()
            lengths_by_group[name] = torch.linalg.vector_norm(vectors, dim=1)
        return lengths_by_group

    return torch.vmap(lengths)(dict(params)) if stacked else lengths(params)
