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

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.quotient.alignment.check import check_alignable
from symgeom.quotient.alignment.plan import make_plan, prepare, without_scales
from symgeom.quotient.alignment.search import Search, ascend, match_known_first
from symgeom.symmetry.group import GroupElement, act, compose, identity, inverse
from symgeom.symmetry.spec import SymmetrySpec

ROUNDS = 50
"""Rounds over all networks after which the search gives up and says that it has not converged."""

GAIN = 1e-9
"""Relative gain of a round below which the search has converged."""


@dataclass(frozen=True, eq=False)
class JointAlignment:
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
    elements: dict[Hashable, GroupElement]
    objectives: tuple[float, ...]
    converged: bool

    def between(self, first: Hashable, second: Hashable) -> GroupElement:
        """Return the element that brings the second network to the first: consistent around every cycle."""
        return compose(self.spec, inverse(self.spec, self.elements[first]), self.elements[second])


def align_jointly(spec: SymmetrySpec, networks: Mapping[Hashable, Parameters]) -> JointAlignment:
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
    first, plan, discrete = next(iter(networks)), make_plan(spec), without_scales(spec)
    prepared = {name: prepare(plan, params) for name, params in networks.items()}
    searches = {name: Search(plan, prepared[first], prepared[name]) for name in networks}
    for name in networks:
        if name != first:
            match_known_first(searches[name])
            ascend(searches[name])
    moved = {name: act(discrete, searches[name].element(spec), networks[name]) for name in networks}
    objectives, converged = [_mean_product(moved)], False
    while not converged and len(objectives) <= ROUNDS:
        for name in networks:
            total = {
                tensor: sum(moved[other][tensor] for other in networks if other != name)
                for tensor in moved[name]
            }
            searches[name] = _better(
                Search(plan, prepare(plan, total), prepared[name]), searches[name]
            )
            moved[name] = act(discrete, searches[name].element(spec), networks[name])
        objectives.append(_mean_product(moved))
        converged = objectives[-1] - objectives[-2] <= GAIN * abs(objectives[-1])
    back = inverse(spec, searches[first].element(spec))
    elements = {
        name: compose(spec, back, search.element(spec)) for name, search in searches.items()
    }
    return JointAlignment(spec, {**elements, first: identity(spec)}, tuple(objectives), converged)


def _better(search: Search, before: Search) -> Search:
    """Return where the ascent leads from the position of an earlier search (to another reference)."""
    search.places, search.flips = dict(before.places), dict(before.flips)
    ascend(search)
    return search


def _mean_product(networks: Mapping[Hashable, Parameters]) -> float:
    """Return the mean inner product over pairs, from the norm of the sum."""
    rows, count = list(networks.values()), len(networks)
    squares = 0.0
    for tensor in rows[0]:
        if rows[0][tensor].is_floating_point():
            stacked = torch.stack([params[tensor] for params in rows]).double()
            squares += float(stacked.sum(0).square().sum() - stacked.square().sum())
    return squares / (count * (count - 1))
