r"""How the weights of a layer above follow what it reads, from one batch of vectors to another.

With the vectors :math:`z` that a layer read and :math:`z'` that it reads now, its weights are
multiplied by :math:`R_z R_{z'}^{-1}`, which takes every column of :math:`z'` to that of :math:`z`;
or, where there are more columns than rows, by the matrix :math:`z z'^+` that comes nearest to that.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.neighbours.action.completion import Completion, complete, condition_of


class Carrier(Protocol):
    """Takes the weights of a layer along."""

    @property
    def condition(self) -> float:
        """The condition number of what is inverted."""

    @property
    def growth(self) -> float:
        """How much rounding may grow in what is carried; infinite where nothing is exact."""

    def carry(self, rows: Tensor) -> Tensor:
        """Multiply weights (row, d) by the matrix that takes what is read now to what was read."""


@dataclass(frozen=True, eq=False)
class Basis:
    """Carries by the bases that the vectors begin: exactly, and invertibly."""

    before: Completion
    after: Completion

    @property
    def condition(self) -> float:
        """The condition number of the basis that the present vectors begin."""
        return self.after.condition()

    @property
    def growth(self) -> float:
        """The product of the condition numbers of both bases."""
        return self.before.condition() * self.after.condition()

    def carry(self, rows: Tensor) -> Tensor:
        """Multiply by one basis and the inverse of the other."""
        return self.after.divide(self.before.times(rows))


@dataclass(frozen=True, eq=False)
class Fit:
    """Carries by least squares."""

    before: Tensor
    after: Tensor

    @property
    def condition(self) -> float:
        """The condition number of the present vectors."""
        return condition_of(self.after)

    @property
    def growth(self) -> float:
        """Infinity."""
        return math.inf

    def carry(self, rows: Tensor) -> Tensor:
        """Multiply by the past vectors and the pseudo-inverse of the present ones."""
        return rows @ self.before @ torch.linalg.pinv(self.after)


@dataclass(frozen=True)
class Reading:
    """Which layer reads which units of which samples, for messages.

    Attributes
    ----------
    group : str
        The units.
    layer : str
        The layer above.
    samples : tuple of int
        The batch.
    """

    group: str
    layer: str
    samples: tuple[int, ...]


def carrier(reading: Reading, before: Tensor, after: Tensor, *, least_squares: bool) -> Carrier:
    """Return what takes the weights of a layer above along.

    Parameters
    ----------
    reading : Reading
        Whose weights.
    before, after : Tensor, shape (d, column)
        What the layer read, and what it reads now.
    least_squares : bool
        Whether there may be more columns than rows.

    Returns
    -------
    Carrier
        An exact one where there are not.

    Raises
    ------
    SymgeomError
        If there are more columns than rows and this is not wanted, or they are dependent.
    """
    size, count = before.shape
    if count > size and least_squares:
        return Fit(before, after)
    if count > size:
        _refuse_large(reading, size, count)
    basis = complete(before)
    if not basis.is_basis():
        _refuse_dependent(reading, before, "", "Take other samples.")
    mixed = complete(after)
    if not mixed.is_basis():
        advice = "Mix less, or take other samples."
        _refuse_dependent(reading, after, " after the mixing", advice)
    return Basis(basis, mixed)


def _refuse_large(reading: Reading, size: int, count: int) -> None:
    """Say that a batch is too large."""
    samples = len(reading.samples)
    most = size * samples // count
    advice = (
        f"Give at most {most} samples" if most else "Choose a group that is read at fewer positions"
    )
    raise SymgeomError(
        f"Cannot mix the units of group '{reading.group}' exactly on {samples} samples: of them "
        f"layer '{reading.layer}' reads {count} vectors of length {size}. {advice}, or ask for "
        "least_squares=True, whose residual says how much the outputs on the batch change."
    )


def _refuse_dependent(reading: Reading, columns: Tensor, when: str, advice: str) -> None:
    """Say which samples a layer above cannot tell apart."""
    what = f"Cannot mix the units of group '{reading.group}' on this batch:"
    columns = columns.detach()
    lengths = torch.linalg.vector_norm(columns, dim=0)
    vanishing = _samples_of(reading, (lengths == 0).nonzero().flatten(), len(lengths))
    if vanishing:
        raise SymgeomError(
            f"{what}{when} the activation vanishes on samples {vanishing[:3]} (all that layer "
            f"'{reading.layer}' reads of them somewhere is 0), and no basis begins with zero. "
            f"{advice}"
        )
    directions = columns / lengths
    cosines = (directions.T @ directions).triu(1)
    nearest = int(cosines.argmax())
    pair = torch.tensor([nearest // len(cosines), nearest % len(cosines)])
    if float(cosines.max()) > 1 - 1e-12:
        raise SymgeomError(
            f"{what}{when} layer '{reading.layer}' reads the same direction of samples "
            f"{_samples_of(reading, pair, len(lengths))}, so that the activations of the batch "
            f"have no full rank. {advice}"
        )
    rank = int(torch.linalg.matrix_rank(columns))
    raise SymgeomError(
        f"{what}{when} the {len(lengths)} vectors that layer '{reading.layer}' reads have rank "
        f"{rank}, so that they begin no basis. {advice}"
    )


def _samples_of(reading: Reading, columns: Tensor, count: int) -> list[int]:
    """Return the numbers of the samples to which some columns belong."""
    samples = len(reading.samples)
    return [reading.samples[column * samples // count] for column in columns.tolist()]
