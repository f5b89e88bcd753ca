r"""A control of the orbit: random displacements that are as large as its own.

The source replaces :math:`\pi` by the identity plus a matrix of random numbers of the size of the
scale; here the lengths are those of the orbit, tensor by tensor, so that nothing but the direction
differs.
"""

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.neighbours.ensembles.orbit import orbit_members


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


def perturbed_members(material: EnsembleMaterial, generator: torch.Generator) -> dict[str, Tensor]:
    """Return random networks as far from the single network as the members of its orbit are.

    Parameters
    ----------
    material : EnsembleMaterial
        One network.
    generator : torch.Generator
        The source of the orbit, and then of the directions.

    Returns
    -------
    dict of str to Tensor
        Stacked members.
    """
    members = orbit_members(material, generator)
    return random_displacements(material.network, members, generator=generator)


PERTURBATION = EnsembleKind(
    "perturbation",
    title="random displacements",
    members=perturbed_members,
    control=True,
)
