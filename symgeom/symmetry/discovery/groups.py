"""From statements to unit groups: solve labels and exponents, and name what they leave free."""

from dataclasses import replace

from symgeom.symmetry.discovery.families import Family, Key
from symgeom.symmetry.discovery.labels import Labels
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.scalings import Powers, Scales, Scaling, Slice
from symgeom.symmetry.discovery.sites import (
    Heads,
    Inner,
    Segment,
    Site,
    Sites,
    find_heads,
    find_sites,
    inner_families,
    shared_families,
)
from symgeom.symmetry.spec import Leg, UnitGroup


def unit_groups(labels: Labels, network: Network, *, within_heads: bool = False) -> list[UnitGroup]:
    """Return the groups of a network, from input to output.

    Parameters
    ----------
    labels : Labels
        Solved.
    network : Network
        Statements and parameters.
    within_heads : bool
        Whether units that have coordinates of their own (heads) are given by these, a group per
        unit, instead of permuted.

    Returns
    -------
    list of UnitGroup
        One group per family of units, with its permutations and one scaling; further scalings of
        the same units (the two sides of a batch norm) follow as groups of their own, without
        permutations. Parts that all units share (coordinates of heads behind one norm) have a
        group as well; where both could scale the same slices, only the units do.
    """
    sites = find_sites(labels, network)
    inner = inner_families(sites)
    heads: Heads = {}
    if within_heads:
        heads = find_heads(labels, network, sites, inner)
    scales = Scales(labels, network)
    families: list[list[UnitGroup]] = []
    taken: set[Slice] = set()
    for family, family_sites in _reported(sites, inner, heads).items():
        scalings = _apart_from(taken, scales.of(family, family_sites))
        for scaling in scalings:
            taken |= scaling.slices()
        roles = scales.roles(family_sites)
        groups = _family_groups(network, family, family_sites, roles, scalings)
        if family in heads:
            host, _ = heads[family]
            groups = _one_per_head(groups, host.size)
        if any(map(_moves_weights, groups)):
            families.append(groups)
    return _named(families, _Order(network))


def _reported(sites: Sites, inner: Inner, heads: Heads) -> Sites:
    """Return the families that get groups: parts of units only for these, or if all share them."""
    hosts = {host for host, _ in heads.values()}
    reported: Sites = {}
    for family, family_sites in sites.items():
        if family not in inner and family not in hosts:
            reported[family] = family_sites
    for family, (_, first_sites) in heads.items():
        reported[family] = first_sites
    replaced: set[Segment] = set()
    for _, first_sites in heads.values():
        replaced |= {site.segment for site in first_sites}
    shared = shared_families(sites, inner)
    for family, family_sites in sites.items():
        if family in shared and replaced.isdisjoint(site.segment for site in family_sites):
            reported[family] = family_sites
    return reported


def _moves_weights(group: UnitGroup) -> bool:
    """Whether an element of a group is more than the identity on weights."""
    several = group.permute and group.size > 1
    trained = not all(leg.buffer for leg in group.legs)
    return trained and (several or group.scale != "none")


class _Order:
    """The order of groups: by the first of their legs in the order in which tensors are used."""

    def __init__(self, network: Network) -> None:
        self.ranks: dict[tuple[str, int], int] = {}
        for tensor, axes in network.tensors.items():
            for axis in range(len(axes)):
                self.ranks[tensor, axis] = len(self.ranks)

    def rank(self, group: UnitGroup) -> int:
        legs = group.incoming() or group.legs
        return min(self.ranks[leg.tensor, leg.axis] for leg in legs)


def _named(families: list[list[UnitGroup]], order: _Order) -> list[UnitGroup]:
    """Number the families from input to output, and sort all groups."""
    families.sort(key=lambda groups: order.rank(groups[0]))
    named: list[UnitGroup] = []
    for number, groups in enumerate(families, start=1):
        for group in groups:
            named.append(replace(group, name=f"hidden{number}{group.name}"))
    return sorted(named, key=order.rank)


def _one_per_head(groups: list[UnitGroup], heads: int) -> list[UnitGroup]:
    """Return the groups of every head, given those of the first one."""
    of_heads: list[UnitGroup] = []
    for head in range(heads):
        for group in groups:
            legs = tuple(_moved(leg, head * group.size) for leg in group.legs)
            name = f".head{head + 1}{group.name}"
            of_heads.append(replace(group, name=name, legs=legs))
    return of_heads


def _moved(leg: Leg, units: int) -> Leg:
    """Return a leg that begins some units later."""
    return replace(leg, start=leg.start + units * leg.block)


def _apart_from(taken: set[Slice], scalings: list[Scaling]) -> list[Scaling]:
    """Return the scalings of slices that the units around do not scale themselves."""
    return [scaling for scaling in scalings if taken.isdisjoint(scaling.slices())]


def _family_groups(
    network: Network, family: Family, sites: list[Site], roles: Powers, scalings: list[Scaling]
) -> list[UnitGroup]:
    """Return the group of a family's permutations, then its further scalings.

    Parameters
    ----------
    network : Network
        Statements and parameters.
    family : Family
        The units.
    sites : list of Site
        Where they index parameters.
    roles : dict
        For each site, whether it produces or reads the units.
    scalings : list of Scaling
        How they may be scaled.

    Returns
    -------
    list of UnitGroup
        Their names are only the endings that follow the name of the family.
    """
    trained = [site.occurrence.key for site in sites if site.tensor not in network.buffers]
    main = _main_scaling(scalings, roles, trained)
    further = [scaling for scaling in scalings if scaling is not main]
    legs = _legs(network, sites, main.powers)
    groups = [UnitGroup("", family.size, legs, main.kind)]
    for number, scaling in enumerate(further, start=1):
        legs = tuple(leg for leg in _legs(network, sites, scaling.powers) if leg.power)
        name = f".scale{number}"
        groups.append(UnitGroup(name, family.size, legs, scaling.kind, permute=False))
    return groups


def _main_scaling(scalings: list[Scaling], roles: Powers, trained: list[Key]) -> Scaling:
    """Return the scaling that the permutations come with: that of the first weight, if any."""
    producers = [key for key in trained if roles[key] > 0]
    if scalings and producers and producers[0] in scalings[0].powers:
        return scalings[0]
    powers = dict(roles)
    for scaling in scalings:
        for key in scaling.powers:
            powers.pop(key, None)
    return Scaling(powers, "none")


def _legs(network: Network, sites: list[Site], powers: Powers) -> tuple[Leg, ...]:
    """Return the legs of a family, with power 0 where a scaling does nothing."""
    legs: list[Leg] = []
    for site in sites:
        power = powers.get(site.occurrence.key, 0)
        legs.append(site.leg(network, power))
    return tuple(legs)
