"""The spheres of networks in training: what keeps bends on the torus."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.quotient.torus import Torus, sphere_legs
from symgeom.symmetry.spec.slices import view


@dataclass(frozen=True, eq=False)
class Sphere:
    """The units of one group in one network, and the lengths that their vectors shall have.

    Attributes
    ----------
    views : list of (Tensor, int)
        Entries of the units, as views on the network's tensors, and the axis along which the units
        lie.
    length : Tensor, shape (unit,)
        What to go back to.
    """

    views: list[tuple[Tensor, int]]
    length: Tensor

    def put_back(self) -> None:
        """Give all vectors their length, in place; one that is zero, or not finite, stays."""
        now = lengths(self.views)
        factor = torch.where(now > 0, self.length / now, 1.0)
        for entries, axis in self.views:
            axes_behind = entries.ndim - axis - 1
            entries.mul_(factor.reshape(-1, *[1] * axes_behind))


def spheres_of(torus: Torus, network: Parameters) -> list[Sphere]:
    """Return the spheres of a network, with the lengths that its vectors have now.

    Parameters
    ----------
    torus : Torus
        The spheres of the architecture.
    network : Parameters
        One network; views are taken of its tensors.

    Returns
    -------
    list of Sphere
        One for each group that has incoming weights.
    """
    spheres = []
    legs_of_groups = sphere_legs(torus.spec, network, bias_in_norm=torus.bias_in_norm)
    for group, legs in legs_of_groups.items():
        size = torus.spec[group].size
        views = [(view(network[leg.tensor], leg, size), leg.axis + 1) for leg in legs]
        spheres.append(Sphere(views, lengths(views)))
    return spheres


def lengths(views: Sequence[tuple[Tensor, int]]) -> Tensor:
    """Return the length of every unit's vector, whose entries are in several tensors."""
    norms = []
    for entries, unit_axis in views:
        others = [axis for axis in range(entries.ndim) if axis != unit_axis]
        norms.append(torch.linalg.vector_norm(entries, dim=others))
    return torch.linalg.vector_norm(torch.stack(norms), dim=0)
