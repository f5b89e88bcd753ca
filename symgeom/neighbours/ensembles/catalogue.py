"""All kinds of ensembles.

The first imports are the list: a kind joins by one line among them.
"""

# In the order of tables.
# isort: off
from symgeom.neighbours.ensembles.orbit import ORBIT as ORBIT
from symgeom.neighbours.ensembles.linear_orbit import LINEAR_ORBIT as LINEAR_ORBIT
from symgeom.neighbours.ensembles.along_geodesic import GEODESIC as GEODESIC
from symgeom.neighbours.ensembles.along_chain import CHAIN as CHAIN
from symgeom.neighbours.ensembles.in_simplex import SIMPLEX as SIMPLEX
from symgeom.neighbours.ensembles.independent import INDEPENDENT as INDEPENDENT
from symgeom.neighbours.ensembles.by_inverse import INVERSE as INVERSE
from symgeom.neighbours.ensembles.by_shuffling import SHUFFLED as SHUFFLED
from symgeom.neighbours.ensembles.by_permutation import PERMUTATION as PERMUTATION
from symgeom.neighbours.ensembles.perturbation import PERTURBATION as PERTURBATION
# isort: on

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import door
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.neighbours.ensembles.portions import shared_tensors

_LISTED = dict(globals()).values()
KINDS = {value.name: value for value in _LISTED if isinstance(value, EnsembleKind)}


@door
def ensemble_members(
    kind: str, material: EnsembleMaterial, *, generator: torch.Generator
) -> dict[str, Tensor]:
    """Make the members of an ensemble.

    Parameters
    ----------
    kind : str
        The name of a kind: "orbit", "linear_orbit", "geodesic", "independent", ...
    material : EnsembleMaterial
        What they are made of.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    dict of str to Tensor
        Stacked members: every tensor with a leading axis. Of a tensor that all of them have in
        common there is one copy (a view with stride 0): write on none of them in place.

    Raises
    ------
    SymgeomError
        If the kind is unknown, or needs more networks than there are.

    Examples
    --------
    >>> from symgeom.landscape.problem import Problem
    >>> from symgeom.quotient.torus import Torus
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> problem = Problem(network, torch.eye(2), torch.tensor([0, 1]))
    >>> torus = Torus(discover(network, torch.eye(2)))
    >>> material = EnsembleMaterial(torus, problem, [parameters(network)], count=5)
    >>> generator = torch.Generator().manual_seed(0)
    >>> members = ensemble_members("linear_orbit", material, generator=generator)
    >>> members["0.weight"].shape
    torch.Size([5, 3, 2])
    """
    check_choice(kind, KINDS, "kind of ensemble")
    maker = KINDS[kind]
    needed = maker.networks_needed(material.count)
    if len(material.networks) < needed:
        aligned = "canonical and aligned to the first" if maker.aligned else "as trained"
        raise SymgeomError(
            f"Cannot make an ensemble '{kind}' of {material.count} members from "
            f"{len(material.networks)} networks: it needs {needed}, {aligned}. Give more networks, "
            "or ask for another kind."
        )
    members = maker.members(material, generator)
    for name in shared_tensors(members):
        one_copy = members[name][:1].clone()
        members[name] = one_copy.expand_as(members[name])
    return members
