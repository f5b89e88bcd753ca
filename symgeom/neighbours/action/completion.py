r"""Complete a few vectors to a basis of their space.

Householder reflections bring the columns of :math:`z` (d, k) to triangular form, :math:`z = Q_{:k}
T` with :math:`Q = H_1 \cdots H_k`, and the basis is

.. math:: R_z = Q \begin{pmatrix} T & \\ & s \end{pmatrix}, \qquad s = |z|_F / \sqrt k ,

whose first :math:`k` columns are :math:`z`. Of one vector :math:`R_z` is :math:`|z|` times an
orthogonal matrix. The added columns have a length between the singular values of :math:`z`, so that
:math:`R_z` is as well conditioned as :math:`z` is.

For whatever choice of :math:`R`, :math:`c(g, z) = R_{\sigma(gz)} R_{\sigma(z)}^{-1}` is a cocycle,
:math:`c(g_1 g_2, z) = c(g_1, g_2 z)\, c(g_2, z)`, and one at the identity.

References
----------
Zhao et al. (2210.17216) for one vector, in spherical coordinates. Differs from the source: its code
takes all angles from arccos and loses the sign of the last coordinate; each reflection here has one
sign for all vectors, so that the basis of one vector jumps on a ray only.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from symgeom.ground.checks import SymgeomError, check_finite, check_real
from symgeom.ground.doors import door


@dataclass(frozen=True, eq=False)
class Completion:
    """The basis :math:`R_z` that some vectors begin, as reflections and a triangle.

    Attributes
    ----------
    reflectors : Tensor, shape (d, k)
        Unit normals of the reflections, or zero where nothing is reflected.
    triangle : Tensor, shape (k, k)
        The vectors after the reflections.
    length : Tensor, shape ()
        The length of the vectors that were added.
    """

    reflectors: Tensor
    triangle: Tensor
    length: Tensor

    def condition(self) -> float:
        """Return the condition number of the basis.

        Returns
        -------
        float
            Infinity if the vectors are dependent.
        """
        return condition_of(self.triangle)

    def is_basis(self) -> bool:
        """Return whether the vectors are independent, to rounding.

        Returns
        -------
        bool
            False if no matrix has these columns and an inverse.
        """
        rounding = torch.finfo(self.triangle.dtype).eps * len(self.reflectors)
        return self.condition() * rounding < 1

    def times(self, rows: Tensor) -> Tensor:
        """Multiply by the basis from the right.

        Parameters
        ----------
        rows : Tensor, shape (row, d)
            What to multiply.

        Returns
        -------
        Tensor, shape (row, d)
            The product :math:`x R_z`.
        """
        count = len(self.triangle)
        for normal in self.reflectors.T:
            rows = _reflected(rows, normal)
        begun = rows[:, :count] @ self.triangle
        added = rows[:, count:] * self.length
        return torch.cat([begun, added], 1)

    def divide(self, rows: Tensor) -> Tensor:
        """Multiply by the inverse of the basis from the right.

        Parameters
        ----------
        rows : Tensor, shape (row, d)
            What to divide.

        Returns
        -------
        Tensor, shape (row, d)
            The quotient :math:`x R_z^{-1}`.
        """
        count = len(self.triangle)
        solve = torch.linalg.solve_triangular
        begun = solve(self.triangle, rows[:, :count], upper=True, left=False)
        added = rows[:, count:] / self.length
        quotient = torch.cat([begun, added], 1)
        for normal in self.reflectors.T.flip(0):
            quotient = _reflected(quotient, normal)
        return quotient


def complete(vectors: Tensor) -> Completion:
    """Complete vectors to a basis.

    Parameters
    ----------
    vectors : Tensor, shape (d, k)
        At most ``d`` columns.

    Returns
    -------
    Completion
        A basis if the vectors are independent.

    Examples
    --------
    >>> complete(torch.tensor([[3.0], [-4.0]])).condition()
    1.0
    """
    count = vectors.shape[1]
    left = vectors
    normals = []
    rows = []
    for step in range(count):
        normal = _normal(left[:, 0])
        left = _reflected(left.T, normal).T
        normals.append(pad(normal, (step, 0)))
        rows.append(pad(left[0], (step, 0)))
        left = left[1:, 1:]
    triangle = torch.stack(rows)
    length = torch.linalg.matrix_norm(vectors) / math.sqrt(count)
    return Completion(torch.stack(normals, 1), triangle, length)


@door
def completed(vectors: Tensor) -> Tensor:
    """Return an invertible matrix that begins with some vectors.

    Parameters
    ----------
    vectors : Tensor, shape (d,) or (d, k)
        One vector, or independent columns.

    Returns
    -------
    Tensor, shape (d, d)
        Of one vector, its length times an orthogonal matrix; else as well conditioned as the
        vectors are.

    Raises
    ------
    SymgeomError
        If the vectors are no columns of real, finite numbers, or not independent.

    Examples
    --------
    >>> completed(torch.tensor([3.0, -4.0]))
    tensor([[ 3.0000,  4.0000],
            [-4.0000,  3.0000]])
    """
    columns = vectors.unsqueeze(1) if vectors.ndim == 1 else vectors
    if columns.ndim != 2 or columns.numel() == 0:
        raise SymgeomError(
            f"Cannot complete a tensor of shape {tuple(vectors.shape)} to a basis: give one vector "
            "(d,), or columns (d, k)."
        )
    check_real({"vectors": vectors}, "the vectors to complete")
    check_finite({"vectors": vectors}, "the vectors to complete")
    size, count = columns.shape
    basis = complete(columns) if count <= size else None
    if basis is None or not basis.is_basis():
        raise SymgeomError(
            f"Cannot complete {count} vectors of length {size} to a basis: they are not "
            "independent (one is zero, repeated, or a sum of others). Leave out what depends on "
            "the rest."
        )
    matrix = basis.times(torch.eye(size, dtype=columns.dtype, device=columns.device))
    matrix[:, :count] = columns
    return matrix


def condition_of(matrix: Tensor) -> float:
    """Return the ratio of the largest singular value to the smallest.

    Parameters
    ----------
    matrix : Tensor, shape (row, column)
        Any matrix.

    Returns
    -------
    float
        Infinity if the smallest is zero.

    Examples
    --------
    >>> condition_of(torch.tensor([[4.0, 0.0], [0.0, 2.0]]))
    2.0
    """
    values = torch.linalg.svdvals(matrix.detach())
    largest = float(values[0])
    smallest = float(values[-1])
    return largest / smallest if smallest > 0 else math.inf


def _normal(column: Tensor) -> Tensor:
    """Return the unit normal of the reflection that brings a vector to minus its first axis."""
    length = torch.linalg.vector_norm(column)
    below = column[1:].square().sum()
    first = column[0]
    # the sum of the length and a negative number, without cancellation
    first = first + length if first >= 0 else below / (length - first)
    normal = torch.cat([first.reshape(1), column[1:]])
    size = torch.linalg.vector_norm(normal)
    return normal / size if size > 0 else normal


def _reflected(rows: Tensor, normal: Tensor) -> Tensor:
    """Return rows reflected at the plane across a normal."""
    return rows - 2 * torch.outer(rows @ normal, normal)
