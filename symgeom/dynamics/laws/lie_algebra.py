r"""Random vector fields of a network, and random elements of the Lie algebra that they generate.

A field is the gradient of a random sum of the outputs. The Lie bracket of two fields,

.. math:: [u, w](\theta) = Dw(\theta)\,u(\theta) - Du(\theta)\,w(\theta),

is the difference of two directional derivatives, exact up to rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, vjp

from symgeom.ground.attention import twice_differentiable

Field = Callable[[Tensor], Tensor]
"""From a point of the weight space, as a flat vector, to a vector there."""


@dataclass(frozen=True, eq=False)
class RandomFields:
    """Random fields of a network at a point.

    Attributes
    ----------
    outputs : callable
        The outputs of the network as a function of its flat weights.
    point : Tensor of float64, shape (weight,)
        The flat weights.
    generator : torch.Generator
        The source of the random sums.
    """

    outputs: Field
    point: Tensor
    generator: torch.Generator

    def element(self, order: int) -> tuple[Tensor, Tensor]:
        """Return a random element of the Lie algebra at the point.

        Parameters
        ----------
        order : int
            0 for a field, 1 for a bracket of two fields, 2 for one of a field with a bracket, ...

        Returns
        -------
        element : Tensor, shape (weight,)
            The element.
        size : Tensor, shape ()
            Size of the terms that it is the sum of.
        """
        if order == 0:
            vector = self._field()(self.point)
            return vector, torch.linalg.vector_norm(vector)
        first = self._field()
        second = self._field_of_order(order - 1)
        term, subtracted = _bracket_terms(first, second, self.point)
        size = torch.linalg.vector_norm(term) + torch.linalg.vector_norm(subtracted)
        return term - subtracted, size

    def _field_of_order(self, order: int) -> Field:
        """Return a random element of an order as a function of the point."""
        first = self._field()
        if order == 0:
            return first
        return _bracket(first, self._field_of_order(order - 1))

    def _field(self) -> Field:
        """Return the gradient of a random sum of the outputs."""
        shape = self.outputs(self.point).shape
        shares = torch.randn(shape, generator=self.generator, dtype=torch.float64)

        def total(point: Tensor) -> Tensor:
            with twice_differentiable():
                outputs = self.outputs(point)
            return (shares * outputs).sum()

        return grad(total)


def _bracket(first: Field, second: Field) -> Field:
    """Return the Lie bracket of two fields."""

    def field(point: Tensor) -> Tensor:
        term, subtracted = _bracket_terms(first, second, point)
        return torch.sub(term, subtracted)

    return field


def _bracket_terms(first: Field, second: Field, point: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a Lie bracket is the difference of."""
    term = _derivative(second, point, first(point))
    subtracted = _derivative(first, point, second(point))
    return term, subtracted


def _derivative(field: Field, point: Tensor, direction: Tensor) -> Tensor:
    """Return the derivative of a field along a direction."""
    # The transposed Jacobian is linear; a backward pass through it gives the Jacobian.
    transposed = vjp(field, point)[1]
    jacobian = vjp(lambda cotangent: transposed(cotangent)[0], torch.zeros_like(point))[1]
    return jacobian(direction)[0]
