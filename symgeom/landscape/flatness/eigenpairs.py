r"""Leading eigenpairs of a symmetric operator that is known by its products with vectors.

This is the Rayleigh-Ritz method on a growing orthonormal basis :math:`V`: of the eigenpairs
:math:`(\lambda, s)` of :math:`V^T H V`, the Ritz pairs :math:`(\lambda, y = Vs)` with the largest
values are kept, and the basis grows by the largest of their residuals

.. math:: r = H y - \lambda y .

From one start vector all residuals are parallel and the basis spans a Krylov space: this is Lanczos
iteration with full reorthogonalisation. A basis that is full restarts with its best Ritz vectors.
Because the images :math:`HV` are kept, residuals are always explicit, and any vectors will do to
start: :func:`refined_eigenpairs` searches with products in single precision, which cost half, and
then takes those in double precision for the vectors found. Their eigenvalues are good to the square
of the residuals, whatever the rounding of the search.

An eigenvalue as large as another one of the same space is found only once the basis spans that
space; a basis of fewer than ``2 count + BASIS`` vectors is therefore never taken to be enough.

References
----------
Wu and Simon, "Thick-restart Lanczos method for large symmetric eigenvalue problems" (SIAM J. Matrix
Anal. Appl. 22, 2000). Differs from the source: images are kept beside the basis, so that the start
may be several vectors. Parlett, "The symmetric eigenvalue problem" (SIAM, 1998), section 4.5 (an
eigenvalue lies within the residual) and theorem 11.7.1 (its square).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""From a vector of shape ``(parameter,)`` to its image."""

BASIS = 4
"""Vectors in the basis beyond twice the eigenpairs asked for.

So many are needed before convergence is believed, and so many stay after a restart.
"""

INVARIANT = 1e-12
"""Residuals below this share of the largest eigenvalue are rounding.

The basis then spans an invariant space.
"""

PROJECTIONS = 2
"""How often a vector is made orthogonal to a space: once leaves the rounding of what it removes."""

BUDGET = 100
"""Products per eigenpair after which the iteration stops without having converged."""


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Ritz pairs of an operator.

    Attributes
    ----------
    values : Tensor, shape (eigenvalue,)
        Descending, in float64.
    vectors : Tensor, shape (eigenvalue, parameter)
        Orthonormal.
    residuals : Tensor, shape (eigenvalue,)
        ``|H y - value y|``; a true eigenvalue lies within it.
    products : int
        Products with the operator that were taken.
    converged : bool
        Whether all residuals are within the tolerance, relative to the value of largest size.
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor
    products: int
    converged: bool


@dataclass(frozen=True)
class Stop:
    """When to stop.

    Attributes
    ----------
    tolerance : float
        Largest residual, relative to the value of largest size.
    products : int
        Products after which the iteration stops without having converged.
    least : int
        Vectors in the basis before which convergence is not believed.
    """

    tolerance: float
    products: int
    least: int


def leading_eigenpairs(
    product: Product, start: Tensor, *, count: int, stop: Stop, generator: torch.Generator
) -> Eigenpairs:
    """Find the eigenpairs of an operator with the algebraically largest values.

    Parameters
    ----------
    product : callable
        The symmetric operator.
    start : Tensor of float64, shape (vector, parameter)
        Independent vectors; one, or guesses of the eigenvectors.
    count : int
        How many eigenpairs, at most as many as there are parameters.
    stop : Stop
        When to stop.
    generator : torch.Generator
        The source of new directions where the basis spans an invariant space.

    Returns
    -------
    Eigenpairs
        NaN, not converged, if a product is not finite.

    Examples
    --------
    >>> weights = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)
    >>> start = torch.ones(1, 3, dtype=torch.float64)
    >>> stop = Stop(tolerance=1e-9, products=10, least=3)
    >>> options = {"count": 2, "stop": stop, "generator": torch.Generator()}
    >>> pairs = leading_eigenpairs(lambda v: weights * v, start, **options)
    >>> [round(float(value), 9) for value in pairs.values]
    [3.0, 2.0]
    """
    size = start.shape[1]
    after_restart = min(size, 2 * count + BASIS)
    space = _Space.empty(min(size, 2 * after_restart), start)
    waiting = list(start)
    products = 0
    while True:
        direction = waiting.pop(0) if waiting else None
        image = space.add(direction, product, generator)
        products += 1
        if not image.isfinite().all():
            return _diverged(start, count, products)
        if waiting:
            continue
        if space.filled < min(stop.least, size) and products < stop.products:
            waiting = [image]
            continue
        values, vectors, residuals = space.ritz(count)
        lengths = torch.linalg.vector_norm(residuals, dim=1)
        unit = values.abs().amax()
        converged = len(values) == count and bool((lengths <= stop.tolerance * unit).all())
        if converged or space.filled == size or products >= stop.products:
            return Eigenpairs(values, vectors, lengths, products, converged)
        if lengths.amax() > INVARIANT * unit:
            waiting = [residuals[lengths.argmax()]]
        if space.filled == len(space.basis):
            space.restart(after_restart)


