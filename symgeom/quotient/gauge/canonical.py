"""Walk along an orbit to its representative: visit the groups in order, fix the scale of each, count what was dropped."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice, check_finite
from symgeom.ground.types import Parameters, cast
from symgeom.quotient.gauge.representatives import orthonormal_rows, positive_signs, unit_lengths
from symgeom.quotient.gauge.settled import fixing_legs
from symgeom.quotient.gauge.units import Units, find_dead, find_weak, without
from symgeom.quotient.torus.coordinates import rows
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec

ROUNDING = 1e-13
"""Largest step (logarithm of a scale, entry of a matrix) of a sweep that counts as converged."""

WINDOW = 50
"""Sweeps after which the steps must have halved, or there is no fixed point (or it is out of reach)."""

NULL = 1e-9
"""Share of the largest incoming weight below which what a null direction of a linear group receives is rounding."""


@dataclass(frozen=True, eq=False)
class Canonical:
    """The canonical representative of a network.

    Attributes
    ----------
    parameters : dict of str to Tensor
        The network on the torus, in float64.
    element : GroupElement
        What was applied: ``act(spec, element, params)`` gives ``parameters`` (dropped units aside).
    dead : dict of str to list of int
        For each group with a scale, the units whose incoming weights are all zero; they were
        dropped.
    weak : dict of str to list of int
        For each group with a scale, the units dropped because of their small importance.
    """

    parameters: dict[str, Tensor]
    element: GroupElement
    dead: Units
    weak: Units


def canonicalise(
    spec: SymmetrySpec,
    params: Parameters,
    *,
    bias_in_norm: bool = True,
    dead_units: str = "error",
    importance_threshold: float = 0.0,
    stream: str = "first",
) -> Canonical:
    """Move a network along its orbit onto the torus.

    The result is the same for all networks that differ by scalings of the spec (batch statistics of
    dropped units aside), computes the same function (the head's scale and weak units aside), and is
    left as it is when it is canonicalised again. Inputs that never change, such as border pixels,
    are no matter of the spec alone: see :func:`symgeom.quotient.gauge.absorb_constant_inputs`.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture, groups ordered from input to output.
    params : Parameters
        One network; not modified.
    bias_in_norm : bool
        Whether a unit's bias is part of its incoming vector.
    dead_units : {"error", "drop"}
        What to do with a unit whose incoming weights are all zero: stop, or set its outgoing
        weights to zero as well (it contributes nothing through an activation with f(0) = 0) and
        leave it out of all distances. In a linear group these are directions: the units of the
        representative that are left over when the others span all incoming vectors.
    importance_threshold : float
        Drop the units (of groups with positive scales or signs, the head excepted) whose importance
        is below this share of the largest in their group, until none is left. Importance is the
        length of the incoming times the length of the outgoing weights of the representative; it
        does not depend on scales. Unlike all else, this changes the function slightly; 0 drops
        none.
    stream : {"first", "all"}
        What has length 1 in a residual stream: what its first writer sends (the weights that no
        later scale touches), or what all writers send together, which is possible only if the
        blocks do not amplify.

    Returns
    -------
    Canonical
        The representative, the element that leads to it, and the dropped units.

    Raises
    ------
    SymgeomError
        If a unit is dead (and not dropped), a scale is not fixed by the weights, a weight is not
        finite, the spec does not fit, or an option is not known.

    Examples
    --------
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> canonicalise(spec, {"in": torch.tensor([[3.0, 4.0]]), "out": torch.tensor([[2.0]])}).parameters["out"]
    tensor([[10.]], dtype=torch.float64)
    """
    check_choice(dead_units, ("error", "drop"), "treatment of dead units")
    check_choice(stream, ("first", "all"), "gauge of residual streams")
    if not 0 <= importance_threshold < 1:
        raise SymgeomError(
            f"Cannot use the importance threshold {importance_threshold!r}: give a share from 0 to below 1."
        )
    check_spec(spec, params)
    check_finite(params, "the network")
    legs = fixing_legs(spec, params, bias_in_norm=bias_in_norm, stream=stream)
    dead, weak, nothing = {name: [] for name in legs}, {name: [] for name in legs}, identity(spec)
    walk = _Walk(
        spec,
        legs,
        dead_units == "drop",
        cast(params, torch.float64),
        dict(nothing.scales),
        dead,
        weak,
    )
    walk = _settled(walk, until_converged=stream == "all")
    while importance_threshold and (
        found := find_weak(spec, walk.parameters, importance_threshold, walk.removed)
    ):
        walk = _settled(walk.without_weak(found), until_converged=stream == "all")
    return Canonical(
        walk.parameters, GroupElement(nothing.permutations, walk.scales), walk.dead, walk.weak
    )


@dataclass(frozen=True, eq=False)
class _Walk:
    """Where we are on the orbit, and how we came there."""

    spec: SymmetrySpec
    legs: dict[str, tuple[Leg, ...]]
    drop: bool
    parameters: dict[str, Tensor]
    scales: dict[str, Tensor]
    dead: Units
    weak: Units

    @property
    def removed(self) -> Units:
        return {name: self.dead[name] + self.weak[name] for name in self.legs}

    def moved(self, group: UnitGroup, scale: Tensor) -> "_Walk":
        """Scale the units of one group."""
        step = GroupElement({group.name: torch.arange(group.size)}, {group.name: scale})
        before = self.scales[group.name]
        total = scale @ before if group.scale == "linear" else scale * before
        return replace(
            self,
            parameters=act(SymmetrySpec((group,)), step, self.parameters),
            scales=self.scales | {group.name: total},
        )

    def without_weak(self, found: Units) -> "_Walk":
        """Drop units that still receive something, and then those that receive nothing any more."""
        params = self.parameters
        for name, units in found.items():
            group = self.spec[name]
            params = without(group, group.incoming() + group.outgoing(), params, units)
        weak = {name: sorted(self.weak[name] + found.get(name, [])) for name in self.weak}
        walk = replace(self, parameters=params, weak=weak)
        starved = find_dead(self.spec.exact(), params, walk.removed)
        return walk.without_weak(starved) if starved else walk

    def without_dead(self) -> "_Walk":
        """Drop units that receive nothing, until there are no more."""
        walk = self
        while found := find_dead(walk.spec, walk.parameters, walk.removed):
            name, units = next(iter(found.items()))
            if not walk.drop:
                raise SymgeomError(
                    f"Cannot put units {units} of group '{name}' on the sphere: their incoming weights are all zero. Drop them "
                    "with dead_units='drop', or leave this network out."
                )
            params = walk.parameters
            for name, units in found.items():
                params = without(walk.spec[name], walk.spec[name].outgoing(), params, units)
            dead = {name: sorted(walk.dead[name] + found.get(name, [])) for name in walk.dead}
            walk = replace(walk, parameters=params, dead=dead)
        return walk


def _settled(walk: _Walk, *, until_converged: bool) -> _Walk:
    """Visit all groups in order: once, or until nothing changes any more."""
    earlier, sweep = math.inf, 0
    while True:
        (walk, steps), sweep = _sweep(walk), sweep + 1
        largest = max(steps.values(), default=0.0)
        if not until_converged or largest <= ROUNDING:
            return walk
        if sweep % WINDOW == 0:
            if not largest < earlier / 2:
                raise SymgeomError(
                    f"Cannot give all writers of the residual streams joint length 1: after {sweep} sweeps the scales of group "
                    f"'{max(steps, key=steps.__getitem__)}' still change by {largest:.2g} per sweep, so that the blocks amplify "
                    "their stream and no such scales exist (or nearly so). Use stream='first'."
                )
            earlier = largest


def _sweep(walk: _Walk) -> tuple[_Walk, dict[str, float]]:
    """Visit all groups once; return also how far each was from its representative."""
    walk, steps = walk.without_dead(), {}
    for group in walk.spec.groups:
        if group.name in walk.legs:
            visit = _linear if group.scale == "linear" else _diagonal
            walk, steps[group.name] = visit(walk, group)
    return walk, steps


def _diagonal(walk: _Walk, group: UnitGroup) -> tuple[_Walk, float]:
    """Fix positive scales or signs."""
    legs = walk.legs[group.name]
    vectors = rows(walk.parameters, legs, group.size)
    zero = (vectors == 0).all(1).nonzero().flatten().tolist()
    if open_units := [unit for unit in zero if unit not in walk.removed[group.name]]:
        raise _not_fixed(group, legs, f"units {open_units}")
    if group.scale == "sign":
        signs = positive_signs(vectors)
        return walk.moved(group, signs), float((signs < 0).any())
    scales = unit_lengths(vectors, legs[0].power)
    return walk.moved(group, scales), float(scales.log().abs().max())


def _linear(walk: _Walk, group: UnitGroup) -> tuple[_Walk, float]:
    """Fix a matrix, and drop the directions that receive nothing."""
    legs, everything = walk.legs[group.name], rows(walk.parameters, group.incoming(), group.size)
    matrix, rank = orthonormal_rows(rows(walk.parameters, legs, group.size))
    step, null = (
        float((matrix - torch.eye(group.size).to(matrix))[:rank].abs().max()) if rank else 0.0,
        range(rank, group.size),
    )
    if null and (matrix[rank:] @ everything).abs().max() > NULL * everything.abs().max():
        raise _not_fixed(group, legs, f"{len(null)} of its {group.size} directions")
    found = [unit for unit in null if unit not in walk.dead[group.name]]
    if found and not walk.drop:
        raise SymgeomError(
            f"Cannot put group '{group.name}' on the torus: no activation acts on its {group.size} units, and their incoming "
            f"weights have rank {rank} only, so that {len(null)} of their directions are dead. Drop these with "
            "dead_units='drop', or leave this network out."
        )
    walk = walk.moved(group, matrix)
    if null:
        params = without(group, group.incoming() + group.outgoing(), walk.parameters, list(null))
        walk = replace(
            walk, parameters=params, dead=walk.dead | {group.name: list(null)}
        ).without_dead()
    return walk, step


def _not_fixed(group: UnitGroup, legs: tuple[Leg, ...], what: str) -> SymgeomError:
    fixing = sorted({leg.tensor for leg in legs})
    others = sorted({leg.tensor for leg in group.incoming()} - set(fixing))
    return SymgeomError(
        f"Cannot fix the scale of group '{group.name}': the tensors that fix it, {fixing}, are zero for {what}, though of its "
        f"other incoming tensors {others} some are not. Use stream='all' (or bias_in_norm=True, if it is a bias), or leave this "
        "network out."
    )
