"""A walk along an orbit: groups are scaled, units are dropped."""

from dataclasses import dataclass, replace

from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.quotient.gauge.idle_units import Units, find_dead, without
from symgeom.symmetry.group.action import mix_units, scale_units
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup


@dataclass(frozen=True, eq=False)
class Walk:
    """A point of an orbit, and what leads to it.

    Attributes
    ----------
    spec : SymmetrySpec
        The architecture.
    legs : dict of str to tuple of Leg
        For each group with a scale, the legs that fix it.
    drop : bool
        Whether dead units are dropped; if not, they are an error.
    parameters : dict of str to Tensor
        The network at this point, in memory of its own: it is scaled in place.
    scales : dict of str to Tensor
        For each group, the scale (or matrix) that was applied so far.
    dead, weak : dict of str to list of int
        For each group with a scale, the units that were dropped so far.
    """

    spec: SymmetrySpec
    legs: dict[str, tuple[Leg, ...]]
    drop: bool
    parameters: dict[str, Tensor]
    scales: dict[str, Tensor]
    dead: Units
    weak: Units

    @property
    def dropped(self) -> Units:
        """For each group with a scale, all units that were dropped so far."""
        return {name: self.dead[name] + self.weak[name] for name in self.legs}

    def scaled(self, group: UnitGroup, scale: Tensor) -> "Walk":
        """Scale the units of one group."""
        before = self.scales[group.name]
        factor = scale.to(before)
        total = factor @ before if group.scale == "linear" else factor * before
        parameters = dict(self.parameters)
        for leg in group.legs:
            tensor = parameters[leg.tensor]
            if group.scale == "linear":
                parameters[leg.tensor] = mix_units(tensor, leg, scale)
            elif leg.power:
                scale_units(tensor, leg, scale)
        scales = self.scales | {group.name: total}
        return replace(self, parameters=parameters, scales=scales)

    def without_weak(self, units: Units) -> "Walk":
        """Drop units that still receive something, and then those that receive nothing any more."""
        walk = self
        while units:
            parameters: Parameters = walk.parameters
            for name, numbers in units.items():
                group = walk.spec[name]
                legs = group.incoming() + group.outgoing()
                parameters = without(group, legs, parameters, numbers)
            weak = _united(walk.weak, units)
            walk = replace(walk, parameters=dict(parameters), weak=weak)
            units = find_dead(walk.spec.exact(), walk.parameters, walk.dropped)
        return walk

    def without_dead(self) -> "Walk":
        """Drop units that receive nothing, until there are no more.

        Returns
        -------
        Walk
            The same point of the orbit, dropped units aside.

        Raises
        ------
        SymgeomError
            If there are such units and they are not to be dropped.
        """
        walk = self
        units = find_dead(walk.spec, walk.parameters, walk.dropped)
        while units:
            if not walk.drop:
                name, numbers = next(iter(units.items()))
                raise SymgeomError(
                    f"Cannot put units {numbers} of group '{name}' on the sphere: their incoming "
                    "weights are all zero. Drop them with dead_units='drop', or leave this network "
                    "out."
                )
            parameters: Parameters = walk.parameters
            for name, numbers in units.items():
                group = walk.spec[name]
                parameters = without(group, group.outgoing(), parameters, numbers)
            dead = _united(walk.dead, units)
            walk = replace(walk, parameters=dict(parameters), dead=dead)
            units = find_dead(walk.spec, walk.parameters, walk.dropped)
        return walk

    def without_null(self, group: UnitGroup, units: list[int]) -> "Walk":
        """Drop the units of a linear group that stand for directions that receive nothing."""
        legs = group.incoming() + group.outgoing()
        parameters = without(group, legs, self.parameters, units)
        dead = self.dead | {group.name: units}
        walk = replace(self, parameters=parameters, dead=dead)
        return walk.without_dead()


def _united(first: Units, second: Units) -> Units:
    """Return the units of both, in ascending order, for the groups of the first."""
    united = {}
    for name, units in first.items():
        united[name] = sorted(units + second.get(name, []))
    return united
