"""Points along a chain with one bend between two aligned minima, trained to low loss.

The bend begins in the middle of the geodesic, and stays on the torus.

References
----------
Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs" (1802.10026),
section 3: the chain; sections 4 and 5: ensembles of what lies along it.
"""

import torch
from torch import Tensor

from symgeom.ground.types import cast, precision, stack
from symgeom.landscape.chain import optimise_path
from symgeom.landscape.path import GeodesicPath, curve_along
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial


def chain_members(material: EnsembleMaterial, generator: torch.Generator) -> dict[str, Tensor]:
    """Return equidistant points (in t) of a trained chain, ends included.

    Parameters
    ----------
    material : EnsembleMaterial
        Two canonical networks, the second aligned to the first; how the bend is trained.
    generator : torch.Generator
        The source of mini-batches and of places along the chain.

    Returns
    -------
    dict of str to Tensor
        Stacked members; of one member the start. Not finite, the ends apart, if the bend diverged
        in training.
    """
    torus = material.torus
    start, end = material.networks[:2]
    geodesic = GeodesicPath(torus.spec, start, end, bias_in_norm=torus.bias_in_norm)
    curve = curve_along(geodesic, kind="polygonal", bends=1)
    dtype = precision(start)
    points = [stack([cast(point, dtype)]) for point in curve.points]
    chains = optimise_path(
        material.problem,
        curve.through(points),
        plan=material.plan,
        generators=[generator],
        torus=torus,
    )
    t = torch.linspace(0, 1, material.count, dtype=torch.float64)
    return cast(chains.path.pair(0)(t), dtype)


CHAIN = EnsembleKind(
    "chain",
    title="along a one-bend chain",
    members=chain_members,
    networks=2,
    aligned=True,
)
