r"""Balance units and matrices together: the noise equilibrium of a network with linear groups.

The sum of all gradient variances and of ``decay`` times all squared weights is convex along the
orbit in the matrices, too. Visits lead to its minimum, as they do for units alone: all units
together (:mod:`symgeom.dynamics.noise.balancing`), then one linear group after another
(:mod:`symgeom.dynamics.noise.mixing`), again and again. What one visit does to the others is exact:
a scale multiplies the gradients of single samples on its entries, a matrix mixes those of its
units. It needs the covariances of units entry by entry, and nothing else, unless two linear groups
own the same entries: to mix both axes of one tensor needs the covariance of all of its entries.
Such groups take turns, and after each turn the noise is measured at the network as it is then. So
do units and a linear group whose covariances are too many to be kept apart. A group that owns both
axes of one tensor (a layer that is applied twice) has turns of one visit.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.dynamics.noise.balancing import Balance, balance
from symgeom.dynamics.noise.factors import weight_factors
from symgeom.dynamics.noise.force import NoiseForce
from symgeom.dynamics.noise.matrices import (
    by_side,
    legs_by_entry,
    mark,
    scaled_legs,
    side_products,
)
from symgeom.dynamics.noise.mixing import Mixing, mixing
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, put, take

TOLERANCE = 1e-12
"""Largest share of its length that a weight or a gradient moves in the last visit of all groups."""

ROUNDS = 2_000
"""Most visits of all units and of every linear group, and most turns of groups that share."""


def balance_together(
    spec: SymmetrySpec,
    params: Parameters,
    force: NoiseForce,
    *,
    decay: float,
    measure: Callable[[Parameters], NoiseForce] | None,
) -> Balance:
    """Find the scales and matrices that balance all units and linear groups of a network together.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move, with a continuous scale; all of their legs train.
    params : Parameters
        One network, in float64 (not under ``vmap``).
    force : NoiseForce
        The noise there.
    decay : float
        Strength of weight decay relative to noise.
    measure : callable, optional
        Measures the force at another network of the orbit; it is needed where linear groups share
        weights.

    Returns
    -------
    Balance
        As :func:`symgeom.dynamics.noise.balance` returns it, with the displacements and matrices of
        linear groups. Directions without a balance rest.

    Raises
    ------
    SymgeomError
        If the visits do not come to an end, or the noise cannot be measured again.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.dynamics.noise import noise_force
    >>> from symgeom.landscape.problem import Problem
    >>> from symgeom.symmetry.spec import Leg
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]).double(), torch.zeros(2)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs, scale="linear"),))
    >>> params = {"0.weight": torch.ones(1, 1), "1.weight": torch.full((1, 1), 4.0)}
    >>> theta = {name: tensor.double() for name, tensor in params.items()}
    >>> force = noise_force(spec, problem, theta)
    >>> there = balance_together(spec, theta, force, decay=0.0, measure=None)
    >>> there.element.scales["hidden1"]
    tensor([[2.]], dtype=torch.float64)
    """
    if not charged_groups(spec, "linear").groups:
        decays = {name: decay * params[name] ** 2 for name in force.entries}
        return balance(spec, force.entries, decays)
    orbit = _Orbit(spec, params, decay)
    orbit.put(force)
    alone = orbit.alone()
    before = orbit.sum()
    turns = _turns(spec, params)
    goes_on = True
    rounds = 0
    while goes_on:
        goes_on = False
        for turn in turns:
            moved = orbit.settle(turn)
            if len(turns) > 1 or turn.of_one_visit:
                orbit.put(_measured_again(turns, orbit.theta, measure))
                goes_on = goes_on or moved
        rounds += 1
        if rounds == ROUNDS:
            names = [group.name for turn in turns for group in turn.groups]
            raise SymgeomError(
                f"Cannot balance all units together: after {ROUNDS} turns of the linear groups "
                f"{names}, which share weights, some still move. Balance fewer groups."
            )
    element = GroupElement(identity(spec).permutations, orbit.scales)
    return Balance(element, alone, before, orbit.sum(), orbit.visits)


def _measured_again(
    turns: Sequence["_Turn"],
    params: Parameters,
    measure: Callable[[Parameters], NoiseForce] | None,
) -> NoiseForce:
    """Return the noise where a network is by now, or say that it cannot be measured."""
    if measure is not None:
        return measure(params)
    names = [group.name for turn in turns for group in turn.groups]
    raise SymgeomError(
        f"Cannot balance the linear groups {names} together from a force that is known at one "
        "network alone: they share weights with each other or with many units, so that the noise "
        "must be measured again after each turn. Leave all but one of them out of the spec, or use "
        "noise_equilibrium."
    )


class _Turn(NamedTuple):
    """Linear groups that do not share entries.

    Attributes
    ----------
    groups : list of UnitGroup
        The groups.
    with_units : bool
        Whether units are balanced, too.
    of_one_visit : bool
        Whether it is one group that owns entries twice.
    """

    groups: list[UnitGroup]
    with_units: bool = True
    of_one_visit: bool = False


class _Orbit:
    """A network on its way along the orbit, and the noise there."""

    def __init__(self, spec: SymmetrySpec, params: Parameters, decay: float) -> None:
        self.spec = spec
        self.units = charged_groups(spec, "positive")
        self.decay = decay
        self.theta = dict(params)
        self.scales = dict(identity(spec).scales)
        self.visits = 0
        self.by_entry: dict[str, tuple[bool, ...]] = {}
        for group in charged_groups(spec, "linear").groups:
            self.by_entry[group.name] = legs_by_entry(spec, group, params)
        self.tensors = {leg.tensor for group in spec.groups for leg in group.legs}
        self.entries: dict[str, Tensor] = {}
        self.covariance: dict[str, tuple[Tensor, ...]] = {}

    def put(self, force: NoiseForce) -> None:
        """Put the noise that was measured at the network as it is."""
        self.entries = {name: force.entries[name] for name in self.tensors}
        groups = self.by_entry
        self.covariance = {name: force.matrices.covariance[name] for name in groups}

    def alone(self) -> dict[str, Tensor]:
        """Return how far every unit and direction is from its balance while all others rest."""
        displacements = balance(self.units, self.entries, self._decays()).alone
        for name in self.covariance:
            displacements[name] = self._step(self.spec[name]).displacement
        return {group.name: displacements[group.name] for group in self.spec.groups}

    def sum(self) -> float:
        """Return the sum of all variances and of what decay makes of all squared weights."""
        total = 0.0
        for amounts in (self.entries, self._decays()):
            for tensor in amounts.values():
                total += float(tensor.sum())
        return total

    def settle(self, turn: _Turn) -> bool:
        """Balance all units and the groups of a turn; return whether anything moved."""
        for visit in range(ROUNDS):
            self.visits += 1
            moved = self._visit_units() if turn.with_units else 0.0
            least = TOLERANCE
            for group in turn.groups:
                step = self._step(group)
                self._mix(group, step.matrix)
                moved = max(moved, step.moved)
                least = max(least, step.rounding)
            if moved <= least or turn.of_one_visit:
                return visit > 0 or moved > least
        raise SymgeomError(
            f"Cannot balance all units together: after {ROUNDS} visits of every group some still "
            f"move by {moved:.1g} of their length. Balance fewer groups."
        )

    def _decays(self) -> dict[str, Tensor]:
        return {name: self.decay * self.theta[name] ** 2 for name in self.tensors}

    def _step(self, group: UnitGroup) -> Mixing:
        """Return what balances a linear group."""
        noise = by_side(group, self.covariance[group.name])
        lengths = side_products(group, self.theta)
        return mixing(noise[0] + self.decay * lengths[1], noise[1] + self.decay * lengths[0])

    def _visit_units(self) -> float:
        """Balance all units; return the largest share by which one moved."""
        element = balance(self.units, self.entries, self._decays()).element
        owned = {name: self.theta[name] for name in self.tensors}
        factors = weight_factors(self.units, element, owned)
        for name, factor in factors.items():
            self.theta[name] = self.theta[name] * factor
            self.entries[name] = self.entries[name] / factor**2
        for name, covariance in self.covariance.items():
            self.covariance[name] = self._scaled(self.spec[name], covariance, factors)
        largest = 0.0
        for name, scales in element.scales.items():
            self.scales[name] = self.scales[name] * scales
            largest = max(largest, float(scales.log().abs().max()))
        return largest

    def _scaled(
        self, group: UnitGroup, covariance: Sequence[Tensor], factors: Parameters
    ) -> tuple[Tensor, ...]:
        """Return the covariances of a group after other groups were scaled."""
        legs = []
        for number, leg in enumerate(group.legs):
            matrices = covariance[number]
            if self.by_entry[group.name][number]:
                factor = take(factors[leg.tensor], leg, group.size)
                matrices = matrices / torch.einsum("im,km->mik", factor, factor)
            legs.append(matrices)
        return tuple(legs)

    def _mix(self, group: UnitGroup, matrix: Tensor) -> None:
        """Apply a symmetric matrix to the units of a linear group."""
        alone = SymmetrySpec((group,))
        element = GroupElement(identity(alone).permutations, {group.name: matrix})
        self.theta = act(alone, element, self.theta)
        self.scales[group.name] = matrix @ self.scales[group.name]
        inverse = torch.linalg.inv(matrix)
        legs = []
        for leg, matrices in zip(group.legs, self.covariance[group.name], strict=True):
            on_gradients = inverse if leg.power > 0 else matrix
            mixed = on_gradients @ matrices @ on_gradients
            legs.append(mixed)
            # One matrix for all entries is shared out: no group asks for one of them.
            rows = take(self.entries[leg.tensor], leg, group.size)
            variance = mixed.diagonal(dim1=1, dim2=2).T * (len(mixed) / rows.shape[1])
            self.entries[leg.tensor] = put(
                self.entries[leg.tensor], leg, variance.expand_as(rows).clamp(min=0)
            )
        self.covariance[group.name] = tuple(legs)


def _turns(spec: SymmetrySpec, params: Parameters) -> list[_Turn]:
    """Sort linear groups into turns, in none of which two own the same entries."""
    turns = [_Turn([])]
    for group in charged_groups(spec, "linear").groups:
        marks = _owned([group], params)
        twice = max(float(tensor.max()) for tensor in marks.values()) > 1
        by_entry = legs_by_entry(spec, group, params) == scaled_legs(spec, group, params)
        if twice or not by_entry:
            turns.append(_Turn([group], with_units=by_entry, of_one_visit=twice))
            continue
        open_turns = [turn for turn in turns if _apart(turn, group, params)]
        if open_turns:
            open_turns[0].groups.append(group)
        else:
            turns.append(_Turn([group]))
    full = [turn for turn in turns if turn.groups]
    return full if any(turn.with_units for turn in full) else turns


def _apart(turn: _Turn, group: UnitGroup, params: Parameters) -> bool:
    """Whether a group can join a turn: no two groups own the same entries."""
    if turn.of_one_visit or not turn.with_units:
        return False
    marks = _owned([*turn.groups, group], params)
    return all(float(tensor.max()) <= 1 for tensor in marks.values())


def _owned(groups: Sequence[UnitGroup], params: Parameters) -> dict[str, Tensor]:
    """Return how often each entry is owned by groups."""
    marks: dict[str, Tensor] = {}
    for group in groups:
        for leg in group.legs:
            mark(marks, leg, group.size, params)
    return marks
