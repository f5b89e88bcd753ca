"""Random directions of given lengths: what a displacement does that knows nothing of symmetry."""

import torch
from torch import Tensor

from symgeom.ground.types import Parameters


def random_displacements(
    network: Parameters, members: Parameters, *, generator: torch.Generator
) -> dict[str, Tensor]:
    """Displace a network in random directions, as far as some members are from it.

    Parameters
    ----------
    network : Parameters
        One network.
    members : Parameters
        Stacked networks.
    generator : torch.Generator
        The source of the directions: uniform on the sphere of every tensor.

    Returns
    -------
    dict of str to Tensor
        Stacked networks: every tensor of every one as far from that of ``network`` as that of the
        member is. What members have in common with the network stays as it is.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> members = {"w": torch.tensor([[3.0, 4.0]])}
    >>> moved = random_displacements({"w": torch.zeros(2)}, members, generator=generator)
    >>> round(float(moved["w"].norm()), 6)
    5.0
    """
    displaced = dict(members)
    for name, tensor in members.items():
        if not tensor.is_floating_point():
            continue
        distance = (tensor - network[name]).double().flatten(1).norm(dim=1)
        if not distance.any():
            continue
        noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64).flatten(1)
        factor = distance / noise.norm(dim=1)
        displacement = (noise * factor.unsqueeze(1)).reshape(tensor.shape)
        displaced[name] = (network[name].double() + displacement).to(tensor.dtype)
    return displaced
