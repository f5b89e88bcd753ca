r"""A control of the orbit: what undoes the matrix is its inverse, not the action on a batch.

The layer below becomes :math:`g V`, as in the orbit, and the layer above :math:`U g^{-1}`: exact if
nothing but a linear map lay between them.
"""

import torch
from torch import Tensor

from symgeom.ground.types import cast, precision, stack
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.neighbours.ensembles.orbit import drawn_elements, linear_layers
from symgeom.symmetry.group import GroupElement, act, identity


def inverse_members(material: EnsembleMaterial, generator: torch.Generator) -> dict[str, Tensor]:
    """Return networks mixed by the matrices of the orbit and unmixed by their inverses.

    Parameters
    ----------
    material : EnsembleMaterial
        One network.
    generator : torch.Generator
        The source of the orbit's elements.

    Returns
    -------
    dict of str to Tensor
        Stacked members.
    """
    spec = linear_layers(material)
    order = identity(spec).permutations
    network = cast(material.network, torch.float64)
    members = []
    for matrices in drawn_elements(material, generator):
        members.append(act(spec, GroupElement(order, matrices), network))
    return cast(stack(members), precision(material.network))


INVERSE = EnsembleKind(
    "inverse",
    title="inverse matrix above",
    members=inverse_members,
    control=True,
)
