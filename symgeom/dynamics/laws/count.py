r"""How many conservation laws gradient flow has, known ones or not.

A function :math:`h` of the weights is conserved by gradient flow on every data set and under every
loss of the outputs :math:`f_k(x; \theta)` exactly if its gradient is orthogonal to all fields
:math:`\nabla_\theta f_k(x; \theta)`. It is constant along their flows, and so orthogonal to their
Lie brackets

.. math:: [u, w](\theta) = Dw(\theta)\,u(\theta) - Du(\theta)\,w(\theta),

to the brackets of those, and so on. With :math:`\mathrm{Lie}` the span of all of these at a generic
point, there are near it (theorem of Frobenius)

.. math:: \#\{\text{independent laws}\} = D - \dim \mathrm{Lie}(\theta), \qquad D = \#\{\text{trainable weights}\}.

Every field is the gradient of a random sum of outputs, brackets are directional derivatives, and a
bracket of order :math:`k` is one of such a field with a random bracket of order :math:`k - 1`. With
probability one these span what all fields would: an element that adds no dimension shows that its
order adds none. Brackets are exact up to rounding, so that the vectors that count stand clear of
those that do not; both sides of the gap are part of the result.

References
----------
Marcotte, Gribonval, Peyré, "Abide by the law and follow the flow" (2307.00144): the count. Differs
from the source: there the fields are the gradients of a reparametrisation found by hand; here those
of the outputs, which the network itself gives.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, vjp

from symgeom.dynamics.charge import charges
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.types import Parameters, cast, ravel, unravel
from symgeom.symmetry.spec import SymmetrySpec

TOLERANCE = 1e-8
"""A vector adds a dimension if it leaves the span by more than this, of its size: between rounding and what is generic."""

CONFIRMATIONS = 2
"""Elements in a row that must add no dimension before an order is taken to be exhausted."""

Field = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LawCount:
    """Independent conservation laws of a network, near one point of its weight space.

    Attributes
    ----------
    weights : int
        Trainable weights.
    spanned : tuple of int
        Dimension of the span of the fields alone, with their brackets, with brackets of brackets,
        ...; the last entry is that of the Lie algebra.
    known : int or None
        Independent charges of the spec at this point; None if no spec was given.
    smallest_kept, largest_dropped : float
        How far, of its length (of a bracket: of its terms), a vector left the span of those before
        it: the least that added a dimension, and the most that did not. A count is sound if orders
        of magnitude lie between them.
    """

    weights: int
    spanned: tuple[int, ...]
    known: int | None
    smallest_kept: float
    largest_dropped: float

    @property
    def laws(self) -> int:
        """Number of independent laws."""
        return self.weights - self.spanned[-1]

    @property
    def surplus(self) -> int | None:
        """Number of laws that the charges of the spec do not explain; None if no spec was given."""
        return None if self.known is None else self.laws - self.known


def count_laws(
    module: nn.Module,
    params: Parameters,
    *,
    inputs: Tensor,
    generator: torch.Generator,
    spec: SymmetrySpec | None = None,
) -> LawCount:
    """Count the independent laws that gradient flow obeys whatever the loss of the outputs.

    The cost grows fast with the number of weights: a field costs one backward pass, a bracket of
    order k about 6**k of them, and as many are needed as there are dimensions. Meant for networks
    of up to a few hundred weights.

    Parameters
    ----------
    module : nn.Module
        The network, as it is evaluated; end it with a softmax to count the laws of losses that
        depend on probabilities only.
    params : Parameters
        A generic point of its weight space: at special ones (a zero weight) the count may differ.
        Cast to float64.
    inputs : Tensor, shape (sample, ...)
        The laws are those of data made of these samples: give enough of them that more would not
        change the count.
    generator : torch.Generator
        The source of the random sums.
    spec : SymmetrySpec or None
        Count the independent charges of this spec too.

    Returns
    -------
    LawCount
        The count, how it came about, and how clear it is.

    Raises
    ------
    SymgeomError
        If a weight is not real or not finite, or nothing depends on the weights.

    Examples
    --------
    Two linear layers of one unit each have more laws than their balance: all fields are parallel.

    >>> from symgeom.ground.types import parameters
    >>> network, generator = nn.Sequential(nn.Linear(1, 2, bias=False), nn.Linear(2, 1, bias=False)), torch.Generator()
    >>> count = count_laws(network, parameters(network), inputs=torch.ones(1, 1), generator=generator.manual_seed(0))
    >>> count.laws, count.spanned
    (3, (1, 1))
    """
    weights = _weights(module, params)
    params = cast(params, torch.float64)
    inputs = inputs.to(torch.float64) if inputs.is_floating_point() else inputs

    def outputs(flat: Tensor) -> Tensor:
        return functional_call(module, {**params, **unravel(flat, weights)}, (inputs,))

    fields = _Fields(outputs, ravel(weights), generator)
    span, spanned, size, grown = _Span(), [], len(fields.point), True
    while grown:
        missed, before = 0, len(span.basis)
        while missed < CONFIRMATIONS and len(span.basis) < size:
            missed = 0 if span.add(*fields.vector(len(spanned))) else missed + 1
        spanned.append(len(span.basis))
        grown = before < len(span.basis) < size
    if not span.basis:
        raise SymgeomError(
            f"Cannot count the laws of {type(module).__name__}: no output changes with any weight at this point. Give other "
            "inputs, or weights at which some unit is active."
        )
    known = None if spec is None else _independent_charges(spec, params, weights)
    return LawCount(size, tuple(spanned), known, span.smallest_kept, span.largest_dropped)


def _weights(module: nn.Module, params: Parameters) -> dict[str, Tensor]:
    """Return the trainable weights in float64, or raise if gradient flow cannot move them."""
    weights = {name: params[name] for name, _ in module.named_parameters()}
    for name, tensor in weights.items():
        if not tensor.is_floating_point():
            raise SymgeomError(
                f"Cannot count laws: tensor '{name}' is of {tensor.dtype}. Gradient flow needs real weights: cast it to a "
                "floating-point type."
            )
    check_finite(weights, "the network whose laws are counted")
    return cast(weights, torch.float64)


@dataclass(frozen=True, eq=False)
class _Fields:
    """Random fields of a network, and random elements of the Lie algebra that they generate."""

    outputs: Field
    point: Tensor
    generator: torch.Generator

    def vector(self, order: int) -> tuple[Tensor, Tensor]:
        """Return a random element at the point, and the size of the terms that it is the sum of."""
        if order == 0:
            return (vector := self._field()(self.point)), torch.linalg.vector_norm(vector)
        one, other = _terms(self._field(), self._element(order - 1), self.point)
        return one - other, torch.linalg.vector_norm(one) + torch.linalg.vector_norm(other)

    def _element(self, order: int) -> Field:
        return _bracket(self._field(), self._element(order - 1)) if order else self._field()

    def _field(self) -> Field:
        shape = self.outputs(self.point).shape
        share = torch.randn(shape, generator=self.generator, dtype=torch.float64)
        return grad(lambda flat: (share * self.outputs(flat)).sum())


def _bracket(first: Field, second: Field) -> Field:
    """Return the Lie bracket of two fields."""
    return lambda at: torch.sub(*_terms(first, second, at))


def _terms(first: Field, second: Field, at: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a Lie bracket is the difference of."""
    return _derivative(second, at, first(at)), _derivative(first, at, second(at))


