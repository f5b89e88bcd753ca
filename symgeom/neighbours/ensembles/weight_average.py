"""The mean of the weights of networks along one training (SWA): one network, no ensemble.

It stands beside ensembles, because it promises what they do at the inference cost of one network.
:class:`~symgeom.learning.visited.VisitedNetworks` keeps what training visits; the optimizer ``swa``
yields the mean itself.

References
----------
Izmailov et al., "Averaging weights leads to wider optima and better generalization" (1803.05407).
"""

import torch
from torch import Tensor

from symgeom.ground.types import stack
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial


def averaged_member(material: EnsembleMaterial, _: torch.Generator) -> dict[str, Tensor]:
    """Return the mean of the first networks, as the only member.

    Parameters
    ----------
    material : EnsembleMaterial
        As many networks of one training as members are asked for.

    Returns
    -------
    dict of str to Tensor
        One stacked network; integer buffers are those of the first.
    """
    networks = stack(material.networks[: material.count])
    mean = {}
    for name, tensor in networks.items():
        mean[name] = tensor[:1]
        if tensor.is_floating_point():
            mean[name] = tensor.double().mean(0, keepdim=True).to(tensor.dtype)
    return mean


WEIGHT_AVERAGE = EnsembleKind(
    "swa",
    title="mean of weights along training",
    members=averaged_member,
    networks=0,
    one_network=True,
    of_training=True,
)
