r"""Angles and great circles on unit spheres, exact where it matters.

For two directions :math:`u, v` (not necessarily unit) the angle is

.. math:: \theta = 2\,\mathrm{atan2}\big(\lVert\,\lVert v\rVert u - \lVert u\rVert v\rVert,
                                  \lVert\,\lVert v\rVert u + \lVert u\rVert v\rVert\big),

which is accurate at coincident, nearly coincident, orthogonal and antipodal directions, where
``acos`` of the inner product loses half of the digits (at 1e-8 rad in float64, all of them). The
last axis holds the coordinates, those before it a batch.

References
----------
W. Kahan, "How futile are mindless assessments of roundoff in floating-point computation?", section
12 (the angle formula).
"""

import math

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError

ANTIPODAL_TOLERANCE = 1e-6
"""Angles closer to pi than this (radians) leave the great circle undefined.

Its plane is lost to rounding.
"""


class AntipodalError(SymgeomError):
    """No geodesic is singled out between two points, because they are antipodal on a sphere."""


def normalise(u: Tensor) -> Tensor:
    """Return the directions of ``u``; a zero vector stays zero.

    Parameters
    ----------
    u : Tensor, shape (..., d)
        Vectors.

    Returns
    -------
    Tensor, shape (..., d)
        Unit vectors, or zero where ``u`` is zero.

    Examples
    --------
    >>> import torch
    >>> normalise(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    norm = torch.linalg.vector_norm(u, dim=-1, keepdim=True)
    return u / torch.where(norm > 0, norm, 1)


def angle(u: Tensor, v: Tensor) -> Tensor:
    """Angle between directions.

    Parameters
    ----------
    u, v : Tensor, shape (..., d)
        Vectors; their lengths do not matter. The angle with a zero vector is reported as 0.

    Returns
    -------
    Tensor, shape (...)
        Angles in radians, in [0, pi].

    Examples
    --------
    >>> import torch
    >>> float(angle(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])))  # doctest: +ELLIPSIS
    1.570796...
    """
    u = normalise(u)
    v = normalise(v)
    empty = (u == 0).all(-1) | (v == 0).all(-1)
    difference = torch.linalg.vector_norm(u - v, dim=-1)
    total = torch.linalg.vector_norm(u + v, dim=-1)
    return torch.where(empty, torch.zeros_like(total), 2 * torch.atan2(difference, total))


def slerp(u: Tensor, v: Tensor, t: float | Tensor) -> Tensor:
    r"""Point at parameter ``t`` of the great circle from ``u`` to ``v``, at constant speed.

    .. math:: \lVert u\rVert^{1-t} \lVert v\rVert^t\;
              \frac{\mathrm{sinc}((1-t)\theta)(1-t)\,\hat u + \mathrm{sinc}(t\theta)\,t\,\hat v}
                   {\mathrm{sinc}(\theta)}

    with the unnormalised sinc, so that coincident points need no special case; lengths are
    interpolated geometrically.

    Parameters
    ----------
    u, v : Tensor, shape (..., d)
        Vectors. One that is zero has no direction: the point moves linearly along that of the
        other.
    t : float or Tensor
        0 gives ``u``, 1 gives ``v``.

    Returns
    -------
    Tensor, shape (..., d)
        Unit vectors, if both ends are.

    Raises
    ------
    AntipodalError
        If a pair of points is antipodal: infinitely many great circles join them.

    Examples
    --------
    >>> import torch
    >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 0.5)
    tensor([0.7071, 0.7071])
    """
    theta = angle(u, v)
    antipodal = theta > math.pi - ANTIPODAL_TOLERANCE
    if antipodal.any():
        where = antipodal.reshape(-1).nonzero().reshape(-1).tolist()
        raise AntipodalError(
            f"Cannot draw a geodesic: the points of spheres {where} are antipodal (angle pi), so "
            "that no great circle is singled out. "
            "Align the networks first, or move one of them."
        )
    first, second = slerp_weights(theta.unsqueeze(-1), t)
    here = torch.linalg.vector_norm(u, dim=-1, keepdim=True)
    there = torch.linalg.vector_norm(v, dim=-1, keepdim=True)
    ratio = torch.where((here == 0) | (there == 0), 1.0, there / here)
    return first * ratio**t * u + second * ratio ** (t - 1) * v


def slerp_weights(theta: Tensor, t: float | Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the two end points in :func:`slerp`.

    They are exactly (1, 0) at ``t = 0`` and (0, 1) at ``t = 1``.

    Parameters
    ----------
    theta : Tensor, shape (...)
        Angles between the points in radians, less than pi.
    t : float or Tensor
        Broadcasts with ``theta``.

    Returns
    -------
    tuple of Tensor, shapes (...) and (...)
        The weights.

    Examples
    --------
    >>> slerp_weights(torch.tensor([0.0]), 0.25)
    (tensor([0.7500]), tensor([0.2500]))
    """
    first = torch.sinc((1 - t) * theta / math.pi)
    second = torch.sinc(t * theta / math.pi)
    whole = torch.sinc(1.0 * theta / math.pi)
    return first * (1 - t) / whole, second * t / whole


def random_direction(shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
    """Draw directions uniformly on unit spheres, in float64.

    Parameters
    ----------
    shape : tuple of int
        ``(..., d)``.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor, shape ``shape``
        Unit vectors.

    Examples
    --------
    >>> import torch
    >>> u = random_direction((4, 3), generator=torch.Generator().manual_seed(0))
    >>> bool(torch.allclose(u.norm(dim=-1), torch.ones(4, dtype=u.dtype)))
    True
    """
    return normalise(torch.randn(shape, generator=generator, dtype=torch.float64))
