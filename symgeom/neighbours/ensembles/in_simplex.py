"""Random points of the geodesic simplex of several aligned minima.

The weights of the vertices are drawn uniformly on the simplex: exponential numbers over their sum.
"""

import torch
from torch import Tensor

from symgeom.ground.types import cast, precision, stack
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.quotient.torus import check_on_torus, simplex_point


def simplex_members(material: EnsembleMaterial, generator: torch.Generator) -> dict[str, Tensor]:
    """Return random points of the simplex of all networks.

    Parameters
    ----------
    material : EnsembleMaterial
        Three canonical networks or more, aligned to the first.
    generator : torch.Generator
        The source of the weights.

    Returns
    -------
    dict of str to Tensor
        Stacked members.
    """
    torus = material.torus
    for number, network in enumerate(material.networks):
        check_on_torus(torus.spec, network, f"vertex {number}", bias_in_norm=torus.bias_in_norm)
    shape = (material.count, len(material.networks))
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    exponential = -torch.log1p(-uniform)
    weights = exponential / exponential.sum(1, keepdim=True)
    points = [simplex_point(torus, material.networks, of_member) for of_member in weights]
    return cast(stack(points), precision(material.network))


SIMPLEX = EnsembleKind(
    "simplex",
    title="in a geodesic simplex",
    members=simplex_members,
    networks=3,
    aligned=True,
)
