"""The pairing of stacked networks, all groups side by side: what a ledger computes at every step.

An independent, faster form of :func:`symgeom.symmetry.bilinear.pairing`, symmetrised for linear
groups. Products are formed and added up in the precision of the vectors, without an array of
products in between: a step costs the reading of the vectors. What is added up over steps is in
float64.
"""

from math import prod

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec, take

Columns = slice
"""Where the pairings of a group stand among those of all groups, side by side."""


class StackedPairing:
    """Pair stacked vectors in weight space.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        Stacked networks of it (leading axis: member); only shapes and the device matter.

    Attributes
    ----------
    like : dict of str to Tensor
        The tensors that enter, without members: what vectors must look like.

    Raises
    ------
    SymgeomError
        If the spec does not belong to the networks.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> theta = {"in": torch.tensor([[[2.0]]]), "out": torch.tensor([[[3.0]]])}
    >>> StackedPairing(spec, theta)(theta, theta)
    tensor([[-5.]], dtype=torch.float64)
    """

    def __init__(self, spec: SymmetrySpec, params: Parameters) -> None:
        charged = charged_groups(spec.exact())
        check_spec(charged, {name: tensor[0] for name, tensor in params.items()})
        self.like: dict[str, Tensor] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        by_tensor: dict[str, list[tuple[Leg, Columns]]] = {}
        self._linear: list[tuple[UnitGroup, Columns]] = []
        self._device = next(iter(params.values())).device
        first = 0
        for group in charged.groups:
            shape = (group.size, group.size) if group.scale == "linear" else (group.size,)
            columns = slice(first, first + prod(shape))
            first = columns.stop
            self._shapes[group.name] = shape
            if group.scale == "linear":
                self._linear.append((group, columns))
            for leg in group.legs:
                tensor = params[leg.tensor]
                self.like[leg.tensor] = tensor.new_empty((0, *tensor.shape[1:]))
                if group.scale != "linear":
                    by_tensor.setdefault(leg.tensor, []).append((leg, columns))
        self._columns = first
        # Tensor by tensor, so that a tensor of two groups is read from memory once.
        self._legs: list[tuple[Leg, Columns]] = []
        for legs in by_tensor.values():
            self._legs.extend(legs)

    def __call__(self, u: Parameters, v: Parameters) -> Tensor:
        """Return the pairing of every member.

        Parameters
        ----------
        u, v : Parameters
            Stacked vectors.

        Returns
        -------
        Tensor of float64, shape (member, column)
            Groups side by side, the matrices of linear groups row by row.
        """
        result = self._empty(u)
        for leg, columns in self._legs:
            result[:, columns].add_(_unit_sums(u, v, leg, columns), alpha=leg.power)
        for group, columns in self._linear:
            matrix = _signed_products(u, v, group)
            result[:, columns] = ((matrix + matrix.mT) / 2).flatten(1)
        return result

    def bound(self, u: Parameters) -> Tensor:
        """Return the largest value of the pairing of a vector with others of the same lengths.

        Parameters
        ----------
        u : Parameters
            Stacked vectors.

        Returns
        -------
        Tensor of float64, shape (member, column)
            Sums of squared lengths, weighed with the sizes of the powers.
        """
        result = self._empty(u)
        for leg, columns in self._legs:
            result[:, columns].add_(_unit_sums(u, u, leg, columns), alpha=abs(leg.power))
        for group, columns in self._linear:
            result[:, columns] = _products_of_lengths(u, group).flatten(1)
        return result

    def by_group(self, values: Tensor) -> dict[str, Tensor]:
        """Return what stands side by side as one tensor per group.

        Parameters
        ----------
        values : Tensor, shape (..., column)
            As from a call.

        Returns
        -------
        dict of str to Tensor, shape (..., size) or (..., size, size)
            By group.
        """
        parts = torch.split(values, [prod(shape) for shape in self._shapes.values()], dim=-1)
        groups = {}
        for part, (name, shape) in zip(parts, self._shapes.items(), strict=True):
            groups[name] = part.unflatten(-1, shape).contiguous()
        return groups

    def _empty(self, u: Parameters) -> Tensor:
        members = len(next(iter(u.values())))
        return torch.zeros(members, self._columns, dtype=torch.float64, device=self._device)


def _signed_products(u: Parameters, v: Parameters, group: UnitGroup) -> Tensor:
    """Return the products of the units' slices of two vectors, incoming minus outgoing ones."""
    products = []
    for leg in group.legs:
        products.append(leg.power * _rows(u, leg, group) @ _rows(v, leg, group).mT)
    return sum(products[1:], start=products[0])


def _products_of_lengths(u: Parameters, group: UnitGroup) -> Tensor:
    """Return the products of the lengths of the units' slices, of every two units."""
    products = []
    for leg in group.legs:
        length = torch.linalg.vector_norm(_rows(u, leg, group), dim=2)
        products.append(length.unsqueeze(2) * length.unsqueeze(1))
    return sum(products[1:], start=products[0])


def _rows(stacked: Parameters, leg: Leg, group: UnitGroup) -> Tensor:
    """Return the slices that the units have on a leg, shape (member, size, d)."""
    return torch.vmap(lambda tensor: take(tensor, leg, group.size))(stacked[leg.tensor]).double()


def _unit_sums(u: Parameters, v: Parameters, leg: Leg, columns: Columns) -> Tensor:
    """Return the inner products of what ``take`` gives to each unit, shape (member, size)."""
    size = columns.stop - columns.start
    left = u[leg.tensor]
    right = v[leg.tensor]
    for axis, start, stop in leg.region:
        left = left.narrow(axis + 1, start, stop - start)
        right = right.narrow(axis + 1, start, stop - start)
    along_axis = _contracted(left, right, leg.axis + 1)
    sums = along_axis.narrow(1, leg.start, leg.outer * size * leg.block)
    if leg.outer == leg.block == 1:
        return sums
    return sums.unflatten(1, (leg.outer, size, leg.block)).sum((1, 3))


def _contracted(u: Tensor, v: Tensor, axis: int) -> Tensor:
    """Multiply two stacks and sum over all axes but that of the members and another."""
    axes = list(range(u.ndim))
    if u.device.type != "cpu":
        return torch.einsum(u, axes, v, axes, [0, axis])
    # On a CPU torch lays out an array of products first, which takes three to seven times as long.
    left = u.detach().numpy()
    right = v.detach().numpy()
    return torch.from_numpy(np.einsum(left, axes, right, axes, [0, axis]))
