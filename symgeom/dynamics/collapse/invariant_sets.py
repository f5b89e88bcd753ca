r"""Sets of networks that no step of SGD leaves.

A *mirror* :math:`R` of weight space, :math:`R = R^{-1}`, either leaves the loss of every sample as
it is, or at least the loss near its fixed points. On the networks with :math:`R\theta = \theta`
every gradient is tangential, of any sample: SGD stays there, with weight decay and momentum, too.
Two kinds are known of any network:

* a unit *at zero*, whose incoming and outgoing weights all vanish (a sign set): the network of one
  unit less;
* two *equal* units, with the same incoming and the same outgoing weights (a permutation set), up to
  a sign where the activation is odd: the network in which one unit does the work of both. Units
  that are equal up to another scale are no such set: SGD changes their ratio.

References
----------
Ziyin, "Symmetry induces structure and constraint of learning" (2309.16932): mirror symmetries.
Chen et al., "Stochastic collapse" (2306.04251): sign sets and permutation sets.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import check_attributes, door
from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, put, take


@dataclass(frozen=True)
class InvariantSet:
    """A set of networks that no step of SGD leaves; made by two functions of this module.

    Attributes
    ----------
    group : UnitGroup
        The group whose units it is about.
    units : tuple of int
        The unit that is at zero, or the two that are equal.
    sign : {1, -1}
        Two units are equal up to this sign.
    """

    group: UnitGroup
    units: tuple[int, ...]
    sign: int = 1

    def __post_init__(self) -> None:
        check_attributes(self)

    def mirrored(self, vector: Parameters) -> dict[str, Tensor]:
        """Return the mirror image of a vector in weight space.

        Parameters
        ----------
        vector : Parameters
            A network, or a gradient; tensors of the group may be missing.

        Returns
        -------
        dict of str to Tensor
            The same for vectors along the set, the opposite for those normal to it.
        """
        order = torch.arange(self.group.size)
        order[list(self.units)] = order[list(reversed(self.units))]
        flips = -1.0 if len(self.units) == 1 else float(self.sign)
        image = dict(vector)
        for leg in self.group.legs:
            if leg.tensor in image:
                tensor = image[leg.tensor]
                factors = torch.ones(self.group.size, 1).to(tensor)
                factors[list(self.units)] = flips**leg.power
                rows = take(tensor, leg, self.group.size)
                image[leg.tensor] = put(tensor, leg, factors * rows[order])
        return image

    def normal(self, vector: Parameters) -> dict[str, Tensor]:
        """Return the part of a vector that is normal to the set.

        Parameters
        ----------
        vector : Parameters
            A network, or a gradient.

        Returns
        -------
        dict of str to Tensor
            Zero for what lies in the set, or along it.
        """
        image = self.mirrored(vector)
        return {name: (tensor - image[name]) / 2 for name, tensor in vector.items()}

    def projected(self, vector: Parameters) -> dict[str, Tensor]:
        """Return what of a vector lies in the set, or along it.

        Parameters
        ----------
        vector : Parameters
            A network, or a gradient.

        Returns
        -------
        dict of str to Tensor
            The nearest network of the set.
        """
        image = self.mirrored(vector)
        return {name: (tensor + image[name]) / 2 for name, tensor in vector.items()}


@door
def unit_at_zero(spec: SymmetrySpec, group: str, unit: int) -> InvariantSet:
    """Describe the networks in which one unit has no weights.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    group : str
        The group of the unit.
    unit : int
        Its number.

    Returns
    -------
    InvariantSet
        The set.

    Raises
    ------
    SymgeomError
        If there is no such unit, or its weights cannot all be zero: it has none that read it (as
        before a normalisation), or its activation is not zero at zero.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> weights = {"in": torch.tensor([[1.0], [2.0]]), "out": torch.tensor([[3.0, 4.0]])}
    >>> unit_at_zero(spec, "hidden1", 1).projected(weights)
    {'in': tensor([[1.],
            [0.]]), 'out': tensor([[3., 0.]])}
    """
    of_unit = _checked(spec, group, (unit,))
    if of_unit.scale == "none" or not (of_unit.incoming() and of_unit.outgoing()):
        raise SymgeomError(
            f"Cannot put a unit of '{group}' to zero: its scale is '{of_unit.scale}', and it has "
            f"{len(of_unit.incoming())} incoming and {len(of_unit.outgoing())} outgoing legs. SGD "
            "stays there if the activation is zero at zero and the unit has both."
        )
    return InvariantSet(of_unit, (unit,))


@door
def equal_units(
    spec: SymmetrySpec, group: str, first: int, second: int, *, sign: int = 1
) -> InvariantSet:
    """Describe the networks in which two units are equal.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    group : str
        The group of the units.
    first, second : int
        Their numbers.
    sign : {1, -1}
        -1: the weights of the one are minus those of the other, which makes no difference to an odd
        activation.

    Returns
    -------
    InvariantSet
        The set.

    Raises
    ------
    SymgeomError
        If there are no such units, or they cannot be exchanged, or not with this sign.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> weights = {"in": torch.tensor([[1.0], [2.0]]), "out": torch.tensor([[3.0, 4.0]])}
    >>> equal_units(spec, "hidden1", 0, 1).projected(weights)
    {'in': tensor([[1.5000],
            [1.5000]]), 'out': tensor([[3.5000, 3.5000]])}
    """
    of_units = _checked(spec, group, (first, second))
    check_choice(sign, (1, -1), "sign of two equal units")
    exchanges = of_units.permute or of_units.scale == "linear"
    if not exchanges or first == second:
        raise SymgeomError(
            f"Cannot make units {first} and {second} of '{group}' equal: they must be two, of a "
            "group whose units may be permuted. Take two units of another group."
        )
    if sign < 0 and of_units.scale not in ("sign", "linear"):
        raise SymgeomError(
            f"Cannot make two units of '{group}' equal up to the sign -1: its scale is "
            f"'{of_units.scale}', so that the sign matters. Leave the sign out."
        )
    return InvariantSet(of_units, (first, second), sign)


def _checked(spec: SymmetrySpec, name: str, units: tuple[int, ...]) -> UnitGroup:
    """Return a group whose symmetry is exact for the loss, if it has such units."""
    group = spec.exact()[name]
    if min(units) < 0 or max(units) >= group.size:
        raise SymgeomError(
            f"Cannot find the units {list(units)} of '{name}': it has {group.size}. "
            f"Count from 0 to {group.size - 1}."
        )
    return group
