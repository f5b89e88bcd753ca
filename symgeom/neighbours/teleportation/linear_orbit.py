r"""The linear orbit: positive scales of units, and matrices that mix units.

What is known at one network is known along its orbit. If :math:`A` moves the weights, it moves the
gradient by :math:`A^{-\top}` and the Hessian to :math:`A^{-\top}HA^{-1}`. All powers of a spec with
other signs make that inverse: gradients move by the *dual* spec. One gradient, or one diagonal of
the Gauss-Newton matrix, therefore serves the whole search, and

.. math:: g'^\top H'g' = v^\top Hv, \qquad v = A^{-1}g',

takes one product with the Hessian of the network itself, which gives the derivative :math:`2Hv`
too. Only the trace of a network whose units are mixed by matrices is measured at every point.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, ravel
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal
from symgeom.landscape.flatness.hessian import hessian_vector_product, trainable
from symgeom.landscape.problem import Problem
from symgeom.neighbours.teleportation.measured import Measured
from symgeom.neighbours.teleportation.objective import Locality
from symgeom.neighbours.teleportation.orbit import Orbit, coordinates_of, elements_at
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, act, identity, inverse
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup


class LinearOrbit(Orbit):
    """The networks that scales and matrices of units make of one.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape, in float64.
    params : Parameters
        The network, in float64.

    Raises
    ------
    SymgeomError
        If no group moves.
    """

    def __init__(self, spec: SymmetrySpec, problem: Problem, params: Parameters) -> None:
        super().__init__(problem)
        self.moved = _moving(spec.exact().trained(problem.trainable))
        self.params = params
        self.weights = trainable(problem, params)
        if not self.moved.groups:
            raise SymgeomError(
                "Cannot teleport along the linear orbit: no group of the spec has positive scales "
                f"or mixes its units, all of them trainable (scales "
                f"{[group.scale for group in spec.exact().groups]}). Give index, for the "
                "data-dependent orbit of a batch, or another network."
            )

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return sum(coordinates_of(group) for group in self.moved.groups)

    def ways(self) -> list[Tensor]:
        """Return coordinates, of size 1, on the ways to where single tensors are small."""
        ways = {}
        for name in self.weights:
            steps = [_shrinking(group, name) for group in self.forms.groups]
            way = torch.cat(steps)
            ways[tuple(way.tolist())] = way
        return list(ways.values())

    def elements(self, coordinates: Tensor) -> dict[str, Tensor]:
        """Return the scales, or the matrix, of every group."""
        return elements_at(self.moved.groups, coordinates)

    def network(self, elements: Mapping[str, Tensor]) -> Parameters:
        """Return the moved network."""
        return act(self.moved, self.element(elements), self.params)

    def held_out(self, elements: Mapping[str, Tensor]) -> float:
        """Return nothing: all outputs stay."""
        return math.nan

    def locality(self, coordinates: Tensor) -> Locality:
        """Return the landscape around the moved network, carried there."""
        return _Carried(self, self.elements(coordinates))

    def element(self, elements: Mapping[str, Tensor]) -> GroupElement:
        """Return the group element of some scales and matrices."""
        rest = identity(self.moved)
        return GroupElement(rest.permutations, elements)

    @cached_property
    def forms(self) -> SymmetrySpec:
        """The groups as they act on vectors of trainable weights."""
        return charged_groups(self.moved)

    @cached_property
    def dual(self) -> SymmetrySpec:
        """The groups as they act on gradients."""
        groups = []
        for group in self.forms.groups:
            legs = tuple(replace(leg, power=-leg.power) for leg in group.legs)
            groups.append(replace(group, legs=legs))
        return replace(self.forms, groups=tuple(groups))

    @cached_property
    def mixes(self) -> bool:
        """Whether some group mixes its units."""
        return any(group.scale == "linear" for group in self.moved.groups)

    @cached_property
    def gradient(self) -> dict[str, Tensor]:
        """The gradient at the network itself."""
        self.spent.gradients += 1
        slopes = self.problem.gradient(self.params)
        return {name: slopes[name].detach() for name in self.weights}

    @cached_property
    def diagonal(self) -> dict[str, Tensor]:
        """The diagonal of the Gauss-Newton matrix at the network itself."""
        classes = self.problem.outputs(self.params).shape[-1]
        self.spent.gradients += classes
        return gauss_newton_diagonal(self.problem, self.params)

    @cached_property
    def _product(self):
        return hessian_vector_product(self.problem, self.params)

    def hessian_along(self, vector: Tensor) -> Tensor:
        """Return the product of the Hessian at the network itself with a vector."""
        self.spent.products += 1
        return self._product(vector)


def _moving(spec: SymmetrySpec) -> SymmetrySpec:
    """Return the groups with a continuous scale, with all that moves with their units."""
    names = {group.name for group in charged_groups(spec).groups}
    groups = tuple(group for group in spec.groups if group.name in names)
    return replace(spec, groups=groups)


def _shrinking(group: UnitGroup, tensor: str) -> Tensor:
    """Return the coordinates of a group in which a tensor is smaller; zeros if it has no part."""
    powers = [leg.power for leg in group.legs if leg.tensor == tensor]
    sign = -float(torch.tensor(powers).sum().sign())
    if group.scale == "positive":
        return torch.full((group.size,), sign, dtype=torch.float64)
    rows, columns = torch.tril_indices(group.size, group.size)
    return sign * (rows == columns).double()


class _Carried(Locality):
    """The landscape around a moved network, from what is known at the network itself."""

    def __init__(self, orbit: LinearOrbit, elements: Mapping[str, Tensor]) -> None:
        self._orbit = orbit
        self._elements = elements
        self._element = orbit.element(elements)

    @cached_property
    def _gradient(self) -> dict[str, Tensor]:
        return act(self._orbit.dual, self._element, self._orbit.gradient)

    def squared_gradient(self) -> Tensor:
        """Return the squared length of the gradient."""
        return ravel(self._gradient).square().sum()

    def curvature_along_gradient(self) -> Tensor:
        """Return the product with the Hessian from both sides; its derivative needs no other."""
        back = inverse(self._orbit.forms, self._element)
        vector = ravel(act(self._orbit.forms, back, self._gradient))
        image = self._orbit.hessian_along(vector.detach())
        along = vector @ image
        return 2 * along - along.detach()

    def trace(self) -> Tensor:
        """Return the trace of the Gauss-Newton matrix."""
        orbit = self._orbit
        if orbit.mixes:
            moved = orbit.network(self._elements)
            return Measured(orbit.problem, moved, orbit.spent).trace()
        squares = {name: scale**2 for name, scale in self._elements.items()}
        entries = act(orbit.dual, orbit.element(squares), orbit.diagonal)
        return ravel(entries).sum()
