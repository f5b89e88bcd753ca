r"""Bring many networks into one frame, so that alignments agree around every cycle.

Pairwise alignments are not transitive: going from A to B to C is not going from A to C. One element
per network instead,

.. math:: \max_{g_1 \dots g_K} \sum_{i<j} \langle g_i\theta_i, g_j\theta_j\rangle ,

is found by coordinate ascent: each network in turn is matched to the sum of all others where they
are. No step lowers the objective. The sum is kept, and networks come and go, so that one network
and the sum are in memory, however many there are. The frame is that of the first network, whose
element is the identity.

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
from symgeom.ground.types import Parameters, precision
from symgeom.quotient.alignment.alignable import check_alignable
from symgeom.quotient.alignment.ascent import ascend, match_known_first
from symgeom.quotient.alignment.plan import make_plan, without_scales
from symgeom.quotient.alignment.prepared import prepare
from symgeom.quotient.alignment.records import Name
from symgeom.quotient.alignment.search import Search
from symgeom.symmetry.group import GroupElement, compose, identity, inverse
from symgeom.symmetry.group.action import moved_tensors
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
        modified. They need not fit into memory if the mapping reads them when asked for.

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
    group = _Joint(spec, networks)
    total = group.total()
    objectives = [group.mean_product(total)]
    converged = False
    stale = set(networks)
    while not converged and len(objectives) <= ROUNDS:
        for name in networks:
            if name in stale:
                stale.remove(name)
                if group.rematch(name, total):
                    stale |= networks.keys() - {name}
        objectives.append(group.mean_product(total))
        gain = objectives[-1] - objectives[-2]
        rounding = max(GAIN, torch.finfo(precision(total)).eps)
        converged = gain <= rounding * abs(objectives[-1])
    elements = _relative(spec, group.elements)
    return JointAlignment(spec, elements, tuple(objectives), converged)


class _Joint(Generic[Name]):
    """Networks on their way to a common frame: where their units are, and not their weights."""

    def __init__(self, spec: SymmetrySpec, networks: Mapping[Name, Parameters]) -> None:
        """Match every network to the first."""
        self.spec = spec
        self.discrete = without_scales(spec)
        self.plan = make_plan(spec)
        self.networks = networks
        self.positions: dict[Name, tuple[dict[str, Tensor], dict[str, Tensor]]] = {}
        self.elements: dict[Name, GroupElement] = {}
        self.squares = 0.0
        first = next(iter(networks))
        reference = prepare(self.plan, networks[first])
        for name in networks:
            params = networks[name]
            self.squares += _squared_length(params)
            search = Search(self.plan, reference, prepare(self.plan, params))
            if name != first:
                match_known_first(search)
                ascend(search)
            self._keep(name, search)
            del params, search  # before the next one is read

    def _keep(self, name: Name, search: Search) -> None:
        """Keep where a search ended."""
        self.positions[name] = (search.places, search.flips)
        self.elements[name] = search.element(self.spec)

    def total(self) -> dict[str, Tensor]:
        """Return the sum of all networks where they are."""
        total: dict[str, Tensor] = {}
        for name in self.networks:
            self._add(total, name, self.networks[name], 1)
        return total

    def _add(self, total: dict[str, Tensor], name: Name, params: Parameters, sign: int) -> None:
        """Add a network where it is to a sum, tensor by tensor."""
        for key, tensor in moved_tensors(self.discrete, self.elements[name], params):
            if not tensor.is_floating_point():
                continue
            if key in total:
                total[key].add_(tensor, alpha=sign)
            else:
                total[key] = sign * tensor

    def rematch(self, name: Name, total: dict[str, Tensor]) -> bool:
        """Match a network to all others, from where it is; return whether it moved."""
        params = self.networks[name]  # asked for once: it may be read from a file
        self._add(total, name, params, -1)
        others = prepare(self.plan, total)
        search = Search(self.plan, others, prepare(self.plan, params))
        places, flips = self.positions[name]
        search.places = dict(places)
        search.flips = dict(flips)
        ascend(search)
        self._keep(name, search)
        self._add(total, name, params, 1)
        return not (_are_equal(search.places, places) and _are_equal(search.flips, flips))

    def mean_product(self, total: Parameters) -> float:
        """Return the mean inner product over pairs, from the norm of the sum."""
        count = len(self.networks)
        return (_squared_length(total) - self.squares) / (count * (count - 1))


def _are_equal(tensors: Parameters, others: Parameters) -> bool:
    """Return whether tensors of the same names are equal."""
    return all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


def _squared_length(params: Parameters) -> float:
    """Return the squared length of a network, summed in float64."""
    total = 0.0
    for tensor in params.values():
        if tensor.is_floating_point():
            total += float(torch.linalg.vector_norm(tensor, dtype=torch.float64)) ** 2
    return total


def _relative(
    spec: SymmetrySpec, elements: Mapping[Name, GroupElement]
) -> dict[Name, GroupElement]:
    """Return elements to the frame of the first network, whose own is the identity."""
    first = next(iter(elements))
    back = inverse(spec, elements[first])
    relative = {name: compose(spec, back, element) for name, element in elements.items()}
    relative[first] = identity(spec)
    return relative
