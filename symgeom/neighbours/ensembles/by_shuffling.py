r"""A control of the orbit: its members with the units that the layer above reads shuffled.

The layer above has the numbers that undo the matrix below, :math:`U \pi`, in the wrong columns. At
the scale zero this is a shuffled network, not the network.

References
----------
Zhao et al. (2210.17216), the experiment with ensembles: "shuffled pi". Its code shuffles the
matrices among the members, too.
"""

from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.types import stack, unstack
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.neighbours.ensembles.orbit import linear_layers, orbit_members
from symgeom.symmetry.group import act, random_element
from symgeom.symmetry.spec import SymmetrySpec


def shuffled_members(material: EnsembleMaterial, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the members of the orbit with shuffled layers above.

    Parameters
    ----------
    material : EnsembleMaterial
        One network.
    generator : torch.Generator
        The source of the orbit, and then of the permutations.

    Returns
    -------
    dict of str to Tensor
        Stacked members.
    """
    spec = _layers_above(material)
    members = []
    for member in unstack(orbit_members(material, generator)):
        shuffling = random_element(spec, generator=generator)
        members.append(act(spec, shuffling, member))
    return stack(members)


def _layers_above(material: EnsembleMaterial) -> SymmetrySpec:
    """Return the moved groups with what reads them alone, whose units can be permuted."""
    spec = linear_layers(material)
    groups = []
    for group in spec.groups:
        groups.append(replace(group, legs=group.outgoing(), scale="none", permute=True))
    return replace(spec, groups=tuple(groups))


SHUFFLED = EnsembleKind(
    "shuffled",
    title="orbit, shuffled above",
    members=shuffled_members,
    control=True,
)
