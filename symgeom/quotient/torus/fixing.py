"""Which incoming weights of a group fix its scales: the settled ones.

Once the groups before it are fixed, nothing but the group itself rescales a settled weight.
"""

from dataclasses import dataclass

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.quotient.torus.coordinates import (
    is_bias,
    shared_entries,
    sphere_legs,
    without_biases,
)
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup


@dataclass(frozen=True)
class Claim:
    """A leg that the scale of a group acts on.

    Attributes
    ----------
    rank : int
        Where the group stands among the scaled groups.
    leg : Leg
        The leg.
    size : int
        Number of units of the group.
    """

    rank: int
    leg: Leg
    size: int


def fixing_legs(
    spec: SymmetrySpec, params: Parameters, *, bias_in_norm: bool, stream: str
) -> dict[str, tuple[Leg, ...]]:
    """Return the legs that fix the scale of each group.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture, groups ordered from input to output.
    params : Parameters
        One network of the architecture (only shapes and names matter).
    bias_in_norm : bool
        Whether biases count.
    stream : {"first", "all"}
        The settled legs, or (for positive scales) all coordinates of the sphere.

    Returns
    -------
    dict of str to tuple of Leg
        For each group that has a scale, legs of one common power.

    Raises
    ------
    SymgeomError
        If a group has no leg that could fix its scale.

    Examples
    --------
    >>> import torch
    >>> stream_legs = (Leg("stem", 0), Leg("a", 1, -1), Leg("b", 0), Leg("out", 1, -1))
    >>> block_legs = (Leg("a", 0), Leg("b", 1, -1))
    >>> groups = (UnitGroup("hidden1", 2, stream_legs), UnitGroup("hidden2", 3, block_legs))
    >>> spec = SymmetrySpec(groups)
    >>> shapes = {"stem": (2, 1), "a": (3, 2), "b": (2, 3), "out": (1, 2)}
    >>> network = {name: torch.ones(shape) for name, shape in shapes.items()}
    >>> legs = fixing_legs(spec, network, bias_in_norm=True, stream="first")
    >>> [leg.tensor for leg in legs["hidden1"]]
    ['stem']
    """
    scaled = [group for group in spec.groups if group.scale != "none"]
    claims = _claims_by_tensor(scaled)
    spheres = sphere_legs(spec, params, bias_in_norm=bias_in_norm)
    result = {}
    for rank, group in enumerate(scaled):
        if stream == "all" and group.scale == "positive":
            legs = spheres.get(group.name, ())
        else:
            legs = tuple(_settled_legs(rank, group, claims, params))
            if not bias_in_norm:
                legs = without_biases(legs, params)
        _check_some(legs, group)
        power = legs[0].power
        result[group.name] = tuple(leg for leg in legs if leg.power == power)
    return result


def _claims_by_tensor(groups: list[UnitGroup]) -> dict[str, list[Claim]]:
    """Return, for each tensor, what rescales it."""
    claims: dict[str, list[Claim]] = {}
    for rank, group in enumerate(groups):
        for leg in group.legs:
            if leg.power:
                claim = Claim(rank, leg, group.size)
                claims.setdefault(leg.tensor, []).append(claim)
    return claims


def _settled_legs(
    rank: int, group: UnitGroup, claims: dict[str, list[Claim]], params: Parameters
) -> list[Leg]:
    """Return the settled incoming legs; a bias is settled only with the weight that it follows."""
    settled: list[Leg] = []
    writers: list[Leg] = []
    for leg in group.legs:
        if leg.buffer:
            continue
        followed: list[Leg] = []
        if is_bias(leg, params):
            followed = _beside(leg, writers)
        else:
            writers = [writer for writer in writers if writer.tensor == leg.tensor]
            writers.append(leg)
        if not _is_settled(leg, rank, group, claims):
            continue
        if not followed or any(_is_settled(writer, rank, group, claims) for writer in followed):
            settled.append(leg)
    return settled


def _is_settled(leg: Leg, rank: int, group: UnitGroup, claims: dict[str, list[Claim]]) -> bool:
    """Whether no later group, and no other leg of this one, rescales what a leg feeds."""
    if leg.power <= 0:
        return False
    for claim in claims[leg.tensor]:
        if claim.leg is leg or claim.rank < rank:
            continue
        if shared_entries(leg, group.size, claim.leg, claim.size):
            return False
    return True


def _beside(bias: Leg, writers: list[Leg]) -> list[Leg]:
    """Return the weights that a bias follows: those of the same units, or else the last one."""
    segment = (bias.start, bias.block, bias.outer)
    beside = []
    for writer in writers:
        if (writer.start, writer.block, writer.outer) == segment:
            beside.append(writer)
    return beside or writers[-1:]


def _check_some(legs: tuple[Leg, ...], group: UnitGroup) -> None:
    """Raise if there is no leg that could fix the scale of a group."""
    if legs:
        return
    tensors = sorted({leg.tensor for leg in group.incoming()})
    raise SymgeomError(
        f"Cannot fix the scale of group '{group.name}': each of its incoming tensors {tensors} is "
        "also rescaled by a later group of the spec, or by another axis of this group. Order the "
        "groups from input to output, use stream='all', or leave the group out of the spec."
    )
