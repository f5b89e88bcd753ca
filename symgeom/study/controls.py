"""Control networks: as a trained network, without the structure that training gave it.

Alignment selects matching units and so shortens the distance of any two networks. How much a
distance means is said by controls: one of them takes the place of the second network of a pair and
is aligned to the first with the same effort. What training shares out among the inputs of a unit is
hard to tell from chance if the control has the same lengths and the same weights, in another order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.quotient.torus import Torus, sphere_coordinates, with_sphere_coordinates

Shuffle = Callable[[Tensor, torch.Generator], Tensor]
"""From the incoming weights of all units of a group, (unit, d), to those of the control."""


@dataclass(frozen=True)
class Control:
    """A kind of control network.

    Attributes
    ----------
    title : str
        What it is, in words.
    network : callable
        From the torus, a canonical network and a generator to the control, in float64.
    """

    title: str
    network: Callable[[Torus, Parameters, torch.Generator], dict[str, Tensor]]


def shuffled_signs(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Shuffle the signs among the weights of every unit.

    Parameters
    ----------
    weights : Tensor, shape (unit, d)
        The incoming weights of the units.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor, shape (unit, d)
        Weights of the same sizes, and as many positive ones in every unit.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> shuffled_signs(torch.tensor([[1.0, 2.0, -3.0]]), generator).abs()
    tensor([[1., 2., 3.]])
    """
    order = torch.rand(weights.shape, generator=generator).argsort(dim=1)
    return weights.abs() * weights.sign().gather(1, order)


def shuffled_columns(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Shuffle the inputs of a group, in one order for all its units.

    Parameters
    ----------
    weights : Tensor, shape (unit, d)
        The incoming weights of the units.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor, shape (unit, d)
        The same columns in another order: every unit keeps its weights, every two units their
        angle.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> shuffled_columns(torch.tensor([[1.0, 2.0, -3.0]]), generator).sort().values
    tensor([[-3.,  1.,  2.]])
    """
    order = torch.randperm(weights.shape[1], generator=generator)
    return weights[:, order]


def shuffled(shuffle: Shuffle) -> Callable[[Torus, Parameters, torch.Generator], dict[str, Tensor]]:
    """Return what makes a control by shuffling the weights of every group.

    Parameters
    ----------
    shuffle : callable
        What is done to the weights of a group.

    Returns
    -------
    callable
        From the torus, a canonical network and a generator to the control.
    """

    def network(torus: Torus, params: Parameters, generator: torch.Generator) -> dict[str, Tensor]:
        bias_in_norm = torus.bias_in_norm
        points = {}
        coordinates = sphere_coordinates(torus.spec, params, bias_in_norm=bias_in_norm)
        for name in list(coordinates):
            points[name] = shuffle(coordinates.pop(name), generator)
        return with_sphere_coordinates(torus.spec, params, points, bias_in_norm=bias_in_norm)

    return network


def random_network(
    torus: Torus, params: Parameters, generator: torch.Generator
) -> dict[str, Tensor]:
    """Draw a network uniformly on the torus.

    Parameters
    ----------
    torus : Torus
        The torus.
    params : Parameters
        A network of the architecture, which supplies the tensors that lie on no sphere.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    dict of str to Tensor
        The control.
    """
    return torus.random_point(params, generator=generator)


CONTROLS: Mapping[str, Control] = {
    "random": Control("random networks", random_network),
    "signs": Control("shuffled signs", shuffled(shuffled_signs)),
    "columns": Control("shuffled inputs", shuffled(shuffled_columns)),
}
"""All kinds of control, by name, the easiest first."""
