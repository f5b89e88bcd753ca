"""What breaks the law of a group: the spec is compared with what the graph of the network says.

The first of these that applies is named: weights that are used twice, a leg left out (a bias),
another degree, units that an activation treats one by one, an activation without a degree,
statistics that gradients do not move, the eps of a normalisation.

References
----------
That an eps breaks the law of a normalised layer by about its share of the variance is our
measurement.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.discovery.capture import export
from symgeom.symmetry.discovery.graph import walk
from symgeom.symmetry.discovery.obstacles import obstacles
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup


class Diagnosis:
    """What the graph of a network says about its units.

    Parameters
    ----------
    module : nn.Module
        The network.
    inputs : Tensor, shape (sample, ...)
        In its precision.
    """

    def __init__(self, module: nn.Module, inputs: Tensor) -> None:
        self._module = module
        self._inputs = inputs
        self._uses = walk(export(module, inputs), module).uses
        self._groups: list[UnitGroup] = []
        for within_heads in (False, True):
            spec = discover(module, inputs, within_heads=within_heads)
            self._groups += charged_groups(spec.exact()).groups

    def reason(self, group: UnitGroup, *, training: bool) -> str:
        """Return what breaks the law of a group.

        Parameters
        ----------
        group : UnitGroup
            A group of the spec that is compared with the graph.
        training : bool
            Whether the law was tested in training mode.

        Returns
        -------
        str
            In words.
        """
        (charged,) = charged_groups(SymmetrySpec((group,))).groups
        twin = self._twin(charged)
        tied = [leg.tensor for leg in charged.legs if self._uses.get(leg.tensor, 0) > 1]
        if tied and (twin is None or not _equal(charged, twin)):
            return (
                f"'{tied[0]}' is used {self._uses[tied[0]]} times (tied weights): what moves one "
                "use moves the others"
            )
        if twin is None:
            return self._why_no_scale(_coordinates(charged))
        return _difference(charged, twin) or _fault_of_normalisation(group, training=training)

    def _twin(self, group: UnitGroup) -> UnitGroup | None:
        """Return the group of the graph that has most legs in common, incoming ones first."""
        places = {leg.place() for leg in _coordinates(group)}
        twin = None
        most = 0
        for candidate in self._groups:
            shared = places & {leg.place() for leg in candidate.legs}
            if len(shared) > most:
                twin = candidate
                most = len(shared)
        return twin

    def _why_no_scale(self, legs: Sequence[Leg]) -> str:
        """Return why the units that legs index cannot be scaled."""
        for leg in legs:
            names = obstacles(self._module, self._inputs, leg.tensor, leg.axis)
            if names:
                return f"no scale passes through {', '.join(names)}"
        return "its units have an identity (inputs, outputs, or what no rule describes)"


def _coordinates(group: UnitGroup) -> tuple[Leg, ...]:
    """Return the legs that tell which units these are: the incoming ones, if there are any."""
    return group.incoming() or group.legs


def _equal(group: UnitGroup, twin: UnitGroup) -> bool:
    return group.scale == twin.scale and set(group.legs) == set(twin.legs)


def _difference(group: UnitGroup, twin: UnitGroup) -> str | None:
    """Return in what a group differs from that of the graph; None if in nothing."""
    legs = {leg.place(): leg for leg in group.legs}
    twin_legs = {leg.place(): leg for leg in twin.legs}
    for position, leg in twin_legs.items():
        if position not in legs:
            return f"'{leg.tensor}' was left out: it moves with the units"
    for position, leg in legs.items():
        if position not in twin_legs:
            return f"'{leg.tensor}' does not move with the units"
    for position, leg in legs.items():
        power = twin_legs[position].power
        if leg.power != power:
            return (
                f"'{leg.tensor}' has power {leg.power}, the degree of the activation makes it "
                f"{power}"
            )
    if group.scale == "linear" != twin.scale:
        return (
            "its units are treated one by one, so that matrices across them are no symmetry; each "
            "has a charge of its own"
        )
    return None


def _fault_of_normalisation(group: UnitGroup, *, training: bool) -> str:
    """Return what breaks the law of a group that is as the graph says."""
    if not any(leg.buffer for leg in group.legs):
        return "nothing that the graph tells; look for an operation that training mode changes"
    if not training:
        return (
            "the statistics of its normalisation are kept, and gradients do not move them; test in "
            "training mode"
        )
    return (
        "the eps of its normalisation is no part of the variance: the law holds up to about eps "
        "over the variance"
    )
