"""Points along the geodesic between two aligned minima."""

import torch
from torch import Tensor

from symgeom.ground.types import cast, precision
from symgeom.landscape.path import GeodesicPath
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial


def geodesic_members(material: EnsembleMaterial, _: torch.Generator) -> dict[str, Tensor]:
    """Return equidistant points of the geodesic, ends included; of one member the start.

    Parameters
    ----------
    material : EnsembleMaterial
        Two canonical networks, the second aligned to the first.

    Returns
    -------
    dict of str to Tensor
        Stacked members.
    """
    torus = material.torus
    start, end = material.networks[:2]
    path = GeodesicPath(torus.spec, start, end, bias_in_norm=torus.bias_in_norm)
    t = torch.linspace(0, 1, material.count, dtype=torch.float64)
    return cast(path(t), precision(start))


GEODESIC = EnsembleKind(
    "geodesic",
    title="along a geodesic",
    members=geodesic_members,
    networks=2,
    aligned=True,
)
