"""Where the families of units index parameters, and which families are parts of other units."""

from dataclasses import dataclass, replace

from symgeom.symmetry.discovery.families import Axis, Family, Occurrence
from symgeom.symmetry.discovery.labels import Labels
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.relations import Axes, Mixed
from symgeom.symmetry.spec import Leg

Region = tuple[tuple[int, int, int], ...]
"""Restrictions of other axes: axis, start, stop."""


@dataclass(frozen=True, eq=False)
class Site:
    """Where a family indexes a parameter: a leg whose power is still to be found."""

    tensor: str
    axis: int
    region: Region
    occurrence: Occurrence

    @property
    def segment(self) -> "Segment":
        """The entries that a product of families labels, of which this one is a factor."""
        return self.tensor, self.axis, self.region, self.occurrence.start

    def leg(self, network: Network, power: int) -> Leg:
        """Return the leg with its power."""
        return Leg(
            self.tensor,
            self.axis,
            power,
            start=self.occurrence.start,
            block=self.occurrence.block,
            outer=self.occurrence.outer,
            region=self.region,
            buffer=self.tensor in network.buffers,
            shift=network.shifts.get(self.tensor, 0.0),
        )


Segment = tuple[str, int, Region, int]
"""Entries of a tensor: the axis, a restriction of others, and the first entry."""

Sites = dict[Family, list[Site]]
"""Where each family indexes parameters, in the order of use."""

Inner = dict[Family, set[Family]]
"""Families that only number the parts of other units, and these others."""

Heads = dict[Family, tuple[Family, list[Site]]]
"""Families of coordinates, the units that they belong to, and where those of the first unit lie."""


def find_sites(labels: Labels, network: Network) -> Sites:
    """Return where each family indexes parameters, in the order of use."""
    sites: Sites = {}
    for tensor, axes in network.tensors.items():
        for index, axis in enumerate(axes):
            for piece, region in _pieces(axis, axes, network):
                for occurrence in labels.occurrences(((piece,),)):
                    site = Site(tensor, index, region, occurrence)
                    sites.setdefault(occurrence.family, []).append(site)
    return sites


def _pieces(axis: Axis, axes: Axes, network: Network) -> list[tuple[Axis, Region]]:
    """Return what an axis is in each region of its tensor: itself, unless the weight is grouped."""
    if axis not in network.regions:
        return [(axis, ())]
    pieces = network.regions[axis]
    rows = axes[0].size // len(pieces)
    regions: list[tuple[Axis, Region]] = []
    for number, piece in enumerate(pieces):
        first = number * rows
        regions.append((piece, ((0, first, first + rows),)))
    return regions


def inner_families(sites: Sites) -> Inner:
    """Return the families that only number the parts of other units (coordinates within a head).

    They could be permuted only in all units at once. Where they are the parts of units and nothing
    else, that is a small part of what is true: each unit has its own such group.

    Parameters
    ----------
    sites : dict of Family to list of Site
        Where all families index parameters.

    Returns
    -------
    dict of Family to set of Family
        The parts, and the units that they are parts of.
    """
    inner: Inner = {}
    for occurrences in _by_segment(sites):
        outermost = _outermost(occurrences, inner)
        for occurrence in occurrences:
            if occurrence is not outermost:
                inner.setdefault(occurrence.family, set()).add(outermost.family)
    return inner


def shared_families(sites: Sites, inner: Inner) -> set[Family]:
    """Return the families of parts that all units share.

    A weight (or a buffer) that is not theirs numbers them alone: a norm or a convolution that is
    the same for all heads, a layer that reads the mean over heads. No unit has such a group of its
    own, so that permuting the parts in all units at once is all there is.

    Parameters
    ----------
    sites : dict of Family to list of Site
        Where all families index parameters.
    inner : dict of Family to set of Family
        The families that are parts of other units.

    Returns
    -------
    set of Family
        Some of the parts.
    """
    shared: set[Family] = set()
    for occurrences in _by_segment(sites):
        outermost = _outermost(occurrences, inner)
        if outermost.family in inner:
            shared.add(outermost.family)
    return shared


def _by_segment(sites: Sites) -> list[list[Occurrence]]:
    """Return the families of each product that labels entries of a tensor."""
    segments: dict[Segment, list[Occurrence]] = {}
    for family_sites in sites.values():
        for site in family_sites:
            segments.setdefault(site.segment, []).append(site.occurrence)
    return list(segments.values())


def _outermost(occurrences: list[Occurrence], inner: Inner) -> Occurrence:
    """Return the occurrence whose units hold the others; one that is no part itself goes first."""

    def rank(occurrence: Occurrence) -> tuple[bool, bool, int]:
        family = occurrence.family
        return family not in inner, family.size > 1, occurrence.block

    return max(occurrences, key=rank)


def find_heads(labels: Labels, network: Network, sites: Sites, inner: Inner) -> Heads:
    """Return the families of coordinates that belong to one unit each.

    Parameters
    ----------
    labels : Labels
        Solved.
    network : Network
        Statements and parameters.
    sites : dict of Family to list of Site
        Where all families index parameters.
    inner : dict of Family to set of Family
        The families that are parts of other units.

    Returns
    -------
    dict of Family to (Family, list of Site)
        The units, and where the coordinates of the first one lie.
    """
    heads: Heads = {}
    for family, hosts in inner.items():
        host = next(iter(hosts))
        family_sites = sites[family]
        in_all_units = all(site.occurrence.outer == host.size for site in family_sites)
        if len(hosts) == 1 and in_all_units and not _meet(labels, network, host, family):
            heads[family] = (host, [_of_first_unit(site) for site in family_sites])
    return heads


def _of_first_unit(site: Site) -> Site:
    return replace(site, occurrence=replace(site.occurrence, outer=1))


def _meet(labels: Labels, network: Network, host: Family, family: Family) -> bool:
    """Whether units meet in a tensor of which another axis numbers their coordinates."""
    for statement in network.statements:
        if not isinstance(statement, Mixed):
            continue
        for axis in statement.axes:
            others = [other for other in statement.tensor if other is not axis]
            if host in _families(labels, axis) and _any_has(labels, others, family):
                return True
    return False


def _any_has(labels: Labels, axes: list[Axis], family: Family) -> bool:
    return any(family in _families(labels, axis) for axis in axes)


def _families(labels: Labels, axis: Axis) -> set[Family]:
    families: set[Family] = set()
    for segment in labels.segments(((axis,),)):
        families.update(segment)
    return families
