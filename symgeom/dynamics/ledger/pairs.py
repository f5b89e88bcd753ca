"""The pairing of stacked networks, all groups side by side: what a ledger computes at every step.

An independent, faster form of :func:`symgeom.symmetry.bilinear.pairing`, symmetrised for linear
groups. Products are formed and added up in the precision of the vectors, without an array of
products in between: a step costs the reading of the vectors. What is added up over steps is in
float64.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec, take


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
        self._shapes = {
            group.name: (group.size,) * (2 if group.scale == "linear" else 1)
            for group in charged.groups
        }
        self._legs: dict[
            str, list[tuple[Leg, slice]]
        ] = {}  # tensor -> legs and their units' places among the columns
        self._linear: list[tuple[UnitGroup, slice]] = []
        first = 0
        for group in charged.groups:
            columns = slice(first, first + prod(self._shapes[group.name]))
            first = columns.stop
            if group.scale == "linear":
                self._linear.append((group, columns))
            else:
                for leg in group.legs:
                    self._legs.setdefault(leg.tensor, []).append((leg, columns))
        self._columns = first
        names = dict.fromkeys(leg.tensor for group in charged.groups for leg in group.legs)
        self.like = {name: params[name].new_empty((0, *params[name].shape[1:])) for name in names}
        self._device = next(iter(params.values())).device

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
        self._add_units(result, u, v, unsigned=False)
        for group, columns in self._linear:
            matrix = sum(
                leg.power * _rows(u, leg, group) @ _rows(v, leg, group).mT for leg in group.legs
            )
            result[:, columns] = ((matrix + matrix.mT) / 2).flatten(1)
        return result

    def bound(self, u: Parameters) -> Tensor:
        """Return the largest value that the pairing of a vector with another of its lengths could have.

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
        self._add_units(result, u, u, unsigned=True)
        for group, columns in self._linear:
            lengths = [torch.linalg.vector_norm(_rows(u, leg, group), dim=2) for leg in group.legs]
            result[:, columns] = sum(
                length.unsqueeze(2) * length.unsqueeze(1) for length in lengths
            ).flatten(1)
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
        shaped = zip(parts, self._shapes.items(), strict=True)
        return {name: part.unflatten(-1, shape).contiguous() for part, (name, shape) in shaped}

    def _empty(self, u: Parameters) -> Tensor:
        return torch.zeros(
            len(next(iter(u.values()))), self._columns, dtype=torch.float64, device=self._device
        )

    def _add_units(self, result: Tensor, u: Parameters, v: Parameters, *, unsigned: bool) -> None:
        for name, legs in self._legs.items():
            for leg, units in legs:
                power = abs(leg.power) if unsigned else leg.power
                result[:, units].add_(
                    _unit_sums(u[name], v[name], leg, units.stop - units.start), alpha=power
                )


def _rows(stacked: Parameters, leg: Leg, group: UnitGroup) -> Tensor:
    return torch.vmap(lambda tensor: take(tensor, leg, group.size))(stacked[leg.tensor]).double()


def _unit_sums(u: Tensor, v: Tensor, leg: Leg, size: int) -> Tensor:
    """Multiply the entries that :func:`symgeom.symmetry.spec.take` gives to each unit, for stacked tensors: shape (member, size)."""
    for axis, start, stop in leg.region:
        u, v = (tensor.narrow(axis + 1, start, stop - start) for tensor in (u, v))
    along = _contracted(u, v, (0, leg.axis + 1)).narrow(1, leg.start, leg.outer * size * leg.block)
    return (
        along
        if leg.outer == leg.block == 1
        else along.unflatten(1, (leg.outer, size, leg.block)).sum((1, 3))
    )


def _contracted(u: Tensor, v: Tensor, kept: Sequence[int]) -> Tensor:
    axes = list(range(u.ndim))
    if u.device.type != "cpu":
        return torch.einsum(u, axes, v, axes, list(kept))
    # On a CPU torch lays out an array of products first, which takes three to seven times as long.
    return torch.from_numpy(
        np.einsum(u.detach().numpy(), axes, v.detach().numpy(), axes, list(kept))
    )
