r"""How many conservation laws gradient flow has, whether we can name them or not.

A function :math:`h` of the weights is conserved by gradient flow on every data set and under every
loss of the outputs :math:`f_k(x; \theta)` exactly if its gradient is orthogonal to all fields
:math:`\nabla_\theta f_k(x; \theta)`. It is constant along their flows, and so orthogonal to their
Lie brackets (:mod:`symgeom.dynamics.laws.lie_algebra`), to the brackets of those, and so on. With
:math:`\mathrm{Lie}` the span of all of these at a generic point, there are near it (theorem of
Frobenius)

.. math:: \#\{\text{independent laws}\} = D - \dim \mathrm{Lie}(\theta),
          \qquad D = \#\{\text{trainable weights}\}.

Every field is the gradient of a random sum of outputs, and a bracket of order :math:`k` is one of
such a field with a random bracket of order :math:`k - 1`. With probability one these span what all
fields would: an element that adds no dimension shows that its order adds none. Brackets are exact
up to rounding, so that the vectors that count stand clear of those that do not; both sides of the
gap are part of the result.

References
----------
Marcotte, Gribonval, Peyré, "Abide by the law and follow the flow" (2307.00144): the count. Differs
from the source: there the fields are the gradients of a reparametrisation found by hand; here those
of the outputs, which the network itself gives.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import jacrev

from symgeom.dynamics.charge import charges
from symgeom.dynamics.laws.lie_algebra import RandomFields
from symgeom.dynamics.laws.span import Span
from symgeom.ground.architecture import Architecture
from symgeom.ground.checks import SymgeomError, check_finite, check_samples
from symgeom.ground.doors import door
from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters, cast, ravel, unravel
from symgeom.ground.wrappers import unwrapped
from symgeom.symmetry.spec import SymmetrySpec

CONFIRMATIONS = 2
"""Elements in a row that must add no dimension before an order is taken to be exhausted."""


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
        if self.known is None:
            return None
        return self.laws - self.known


@door
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
    >>> network = nn.Sequential(nn.Linear(1, 2, bias=False), nn.Linear(2, 1, bias=False))
    >>> generator = torch.Generator().manual_seed(0)
    >>> inputs = torch.ones(1, 1)
    >>> count = count_laws(network, parameters(network), inputs=inputs, generator=generator)
    >>> count.laws, count.spanned
    (3, (1, 1))
    """
    Architecture.of(module).check(params)
    check_samples(inputs)
    weights = _weights(module, params)
    params = cast(params, torch.float64)
    if inputs.is_floating_point():
        inputs = inputs.to(torch.float64)

    def outputs(flat: Tensor) -> Tensor:
        return call_module(module, {**params, **unravel(flat, weights)}, inputs)

    fields = RandomFields(outputs, ravel(weights), generator)
    span = Span()
    spanned = _spanned(fields, span)
    if not span.dimension:
        raise SymgeomError(
            f"Cannot count the laws of {type(module).__name__}: no output changes with any weight "
            "at this point. Give other inputs, or weights at which some unit is active."
        )
    return LawCount(
        weights=len(fields.point),
        spanned=spanned,
        known=None if spec is None else _independent_charges(spec, params, weights),
        smallest_kept=span.smallest_kept,
        largest_dropped=span.largest_dropped,
    )


def _weights(module: nn.Module, params: Parameters) -> dict[str, Tensor]:
    """Return the trainable weights in float64, or raise if gradient flow cannot move them."""
    weights = {name: params[name] for name, _ in unwrapped(module).named_parameters()}
    for name, tensor in weights.items():
        if not tensor.is_floating_point():
            raise SymgeomError(
                f"Cannot count laws: tensor '{name}' is of {tensor.dtype}. Gradient flow needs "
                "real weights: cast it to a floating-point type."
            )
    check_finite(weights, "the network whose laws are counted")
    return cast(weights, torch.float64)


def _spanned(fields: RandomFields, span: Span) -> tuple[int, ...]:
    """Let the span grow to that of the Lie algebra; return its dimension after every order."""
    dimensions: list[int] = []
    largest = len(fields.point)
    grows = True
    while grows:
        before = span.dimension
        _exhaust(fields, span, order=len(dimensions))
        dimensions.append(span.dimension)
        grows = before < span.dimension < largest
    return tuple(dimensions)


def _exhaust(fields: RandomFields, span: Span, *, order: int) -> None:
    """Add elements of an order until they add no dimension any more."""
    missed = 0
    while missed < CONFIRMATIONS and span.dimension < len(fields.point):
        element, size = fields.element(order)
        if span.add(element, size):
            missed = 0
        else:
            missed += 1


def _independent_charges(spec: SymmetrySpec, params: Parameters, weights: Parameters) -> int:
    """Return how many charges have independent gradients."""
    if not charges(spec, params):
        return 0

    def all_charges(flat: Tensor) -> Tensor:
        by_group = charges(spec, {**params, **unravel(flat, weights)})
        return torch.cat([values.flatten() for values in by_group.values()])

    span = Span()
    for gradient in jacrev(all_charges)(ravel(weights)):
        span.add(gradient, torch.linalg.vector_norm(gradient))
    return span.dimension
