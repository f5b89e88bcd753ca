r"""Bring many networks into one frame, so that alignments agree around every cycle.

Pairwise alignments are not transitive: going from A to B to C is not going from A to C. One element
per network instead,

.. math:: \max_{g_1 \dots g_K} \sum_{i<j} \langle g_i\theta_i, g_j\theta_j\rangle ,

is found by coordinate ascent: each network in turn is matched to the sum of all others where they
are. No step lowers the objective. The frame is that of the first network, whose element is the
identity.

References
----------
Ainsworth et al., "Git Re-Basin" (2209.04836), appendix A.10 (their MergeMany matches each model to
the mean of the others). Crisostomi et al., "C2M3" (2405.17897), equation 4: cycle consistency by
one permutation per model to a common frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.quotient.alignment.alignable import check_alignable
from symgeom.quotient.alignment.ascent import ascend, match_known_first
from symgeom.quotient.alignment.plan import make_plan, without_scales
from symgeom.quotient.alignment.prepared import prepare
from symgeom.quotient.alignment.records import Name
from symgeom.quotient.alignment.search import Search
from symgeom.symmetry.group import GroupElement, act, compose, identity, inverse
from symgeom.symmetry.spec import SymmetrySpec

ROUNDS = 50
"""Rounds over all networks after which the search gives up and says that it has not converged."""

GAIN = 1e-9
"""Relative gain of a round below which the search has converged."""


@dataclass(frozen=True, eq=False)
class JointAlignment(Generic[Name]):
    """One element per network, to a common frame.

    Attributes
    ----------
    spec : SymmetrySpec
        The architecture.
    elements : dict of name to GroupElement
        To be applied to each network; the identity for the first.
    objectives : tuple of float
        Mean inner product over pairs after every round; it never falls.
    converged : bool
        Whether the last round gained nothing.
    """

    spec: SymmetrySpec
    elements: dict[Name, GroupElement]
    objectives: tuple[float, ...]
    converged: bool

    def between(self, first: Name, second: Name) -> GroupElement:
        """Return the element that brings the second network to the first, by way of the frame."""
        from_frame = inverse(self.spec, self.elements[first])
        return compose(self.spec, from_frame, self.elements[second])


@door
def align_jointly(spec: SymmetrySpec, networks: Mapping[Name, Parameters]) -> JointAlignment[Name]:
    """Align many networks to one frame.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    networks : mapping of name to Parameters
        At least two networks of one precision, canonical if scales shall not distort the match; not
        modified.

    Returns
    -------
    JointAlignment
        The elements, and how good they are.

    Raises
    ------
    SymgeomError
        If there are fewer than two networks, or they differ in architecture or precision or hold
        values that are not finite.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> a = {"in": torch.eye(2), "out": torch.tensor([[1.0, 2.0]])}
    >>> b = {"in": torch.eye(2).flip(0), "out": torch.tensor([[2.0, 1.0]])}
    >>> align_jointly(spec, {"a": a, "b": b}).between("a", "b").permutations["hidden1"]
    tensor([1, 0])
    """
    if len(networks) < 2:
        raise SymgeomError(
            f"Cannot align {len(networks)} networks to each other: give at least two."
        )
    check_alignable(spec, networks.items())
    first = next(iter(networks))
    plan = make_plan(spec)
    discrete = without_scales(spec)
    prepared = {name: prepare(plan, params) for name, params in networks.items()}
    searches = {name: Search(plan, prepared[first], prepared[name]) for name in networks}
    for name in networks:
        if name != first:
            match_known_first(searches[name])
            ascend(searches[name])
    moved = {}
    for name, params in networks.items():
        moved[name] = act(discrete, searches[name].element(spec), params)
    objectives = [_mean_product(moved)]
    converged = False
    while not converged and len(objectives) <= ROUNDS:
        for name, params in networks.items():
            others = [moved[other] for other in networks if other != name]
            total = prepare(plan, _sum(others))
            searches[name] = _continued(Search(plan, total, prepared[name]), searches[name])
            moved[name] = act(discrete, searches[name].element(spec), params)
        objectives.append(_mean_product(moved))
        gain = objectives[-1] - objectives[-2]
        converged = gain <= GAIN * abs(objectives[-1])
    elements = _relative(spec, searches, first)
    return JointAlignment(spec, elements, tuple(objectives), converged)


def _sum(networks: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the sum of networks, tensor by tensor."""
    total = {name: 0 + tensor for name, tensor in networks[0].items()}
    for network in networks[1:]:
        for name, tensor in network.items():
            total[name] = total[name] + tensor
    return total


def _continued(search: Search, before: Search) -> Search:
    """Return where the ascent leads from the position of an earlier search."""
    search.places = dict(before.places)
    search.flips = dict(before.flips)
    ascend(search)
    return search


def _relative(
    spec: SymmetrySpec, searches: Mapping[Name, Search], first: Name
) -> dict[Name, GroupElement]:
    """Return the elements of all searches, so that the one of the first network is the identity."""
    back = inverse(spec, searches[first].element(spec))
    elements = {}
    for name, search in searches.items():
        elements[name] = compose(spec, back, search.element(spec))
    elements[first] = identity(spec)
    return elements


def _mean_product(networks: Mapping[Name, dict[str, Tensor]]) -> float:
    """Return the mean inner product over pairs, from the norm of the sum."""
    members = list(networks.values())
    count = len(members)
    products = 0.0
    for name, tensor in members[0].items():
        if tensor.is_floating_point():
            stacked = torch.stack([member[name] for member in members]).double()
            of_sum = stacked.sum(0).square().sum()
            products += float(of_sum - stacked.square().sum())
    return products / (count * (count - 1))
