"""Minima of several seeds: the usual deep ensemble, which costs one training for each member."""

import torch
from torch import Tensor

from symgeom.ground.types import stack
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial


def independent_members(material: EnsembleMaterial, _: torch.Generator) -> dict[str, Tensor]:
    """Return the networks themselves.

    Parameters
    ----------
    material : EnsembleMaterial
        One network for each member.

    Returns
    -------
    dict of str to Tensor
        Stacked members.
    """
    return stack(material.networks[: material.count])


INDEPENDENT = EnsembleKind(
    "independent",
    title="independent seeds",
    members=independent_members,
    networks=0,
)
