r"""Matrices that mix the units of a linear group: diagonal form first, then a scale per direction.

A matrix :math:`g` takes the products of incoming weights :math:`A` to :math:`gAg^\top` and those of
outgoing weights :math:`B` to :math:`g^{-\top}Bg^{-1}`; the charge is their difference. Some
:math:`g_0` makes both diagonal at once: :math:`A` becomes ones on its range and zeros elsewhere,
:math:`B` becomes :math:`\mu`, on that range the eigenvalues of :math:`AB`, which no :math:`g` can
change. What is left is a problem of units. In a direction with weights on both sides, a scale with
square :math:`d` gives the charge :math:`d - \mu/d`, so that the eigenvalue :math:`s` of the target
asks for

.. math:: d = \tfrac12\big(s + \sqrt{s^2 + 4\mu}\big) .

A direction that only incoming (outgoing) weights have can take any positive (negative) eigenvalue,
one that neither has takes a zero. Or it takes, together with a direction that has both, one
eigenvalue of each sign: there the incoming weights are a vector :math:`u`, the outgoing ones
:math:`v`, and :math:`uu^\top - vv^\top` has the eigenvalues :math:`s_+ > 0 > s_-` if

.. math:: |u|^2 - |v|^2 = s_+ + s_-, \qquad |u|^2|v|^2 = \mu - s_+s_-, \qquad u\cdot v = \sqrt\mu .

Many matrices lead to one charge; this is one of them.

References
----------
The diagonal form is that of balanced realisations in control theory (Moore 1981), with directions
that one side does not reach.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError

RANK = 1e-12
"""Eigenvalues below this fraction of the largest are zero."""


def mixing_to(incoming: Tensor, outgoing: Tensor, goal: Tensor, *, what: str) -> Tensor:
    """Return a matrix that gives a linear group a chosen charge.

    Parameters
    ----------
    incoming, outgoing : Tensor of float64, shape (size, size)
        Products of the units' incoming and of their outgoing weights.
    goal : Tensor of float64, shape (size, size)
        The symmetric matrix that their difference shall become.
    what : str
        The group, for the error.

    Returns
    -------
    Tensor of float64, shape (size, size)
        The matrix to apply to the units.

    Raises
    ------
    SymgeomError
        If the target has too few positive, negative or zero eigenvalues for the ranks of the two
        sides.

    Examples
    --------
    >>> ones = torch.eye(2).double()
    >>> matrix = mixing_to(16 * ones, ones, torch.zeros_like(ones), what="hidden1")
    >>> torch.allclose(matrix @ matrix.T, ones / 4)
    True
    """
    form = _diagonal_form(incoming, outgoing)
    values, vectors = torch.linalg.eigh(goal)
    size = torch.cat([values.abs(), form.product.sqrt()]).max()
    values = torch.where(values.abs() > RANK * size, values, torch.zeros_like(values))
    return vectors @ _to_eigenvectors(values, form, what) @ form.mixing


class _DiagonalForm(NamedTuple):
    """What makes the products of both sides diagonal, and what they then are.

    Attributes
    ----------
    mixing : Tensor, shape (size, size)
        The matrix that does it.
    reached : Tensor of bool, shape (size,)
        The directions in which incoming weights are ones; in the others they are zeros.
    product : Tensor, shape (size,)
        The diagonal of the outgoing weights.
    """

    mixing: Tensor
    reached: Tensor
    product: Tensor


def _diagonal_form(incoming: Tensor, outgoing: Tensor) -> _DiagonalForm:
    """Bring the products of both sides to diagonal form."""
    mixing, reached = _whitened(incoming)
    count = int(reached.sum())
    inverse = torch.linalg.inv(mixing)
    seen = inverse.T @ outgoing @ inverse
    least = RANK * max(float(seen.diagonal().max()), 0)
    # Within the range of the incoming weights: rotate.
    inner, rotation = torch.linalg.eigh(seen[:count, :count])
    inner = torch.where(inner > least, inner, torch.zeros_like(inner))
    mixing = torch.cat([rotation.T @ mixing[:count], mixing[count:]])
    across = rotation.T @ seen[:count, count:]
    # Between the range and the rest: shear, which the incoming weights do not see.
    column = inner.unsqueeze(1)
    shear = torch.where(column > 0, across / column, torch.zeros_like(across))
    mixing = torch.cat([mixing[:count] + shear @ mixing[count:], mixing[count:]])
    # In the rest: rotate.
    outer, rotation = torch.linalg.eigh(seen[count:, count:] - across.T @ shear)
    outer = torch.where(outer > least, outer, torch.zeros_like(outer))
    mixing = torch.cat([mixing[:count], rotation.T @ mixing[count:]])
    return _DiagonalForm(mixing, reached, torch.cat([inner, outer]))


def _whitened(incoming: Tensor) -> tuple[Tensor, Tensor]:
    """Return what makes the incoming weights ones and zeros, and where they are ones: first."""
    lengths, axes = torch.linalg.eigh(incoming)
    lengths = lengths.flip(-1)
    axes = axes.flip(-1)
    reached = lengths > RANK * lengths.max()
    scales = torch.where(reached, lengths, torch.ones_like(lengths)).rsqrt()
    return scales.unsqueeze(1) * axes.T, reached


class _Directions(NamedTuple):
    """The directions of a diagonal form, by which sides have weights there."""

    both: list[int]
    incoming: list[int]
    outgoing: list[int]
    neither: list[int]


def _directions_of(form: _DiagonalForm) -> _Directions:
    has_outgoing = form.product > 0
    return _Directions(
        both=_where(form.reached & has_outgoing),
        incoming=_where(form.reached & (form.product == 0)),
        outgoing=_where(~form.reached & has_outgoing),
        neither=_where(~form.reached & (form.product == 0)),
    )


def _where(mask: Tensor) -> list[int]:
    return mask.nonzero().flatten().tolist()


class _Eigenvalues(NamedTuple):
    """The eigenvalues of a target that are still to be given to a direction, the largest first."""

    positive: list[int]
    zero: list[int]
    negative: list[int]


def _eigenvalues_of(values: Tensor) -> _Eigenvalues:
    falling = values.argsort(descending=True).tolist()
    return _Eigenvalues(
        positive=[index for index in falling if values[index] > 0],
        zero=[index for index in falling if values[index] == 0],
        negative=[index for index in reversed(falling) if values[index] < 0],
    )


def _to_eigenvectors(values: Tensor, form: _DiagonalForm, what: str) -> Tensor:
    """Return the map from the diagonal form to the eigenvectors of the target."""
    directions = _directions_of(form)
    rest = _eigenvalues_of(values)
    pairs = max(0, len(directions.neither) - len(rest.zero))
    _check_signs(directions, rest, pairs, what)
    result = torch.zeros(len(values), len(values), dtype=torch.float64)
    for direction in directions.incoming:
        index = rest.positive.pop(0)
        result[index, direction] = values[index].sqrt()
    for direction in directions.outgoing:
        index = rest.negative.pop(0)
        result[index, direction] = (form.product[direction] / -values[index]).sqrt()
    for empty in directions.neither[:pairs]:
        above = rest.positive.pop(0)
        below = rest.negative.pop(0)
        full = directions.both.pop(0)
        rows = torch.tensor([above, below]).unsqueeze(1)
        columns = torch.tensor([full, empty])
        result[rows, columns] = _pair(values[above], values[below], form.product[full])
    for empty in directions.neither[pairs:]:
        result[rest.zero.pop(0), empty] = 1.0
    others = rest.positive + rest.negative + rest.zero
    for direction, index in zip(directions.both, others, strict=True):
        result[index, direction] = _scale(values[index], form.product[direction])
    return result


def _check_signs(directions: _Directions, values: _Eigenvalues, pairs: int, what: str) -> None:
    """Raise if the eigenvalues of the target do not suit the directions."""
    fits = (
        pairs <= len(directions.both)
        and len(values.positive) >= len(directions.incoming) + pairs
        and len(values.negative) >= len(directions.outgoing) + pairs
    )
    if not fits:
        raise SymgeomError(
            f"Cannot move group '{what}' to a matrix with {len(values.positive)} positive, "
            f"{len(values.zero)} zero and {len(values.negative)} negative eigenvalues: of the "
            f"directions among its units {len(directions.incoming)} have incoming weights only "
            f"(each takes a positive eigenvalue), {len(directions.outgoing)} outgoing weights only "
            f"(a negative one), {len(directions.neither)} no weights (a zero, or one of each sign "
            f"together with one of the {len(directions.both)} that have both). Give a target with "
            "eigenvalues of such signs."
        )


def _scale(value: Tensor, product: Tensor) -> Tensor:
    """Return the scale of a direction with weights on both sides, without cancellation."""
    root = torch.hypot(value, 2 * product.sqrt())
    square = (root + value) / 2 if value >= 0 else 2 * product / (root - value)
    return square.sqrt()


def _pair(above: Tensor, below: Tensor, product: Tensor) -> Tensor:
    """Return how a direction with both weights and one with none take eigenvalues of two signs."""
    total = torch.hypot(above + below, 2 * (product - above * below).sqrt())
    outgoing = (total - above - below) / 2  # |v|^2
    first = above * (outgoing + above) / (above - below)  # of |u|^2, along the upper eigenvector
    second = outgoing + above + below - first
    u = torch.stack([first, second]).sqrt()
    v = torch.stack([first - above, second - below]).sqrt()
    across = torch.stack([-v[1], v[0]]) / torch.linalg.vector_norm(v)
    return torch.stack([u, across], 1)
