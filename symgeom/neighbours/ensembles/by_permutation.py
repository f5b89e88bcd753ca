r"""A control of the orbit: matrices on the way from the identity to a permutation.

With a random permutation :math:`P` of the units and the scale :math:`s`,

.. math:: g = \frac{1 + s/2}{1 + s}\, I + \frac{s/2}{1 + s}\, P,

below, and :math:`g^{-1}` above. The permutation itself would be a symmetry; the half of it that
very large scales come to is none.

References
----------
Zhao et al. (2210.17216), the experiment with ensembles: "interpolated permutation".
"""

import torch
from torch import Tensor

from symgeom.ground.types import cast, precision, stack
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.neighbours.ensembles.orbit import linear_layers
from symgeom.symmetry.group import GroupElement, act, identity


def permutation_members(
    material: EnsembleMaterial, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return networks mixed by interpolated permutations and unmixed by their inverses.

    Parameters
    ----------
    material : EnsembleMaterial
        One network.
    generator : torch.Generator
        The source of the permutations.

    Returns
    -------
    dict of str to Tensor
        Stacked members.
    """
    spec = linear_layers(material)
    order = identity(spec).permutations
    network = cast(material.network, torch.float64)
    share = material.scale / 2 / (1 + material.scale)
    members = []
    for _ in range(material.count):
        matrices = {}
        for group in spec.groups:
            nothing = torch.eye(group.size, dtype=torch.float64)
            permuted = nothing[torch.randperm(group.size, generator=generator)]
            matrices[group.name] = (1 - share) * nothing + share * permuted
        members.append(act(spec, GroupElement(order, matrices), network))
    return cast(stack(members), precision(material.network))


PERMUTATION = EnsembleKind(
    "permutation",
    title="interpolated permutation",
    members=permutation_members,
    control=True,
)
