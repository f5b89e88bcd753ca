"""From statements to labels: which axes are indexed by the same units."""

from collections.abc import Iterable
from contextlib import suppress

from symgeom.symmetry.discovery.families import Family, Occurrence
from symgeom.symmetry.discovery.labels import Labels, UndecidedError
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.relations import Pin, Relation

Position = tuple[Family, int, int]
"""A family, the first entry of its segment, and the entries that each unit owns in it."""

SINGLY = 8
"""So often what does not fit is given up in one place only, to see what fits then elsewhere."""


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
    decisions = 0
    settled = False
    while not settled:
        before = labels.changes
        _unify_patiently(labels, network, relations)
        if labels.changes == before:
            decisions += 1
            _unify_at_once(labels, network, relations, all_of_them=decisions > SINGLY)
        if labels.changes == before:
            for relation in relations:
                labels.cause = network.origins.get(relation, "")
                _pin_mismatches(labels, relation)
        settled = labels.changes == before
    return labels


def _unify_patiently(labels: Labels, network: Network, relations: Iterable[Relation]) -> None:
    """Make labels equal, as far as nothing has to be given up for it."""
    labels.patient = True
    for relation in relations:
        labels.cause = network.origins.get(relation, "")
        with suppress(UndecidedError):
            _unify(labels, relation)
    labels.patient = False


def _unify_at_once(
    labels: Labels, network: Network, relations: Iterable[Relation], *, all_of_them: bool
) -> None:
    """Give up what does not fit, in all relations or in the first where something does not."""
    before = labels.changes
    for relation in relations:
        labels.cause = network.origins.get(relation, "")
        _unify(labels, relation)
        if labels.changes > before and not all_of_them:
            break


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
