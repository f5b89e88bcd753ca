r"""Leading eigenpairs of a symmetric operator that is known by its products with vectors, each with its residual.

The Rayleigh-Ritz method on a growing orthonormal basis :math:`V`: of the eigenpairs
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
from dataclasses import dataclass

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""From a vector of shape ``(parameter,)`` to its image."""

BASIS = 4
"""Vectors in the basis beyond twice the eigenpairs asked for, before convergence is believed and after a restart."""

INVARIANT = 1e-12
"""Residuals below this share of the largest eigenvalue are rounding: the basis spans an invariant space."""

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
    >>> found = leading_eigenpairs(lambda v: weights * v, start, count=2, stop=stop, generator=torch.Generator())
    >>> [round(float(value), 9) for value in found.values]
    [3.0, 2.0]
    """
    size = start.shape[1]
    kept = min(size, 2 * count + BASIS)
    space = _Space.empty(min(size, 2 * kept), start)
    waiting, used = list(start), 0
    while True:
        image, used = space.add(waiting.pop(0) if waiting else None, product, generator), used + 1
        if not image.isfinite().all():
            values, vectors = (
                start.new_full((count,), torch.nan),
                start.new_full((count, size), torch.nan),
            )
            return Eigenpairs(values, vectors, values, used, False)
        if waiting:
            continue
        if space.filled < min(stop.least, size) and used < stop.products:
            waiting = [image]
            continue
        values, vectors, residuals = space.ritz(count)
        lengths = torch.linalg.vector_norm(residuals, dim=1)
        unit = values.abs().amax()
        converged = len(values) == count and bool((lengths <= stop.tolerance * unit).all())
        if converged or space.filled == size or used >= stop.products:
            return Eigenpairs(values, vectors, lengths, used, converged)
        if lengths.amax() > INVARIANT * unit:
            waiting = [residuals[lengths.argmax()]]
        if space.filled == len(space.basis):
            space.restart(kept)


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
        return cls(
            like.new_empty(most, like.shape[1]),
            like.new_empty(most, like.shape[1]),
            like.new_zeros(most, most),
            0,
        )

    def add(self, vector: Tensor | None, product: Product, generator: torch.Generator) -> Tensor:
        """Add a direction, a random one if none is given or nothing is left of it, and return its image."""
        place, basis = self.filled, self.basis[: self.filled]
        direction = None if vector is None else _outside(basis, vector)
        while direction is None:
            noise = torch.randn(self.basis.shape[1], generator=generator, dtype=torch.float64)
            direction = _outside(basis, noise.to(self.basis))
        self.basis[place], self.images[place] = direction, product(direction)
        self.filled += 1
        self.within[place, : place + 1] = self.basis[: place + 1] @ self.images[place]
        self.within[:place, place] = self.within[place, :place]
        return self.images[place]

    def ritz(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the leading Ritz values, their vectors and the residual vectors."""
        values, coefficients = torch.linalg.eigh(self.within[: self.filled, : self.filled])
        values, coefficients = values.flip(0)[:count], coefficients.flip(1)[:, :count].T
        vectors, images = (
            coefficients @ self.basis[: self.filled],
            coefficients @ self.images[: self.filled],
        )
        return values, vectors, images - values[:, None] * vectors

    def restart(self, kept: int) -> None:
        """Keep the leading Ritz vectors only."""
        values, vectors, residuals = self.ritz(kept)
        self.basis[:kept], self.images[:kept] = vectors, residuals + values[:, None] * vectors
        self.within[:kept, :kept], self.filled = torch.diag(values), kept


def _outside(basis: Tensor, vector: Tensor) -> Tensor | None:
    """Return the unit vector along the part of a vector outside a space; None if only rounding is left of it."""
    vector = vector / torch.linalg.vector_norm(vector)
    for _ in range(
        2
    ):  # once more, because the first leaves rounding in proportion to what it removes
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
    >>> found = refined_eigenpairs(operator, start, count=1, tolerance=1e-9, generator=torch.Generator())
    >>> round(float(found.values), 9), found.converged
    (3.0, True)
    """
    size = len(start)
    least = min(size, 2 * count + BASIS)
    single, double = operator(torch.float32), operator(torch.float64)
    search = Stop(tolerance / 2, 2 * least, least)
    guess = leading_eigenpairs(
        lambda vector: single(vector.float()).double(),
        start[None],
        count=count,
        stop=search,
        generator=generator,
    )
    finite = bool(guess.residuals.isfinite().all())
    begin, least = (guess.vectors, count) if finite else (start[None], least)
    stop = Stop(tolerance, BUDGET * count, least)
    found = leading_eigenpairs(double, begin, count=count, stop=stop, generator=generator)
    return Eigenpairs(
        found.values,
        found.vectors,
        found.residuals,
        guess.products + found.products,
        found.converged,
    )