def _diverged(like: Tensor, count: int, products: int) -> Eigenpairs:
    """Return the record of an iteration that met NaN or infinity."""
    values = like.new_full((count,), torch.nan)
    vectors = like.new_full((count, like.shape[1]), torch.nan)
    return Eigenpairs(values, vectors, values, products, False)


@dataclass(eq=False)
class _Space:
    """An orthonormal basis, its images, and the operator within it."""

    basis: Tensor
    images: Tensor
    within: Tensor
    filled: int

    @classmethod
    def empty(cls, most: int, like: Tensor) -> "_Space":
        """Return a space of no dimension, with room for ``most``."""
        size = like.shape[1]
        basis = like.new_empty(most, size)
        images = like.new_empty(most, size)
        return cls(basis, images, within=like.new_zeros(most, most), filled=0)

    def add(self, vector: Tensor | None, product: Product, generator: torch.Generator) -> Tensor:
        """Add the new direction of a vector, or a random one if there is none; return its image."""
        last = self.filled
        basis = self.basis[:last]
        direction = None if vector is None else _outside(basis, vector)
        while direction is None:
            noise = torch.randn(self.basis.shape[1], generator=generator, dtype=torch.float64)
            direction = _outside(basis, noise.to(self.basis))
        self.basis[last] = direction
        self.images[last] = product(direction)
        self.filled += 1
        self.within[last, : last + 1] = self.basis[: last + 1] @ self.images[last]
        self.within[:last, last] = self.within[last, :last]
        return self.images[last]

    def ritz(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the leading Ritz values, their vectors and the residual vectors."""
        ascending, columns = torch.linalg.eigh(self.within[: self.filled, : self.filled])
        values = ascending.flip(0)[:count]
        coefficients = columns.flip(1)[:, :count].T
        vectors = coefficients @ self.basis[: self.filled]
        images = coefficients @ self.images[: self.filled]
        return values, vectors, images - values[:, None] * vectors

    def restart(self, count: int) -> None:
        """Keep some leading Ritz vectors only."""
        values, vectors, residuals = self.ritz(count)
        self.basis[:count] = vectors
        self.images[:count] = residuals + values[:, None] * vectors
        self.within[:count, :count] = torch.diag(values)
        self.filled = count


def _outside(basis: Tensor, vector: Tensor) -> Tensor | None:
    """Return the direction of a vector outside a space; None if only rounding is left of it."""
    vector = vector / torch.linalg.vector_norm(vector)
    for _ in range(PROJECTIONS):
        vector = vector - basis.T @ (basis @ vector)
        length = torch.linalg.vector_norm(vector)
        if not length > INVARIANT:
            return None
        vector = vector / length
    return vector


def refined_eigenpairs(
    operator: Callable[[torch.dtype], Product],
    start: Tensor,
    *,
    count: int,
    tolerance: float,
    generator: torch.Generator,
) -> Eigenpairs:
    """Find leading eigenpairs in double precision, after a search in single precision.

    Parameters
    ----------
    operator : callable
        From a precision to products in it, which take vectors of that precision.
    start : Tensor of float64, shape (parameter,)
        A random vector.
    count : int
        How many eigenpairs, at most as many as there are parameters.
    tolerance : float
        Largest residual, relative to the value of largest size.
    generator : torch.Generator
        The source of new directions where the basis spans an invariant space.

    Returns
    -------
    Eigenpairs
        Residuals are in double precision; products of both precisions are counted.

    Examples
    --------
    >>> def operator(dtype):
    ...     return lambda v: torch.tensor([3.0, 1.0, 2.0], dtype=dtype) * v
    >>> start = torch.ones(3, dtype=torch.float64)
    >>> options = {"count": 1, "tolerance": 1e-9, "generator": torch.Generator()}
    >>> pairs = refined_eigenpairs(operator, start, **options)
    >>> round(float(pairs.values), 9), pairs.converged
    (3.0, True)
    """
    single = operator(torch.float32)
    double = operator(torch.float64)
    start = start[None]
    least = min(start.shape[1], 2 * count + BASIS)
    search = Stop(tolerance / 2, products=2 * least, least=least)
    guess = leading_eigenpairs(
        lambda vector: single(vector.float()).double(),
        start,
        count=count,
        stop=search,
        generator=generator,
    )
    if guess.residuals.isfinite().all():
        start = guess.vectors
        least = count
    stop = Stop(tolerance, products=BUDGET * count, least=least)
    pairs = leading_eigenpairs(double, start, count=count, stop=stop, generator=generator)
    return replace(pairs, products=guess.products + pairs.products)
