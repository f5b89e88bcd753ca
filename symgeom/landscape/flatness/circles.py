r"""Great circles through a network: every unit turns by one angle, in a direction of its own.

.. math:: u_k(t) = |u_k| \big(\cos t\; \hat u_k + \sin t\; \hat v_k\big), \qquad
          \hat v_k \perp \hat u_k,

the head included where the spec has it, so that :math:`t` is the root-mean-square angle between the
networks. Units of length zero (dropped ones) and of one coordinate have no great circle and stay,
as do tensors on no sphere. The network is its canonical representative, and geometry is in float64.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, cast, ravel, unravel
from symgeom.landscape.flatness.hessian import trainable
from symgeom.landscape.flatness.parts import on_the_torus, sphere_indices
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus
from symgeom.symmetry.sphere import normalise


@dataclass(frozen=True, eq=False)
class GreatCircles:
    """The great circles through one network.

    Attributes
    ----------
    params : Parameters
        The canonical representative, in the precision of the network.
    weights : Parameters
        Its trainable tensors, in float64.
    spheres : list of Tensor of int64, shape (size, d)
        Where the coordinates of the units of each group stand in the raveled weights.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> head = UnitGroup("head", 1, (Leg("weight", 0, block=2),), permute=False, exact_for="error")
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> network = {"weight": torch.tensor([[0.0], [2.0]])}
    >>> circles = GreatCircles.around(problem, network, Torus(SymmetrySpec((head,))))
    >>> circles.turned(torch.tensor([2.0, 0.0]), math.pi / 6)["weight"].flatten()
    tensor([1.0000, 1.7321])
    """

    params: Parameters
    weights: Parameters
    spheres: list[Tensor]

    @classmethod
    def around(cls, problem: Problem, params: Parameters, torus: Torus) -> "GreatCircles":
        """Prepare the great circles through a network.

        Parameters
        ----------
        problem : Problem
            It tells weights that train from buffers and frozen weights, which stay.
        params : Parameters
            One network without NaN or infinity; not modified.
        torus : Torus
            The architecture and its spheres.

        Returns
        -------
        GreatCircles
            Those through its canonical representative.
        """
        network = on_the_torus(torus.spec, params, bias_in_norm=torus.bias_in_norm)
        names = trainable(problem, params)
        weights = {name: network[name] for name in names}
        indices = sphere_indices(torus.spec, network, names, bias_in_norm=torus.bias_in_norm)
        spheres = [index for index in indices.values() if index.shape[1] > 1]
        rounded = {name: tensor.to(params[name].dtype) for name, tensor in network.items()}
        return cls(rounded, cast(weights, torch.float64), spheres)

    def direction(self, generator: torch.Generator) -> Tensor:
        """Draw a direction for every unit, uniformly among those orthogonal to it.

        Parameters
        ----------
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        Tensor, shape (weight,)
            A raveled network of tangents, each as long as its unit; zero where nothing turns.
        """
        centre = ravel(self.weights)
        tangents = torch.zeros_like(centre)
        for index in self.spheres:
            units = centre[index]
            z = torch.randn(units.shape, generator=generator, dtype=torch.float64).to(units)
            directions = normalise(units)
            across = z - (z * directions).sum(1, keepdim=True) * directions
            lengths = torch.linalg.vector_norm(units, dim=1, keepdim=True)
            tangents[index] = lengths * normalise(across)
        return tangents

    def turned(self, tangents: Tensor, angle: float) -> dict[str, Tensor]:
        """Return the network whose units have turned.

        Parameters
        ----------
        tangents : Tensor, shape (weight,)
            As :meth:`direction` returns them.
        angle : float
            By how much, in radians.

        Returns
        -------
        dict of str to Tensor
            In the precision of the network.
        """
        still, moving = self._parts
        moved = torch.add(still, moving, alpha=math.cos(angle))
        moved.add_(tangents, alpha=math.sin(angle))
        precision = self.params[next(iter(self.weights))].dtype
        return {**self.params, **unravel(moved.to(precision), self.weights)}

    @cached_property
    def _parts(self) -> tuple[Tensor, Tensor]:
        """The raveled weights that stay, and those that move; each zero where the other is not."""
        centre = ravel(self.weights)
        moving = torch.zeros_like(centre)
        for index in self.spheres:
            moving[index] = centre[index]
        return centre - moving, moving