def _derivative(function: Field, at: Tensor, direction: Tensor) -> Tensor:
    """Return the derivative of a field along a direction: the transpose of the transposed Jacobian, which is linear."""
    _, transposed = vjp(function, at)
    _, jacobian = vjp(lambda cotangent: transposed(cotangent)[0], torch.zeros_like(at))
    return jacobian(direction)[0]


def _independent_charges(spec: SymmetrySpec, params: Parameters, weights: Parameters) -> int:
    def all_charges(flat: Tensor) -> Tensor:
        return torch.cat(
            [
                values.flatten()
                for values in charges(spec, {**params, **unravel(flat, weights)}).values()
            ]
        )

    span = _Span()
    if not charges(spec, params):
        return 0
    for row in jacrev(all_charges)(ravel(weights)):
        span.add(row, torch.linalg.vector_norm(row))
    return len(span.basis)


@dataclass
class _Span:
    """An orthonormal basis that grows."""

    basis: list[Tensor] = field(default_factory=list)
    smallest_kept: float = 1.0
    largest_dropped: float = 0.0

    def add(self, vector: Tensor, size: Tensor) -> bool:
        """Add what a vector has outside the span; return whether that is more than rounding of terms of this size."""
        if size == 0:
            return False
        rest = vector / size
        for _ in range(2):  # once is not enough where little is left
            for known in self.basis:
                rest = rest - (known @ rest) * known
        outside = float(torch.linalg.vector_norm(rest))
        if outside <= TOLERANCE:
            self.largest_dropped = max(self.largest_dropped, outside)
            return False
        self.smallest_kept = min(self.smallest_kept, outside)
        self.basis.append(rest / outside)
        return True
