"""From statements to exponents: which scalings of its units each family allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from symgeom.symmetry.discovery.exponents import null_space
from symgeom.symmetry.discovery.families import Axis, Family, Key
from symgeom.symmetry.discovery.labels import Labels
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.relations import Handed, Relation, Separate
from symgeom.symmetry.discovery.sites import Site
from symgeom.symmetry.discovery.solving import Position, position_of
from symgeom.symmetry.spec import Scale

Equation = dict[Key, Fraction | int]
Equations = dict[Family, list[Equation]]
Powers = dict[Key, int]
Slice = tuple[Axis, int]


@dataclass(frozen=True, eq=False)
class Scaling:
    """One way to scale the units of a family: a power per site."""

    powers: Powers
    kind: Scale

    def slices(self) -> set[Slice]:
        """Return the slices that it multiplies, whichever factor of their label it scales."""
        return {(axis, segment) for axis, segment, _ in _multiplied(self.powers)}


class Scales:
    """The scalings that the statements of a network allow, family by family."""

    def __init__(self, labels: Labels, network: Network) -> None:
        self.positive = _equations(labels, network, "p")
        self.signs = _equations(labels, network, "s")
        self.separate = _separate_families(labels, network)
        self.reads = _reading_axes(network)

    def roles(self, sites: list[Site]) -> Powers:
        """Return for each site of a family 1 if it produces the units and -1 if it reads them."""
        keys = [site.occurrence.key for site in sites]
        return {key: -1 if key[0] in self.reads else 1 for key in keys}

    def of(self, family: Family, sites: list[Site]) -> list[Scaling]:
        """Return a basis of the scalings of a family, those of the first tensors first."""
        keys = list(self.roles(sites))
        powers = _solutions(self.positive.get(family, []), keys, modulus=0)
        if family not in self.separate and _allows_matrices(powers, keys):
            return [Scaling(powers[0], "linear")]
        scalings = [Scaling(vector, "positive") for vector in powers]
        scaled: set[Key] = set()
        for vector in powers:
            scaled |= _multiplied(vector)
        roles = self.roles(sites)
        for vector in _solutions(self.signs.get(family, []), keys, modulus=2):
            flips = {key: roles[key] for key in vector}
            if scaled.isdisjoint(_multiplied(flips)):
                scalings.append(Scaling(flips, "sign"))
        return scalings


def _allows_matrices(vectors: list[Powers], keys: list[Key]) -> bool:
    """Whether there is one scaling, by 1 or -1 at every site: then a matrix may act instead."""
    if len(vectors) != 1:
        return False
    powers = vectors[0]
    return len(powers) == len(keys) and set(powers.values()) <= {1, -1}


def _multiplied(powers: Powers) -> set[Key]:
    """Return where a scaling multiplies (elsewhere it divides)."""
    return {key for key, power in powers.items() if power > 0}


def _solutions(equations: list[Equation], keys: list[Key], *, modulus: int) -> list[Powers]:
    """Return the solutions of equations, as far as they move parameters."""
    unknowns = dict.fromkeys(keys)
    for row in equations:
        unknowns |= dict.fromkeys(row)
    solutions: list[Powers] = []
    for vector in null_space(equations, list(unknowns), modulus=modulus):
        moved = {key: vector[key] for key in keys if key in vector}
        if moved:
            solutions.append(moved)
    return solutions


def _equations(labels: Labels, network: Network, kind: str) -> Equations:
    """Return the equations on the exponents, for positive scales ("p") or signs ("s")."""
    equations: Equations = {}
    for statement in network.statements:
        if isinstance(statement, Relation) and kind in statement.holds:
            for (family, _, _), row in _sums(labels, statement).items():
                equations.setdefault(family, []).append(row)
    return equations


def _sums(labels: Labels, relation: Relation) -> Mapping[Position, Equation]:
    """Return the equation that a relation is for the units at each position."""
    sums: dict[Position, Equation] = {}
    for expression, coefficient in relation.terms:
        for occurrence in labels.occurrences(expression):
            row = sums.setdefault(position_of(occurrence), {})
            row[occurrence.key] = row.get(occurrence.key, 0) + coefficient
    return sums


def _separate_families(labels: Labels, network: Network) -> set[Family]:
    """Return the families whose units are treated one by one somewhere."""
    families: set[Family] = set()
    for statement in network.statements:
        if isinstance(statement, Separate):
            for axis in statement.axes:
                occurrences = labels.occurrences(((axis,),))
                families |= {occurrence.family for occurrence in occurrences}
    return families


def _reading_axes(network: Network) -> set[Axis]:
    """Return the axes that read units which another tensor produces."""
    axes: set[Axis] = set()
    for statement in network.statements:
        if isinstance(statement, Relation):
            axes.update(statement.reads)
    handed: set[Axis] = set()
    for statement in network.statements:
        if isinstance(statement, Handed) and statement.used in axes:
            handed.add(statement.weight)
    return axes | handed
