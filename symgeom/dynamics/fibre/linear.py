r"""Matrices that mix the units of a linear group: bring both sides to diagonal form, then scale each direction.

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
    >>> g = mixing_to(16 * torch.eye(2).double(), torch.eye(2).double(), torch.zeros(2, 2).double(), what="h")
    >>> torch.allclose(g @ g.T, torch.eye(2).double() / 4)
    True
    """
    mixing, reached, product = _diagonal_form(incoming, outgoing)
    values, vectors = torch.linalg.eigh(goal)
    size = torch.cat([values.abs(), product.sqrt()]).max()
    values = torch.where(values.abs() > RANK * size, values, torch.zeros_like(values))
    return vectors @ _directions(values, reached, product, what) @ mixing


def _diagonal_form(incoming: Tensor, outgoing: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what makes both products diagonal, where the incoming weights reach, and the diagonal of the outgoing ones."""
    lengths, axes = torch.linalg.eigh(incoming)
    reached = lengths > RANK * lengths.max()
    lengths, axes = (part.flip(-1) for part in (lengths, axes))
    reached, count = reached.flip(0), int(reached.sum())
    mixing = torch.where(reached, lengths, torch.ones_like(lengths)).rsqrt().unsqueeze(1) * axes.T
    inverse = torch.linalg.inv(mixing)
    seen = inverse.T @ outgoing @ inverse
    # Within the range of the incoming weights: rotate.
    inner, rotation = torch.linalg.eigh(seen[:count, :count])
    inner = torch.where(
        inner > RANK * max(float(seen.diagonal().max()), 0), inner, torch.zeros_like(inner)
    )
    mixing = torch.cat([rotation.T @ mixing[:count], mixing[count:]])
    across = rotation.T @ seen[:count, count:]
    # Between the range and the rest: shear, which the incoming weights do not see.
    shear = torch.where(
        inner.unsqueeze(1) > 0, across / inner.unsqueeze(1), torch.zeros_like(across)
    )
    mixing = torch.cat([mixing[:count] + shear @ mixing[count:], mixing[count:]])
    # In the rest: rotate.
    outer, rotation = torch.linalg.eigh(seen[count:, count:] - across.T @ shear)
    outer = torch.where(
        outer > RANK * max(float(seen.diagonal().max()), 0), outer, torch.zeros_like(outer)
    )
    mixing = torch.cat([mixing[:count], rotation.T @ mixing[count:]])
    return mixing, reached, torch.cat([inner, outer])


def _directions(values: Tensor, reached: Tensor, product: Tensor, what: str) -> Tensor:
    """Return the map from the diagonal form to the eigenvectors of the target, or raise if its eigenvalues do not suit."""
    both, alone, led, neither = (
        part.nonzero().flatten().tolist()
        for part in (
            reached & (product > 0),
            reached & (product == 0),
            ~reached & (product > 0),
            ~reached & (product == 0),
        )
    )
    falling = values.argsort(descending=True).tolist()
    plus, zero = [j for j in falling if values[j] > 0], [j for j in falling if values[j] == 0]
    minus = [j for j in reversed(falling) if values[j] < 0]
    pairs = max(0, len(neither) - len(zero))
    if pairs > len(both) or len(plus) < len(alone) + pairs or len(minus) < len(led) + pairs:
        raise SymgeomError(
            f"Cannot move group '{what}' to a matrix with {len(plus)} positive, {len(zero)} zero and {len(minus)} negative "
            f"eigenvalues: of the directions among its units {len(alone)} have incoming weights only (each takes a positive "
            f"eigenvalue), {len(led)} outgoing weights only (a negative one), {len(neither)} no weights (a zero, or one of each "
            f"sign together with one of the {len(both)} that have both). Give a target with eigenvalues of such signs."
        )
    result = torch.zeros(len(values), len(values), dtype=torch.float64)
    for direction in alone:
        place = plus.pop(0)
        result[place, direction] = values[place].sqrt()
    for direction in led:
        place = minus.pop(0)
        result[place, direction] = (product[direction] / -values[place]).sqrt()
    for empty in neither[:pairs]:
        places, directions = [plus.pop(0), minus.pop(0)], [both.pop(0), empty]
        result[torch.tensor(places).unsqueeze(1), torch.tensor(directions)] = _pair(
            *values[places], product[directions[0]]
        )
    for empty in neither[pairs:]:
        result[zero.pop(0), empty] = 1.0
    for direction, place in zip(both, plus + minus + zero, strict=True):
        value, root = values[place], torch.hypot(values[place], 2 * product[direction].sqrt())
        square = (root + value) / 2 if value >= 0 else 2 * product[direction] / (root - value)
        result[place, direction] = square.sqrt()
    return result


def _pair(above: Tensor, below: Tensor, product: Tensor) -> Tensor:
    """Return how a direction with both weights and one with none take two eigenvalues of different sign."""
    total = torch.hypot(above + below, 2 * (product - above * below).sqrt())
    outgoing = (total - above - below) / 2  # |v|^2
    first = above * (outgoing + above) / (above - below)  # of |u|^2, along the upper eigenvector
    second = outgoing + above + below - first
    u = torch.stack([first, second]).sqrt()
    v = torch.stack([first - above, second - below]).sqrt()
    return torch.stack([u, torch.stack([-v[1], v[0]]) / torch.linalg.vector_norm(v)], 1)
