"""On how many samples a mixing of units can be exact."""

from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action.layers import surroundings
from symgeom.neighbours.action.passes import Observer, columns_of
from symgeom.symmetry.spec import SymmetrySpec, check_spec


@door
def exact_batch_size(spec: SymmetrySpec, problem: Problem, params: Parameters, name: str) -> int:
    """Return the largest batch on which :func:`data_dependent_action` is exact for a group.

    A layer above that reads the units at several positions (tokens, pixels) reads as many vectors
    of each sample; where the positions are flattened, it reads one longer vector.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape.
    params : Parameters
        One network.
    name : str
        The group.

    Returns
    -------
    int
        Samples; 0 if one is too many. A batch without full rank has to be smaller.

    Raises
    ------
    SymgeomError
        If the spec does not fit, or no linear layers lie around the units of the group.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> network = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))
    >>> tokens = torch.zeros(3, 2, 2)
    >>> problem = Problem(network, tokens, torch.zeros(3, 2).long())
    >>> exact_batch_size(discover(network, tokens), problem, parameters(network), "hidden1")
    2
    """
    check_spec(spec, params)
    around = surroundings(spec, problem.module, name)
    layers = {reader.layer for reader in around.readers}
    calls = Observer(problem.module, problem.inputs[:1]).calls(params, layers)
    sizes = []
    for reader in around.readers:
        length, positions = columns_of(reader, problem.module, calls[reader.layer]).shape
        sizes.append(length // positions)
    return min(sizes)
