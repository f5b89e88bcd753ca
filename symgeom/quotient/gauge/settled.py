"""Which incoming weights of a group fix its scales: those that nothing else rescales once the groups before it are fixed."""

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.quotient.torus import is_bias, shared_entries, sphere_legs
from symgeom.quotient.torus.coordinates import counted
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

Claim = tuple[int, Leg, int]
"""Rank of a group in the spec, a leg that its scale acts on, and its number of units."""


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
    >>> spec = SymmetrySpec((
    ...     UnitGroup("hidden1", 2, (Leg("stem", 0), Leg("a", 1, -1), Leg("b", 0), Leg("out", 1, -1))),
    ...     UnitGroup("hidden2", 3, (Leg("a", 0), Leg("b", 1, -1))),
    ... ))
    >>> network = {"stem": torch.ones(2, 1), "a": torch.ones(3, 2), "b": torch.ones(2, 3), "out": torch.ones(1, 2)}
    >>> [leg.tensor for leg in fixing_legs(spec, network, bias_in_norm=True, stream="first")["hidden1"]]
    ['stem']
    """
    scaled = [group for group in spec.groups if group.scale != "none"]
    claims: dict[str, list[Claim]] = {}
    for rank, group in enumerate(scaled):
        for leg in group.legs:
            if leg.power:
                claims.setdefault(leg.tensor, []).append((rank, leg, group.size))
    spheres = sphere_legs(spec, params, bias_in_norm=bias_in_norm)
    result = {}
    for rank, group in enumerate(scaled):
        if stream == "all" and group.scale == "positive":
            legs = spheres.get(group.name, ())
        else:
            legs = counted(_settled(rank, group, claims, params), params, bias_in_norm=bias_in_norm)
        if not legs:
            tensors = sorted({leg.tensor for leg in group.incoming()})
            raise SymgeomError(
                f"Cannot fix the scale of group '{group.name}': each of its incoming tensors {tensors} is also rescaled by a "
                "later group of the spec, or by another axis of this group. Order the groups from input to output, use "
                "stream='all', or leave the group out of the spec."
            )
        result[group.name] = tuple(leg for leg in legs if leg.power == legs[0].power)
    return result


def _settled(
    rank: int, group: UnitGroup, claims: dict[str, list[Claim]], params: Parameters
) -> list[Leg]:
    """Return the settled incoming legs of a group; a bias is settled only together with the weight that it follows."""

    def settled(leg: Leg) -> bool:
        return leg.power > 0 and not any(
            other is not leg and place >= rank and shared_entries(leg, group.size, other, size)
            for place, other, size in claims[leg.tensor]
        )

    found, writers = [], []
    for leg in group.legs:
        if leg.buffer:
            continue
        if not is_bias(leg, params):
            writers = [*(other for other in writers if other.tensor == leg.tensor), leg]
            follows = settled(leg)
        else:
            beside = [writer for writer in writers if _place(writer) == _place(leg)] or writers[-1:]
            follows = settled(leg) and (not beside or any(map(settled, beside)))
        if follows:
            found.append(leg)
    return found


def _place(leg: Leg) -> tuple[int, int, int]:
    return leg.start, leg.block, leg.outer
