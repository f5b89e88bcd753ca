"""From statements to labels: which axes are indexed by the same units."""

from symgeom.symmetry.discovery.families import Family, Occurrence
from symgeom.symmetry.discovery.labels import Labels
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.relations import Pin, Relation

Position = tuple[Family, int, int]
"""A family, the first entry of its segment, and the entries that each unit owns in it."""


def solve_labels(network: Network) -> Labels:
    """Unify until nothing new is learnt, then give up what does not fit.

    A family does not fit if it is not at the same positions in all expressions of a relation.

    Parameters
    ----------
    network : Network
        Statements and parameters.

    Returns
    -------
    Labels
        Of all axes.
    """
    labels = Labels()
    relations: list[Relation] = []
    for statement in network.statements:
        if isinstance(statement, Relation):
            relations.append(statement)
        elif isinstance(statement, Pin):
            labels.cause = network.origins.get(statement, "")
            for axis in statement.axes:  # not together: each may have a reason of its own
                labels.pin([axis.family])
    settled = False
    while not settled:
        before = labels.changes
        for relation in relations:
            labels.cause = network.origins.get(relation, "")
            _unify(labels, relation)
        if labels.changes == before:
            for relation in relations:
                labels.cause = network.origins.get(relation, "")
                _pin_mismatches(labels, relation)
        settled = labels.changes == before
    return labels


def _unify(labels: Labels, relation: Relation) -> None:
    """Make the labels of all expressions of a relation equal."""
    first, *others = (expression for expression, _ in relation.terms)
    for other in others:
        labels.unify(first, other)


def _pin_mismatches(labels: Labels, relation: Relation) -> None:
    """Pin families that are not at the same positions in all expressions of a relation."""
    positions: list[set[Position]] = []
    for expression, _ in relation.terms:
        positions.append(set(map(position_of, labels.occurrences(expression))))
    common = set.intersection(*positions)
    for family, _, _ in set.union(*positions) - common:
        labels.pin([family])


def position_of(occurrence: Occurrence) -> Position:
    """Return which entries of an axis a family has there."""
    return occurrence.family, occurrence.start, occurrence.block
