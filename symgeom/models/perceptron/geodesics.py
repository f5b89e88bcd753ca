"""The energy along great circles, and its largest value, exactly."""

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.models.perceptron.constraints import Perceptron, share_below
from symgeom.symmetry.sphere import ANTIPODAL_TOLERANCE, angle, slerp_weights


def geodesic_energy(perceptron: Perceptron, first: Tensor, second: Tensor, t: Tensor) -> Tensor:
    """Return the energy along great circles; no pattern is visited more often than at the ends.

    Parameters
    ----------
    perceptron : Perceptron
        The constraints.
    first, second : Tensor, shape (..., feature)
        The ends, not antipodal.
    t : Tensor, shape (position,)
        Positions, 0 at the first and 1 at the second.

    Returns
    -------
    Tensor, shape (..., position)
        Fraction of patterns below kappa.

    Examples
    --------
    >>> perceptron = Perceptron(torch.tensor([[-1.0, -1.0]]).double(), -1.2)
    >>> ends = torch.eye(2).double()
    >>> geodesic_energy(perceptron, ends[0], ends[1], torch.tensor([0.0, 0.5, 1.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    theta = angle(first, second).unsqueeze(-1)
    before, after = slerp_weights(theta, t.to(theta))
    start = perceptron.stabilities(first)
    end = perceptron.stabilities(second)
    along = before.unsqueeze(-1) * start.unsqueeze(-2)
    along = along + after.unsqueeze(-1) * end.unsqueeze(-2)
    return share_below(along, perceptron.kappa)


def geodesic_barrier(perceptron: Perceptron, first: Tensor, second: Tensor) -> Tensor:
    """Return the largest energy along great circles, exactly.

    Parameters
    ----------
    perceptron : Perceptron
        The constraints.
    first, second : Tensor, shape (..., feature)
        The ends, not antipodal.

    Returns
    -------
    Tensor, shape (...)
        Fraction of patterns below kappa, at its largest.

    Raises
    ------
    SymgeomError
        If ends are antipodal, so that no great circle is singled out.

    Examples
    --------
    >>> perceptron = Perceptron(torch.tensor([[-1.0, -1.0]]).double(), -1.2)
    >>> geodesic_barrier(perceptron, *torch.eye(2).double())
    tensor(1., dtype=torch.float64)
    """
    theta = angle(first, second).unsqueeze(-1)
    if (theta > torch.pi - ANTIPODAL_TOLERANCE).any():
        raise SymgeomError(
            "Cannot draw a geodesic between antipodal weights: no great circle is singled out. "
            "Choose other ends."
        )
    start = perceptron.stabilities(first)
    end = perceptron.stabilities(second)
    opens, closes = _failing_arcs(start, end, theta, perceptron.kappa)
    within = _largest_overlap(opens, closes) / start.shape[-1]
    energy_at_start = share_below(start, perceptron.kappa)
    energy_at_end = share_below(end, perceptron.kappa)
    return torch.maximum(within, torch.maximum(energy_at_start, energy_at_end))


def _failing_arcs(start: Tensor, end: Tensor, theta: Tensor, kappa: float) -> tuple[Tensor, Tensor]:
    """Return where patterns begin and cease to fail, shapes (..., arc); infinity: no such arc."""
    sine_part = (end - start * theta.cos()) / theta.sin()
    sine_part = torch.where(theta > 0, sine_part, torch.zeros_like(start))
    amplitude = torch.hypot(start, sine_part)
    centre = torch.atan2(sine_part, start) + torch.pi
    half_width = (-kappa / amplitude).clamp(max=1).acos()
    opens = []
    closes = []
    for turn in (0, 2 * torch.pi):
        low = (centre - half_width - turn).clamp(min=0)
        high = torch.minimum(centre + half_width - turn, theta)
        fails = low < high
        opens.append(torch.where(fails, low, torch.inf))
        closes.append(torch.where(fails, high, torch.inf))
    return torch.cat(opens, -1), torch.cat(closes, -1)


def _largest_overlap(opens: Tensor, closes: Tensor) -> Tensor:
    """Return the largest number of arcs that share a point, shape (...)."""
    angles = torch.cat([closes, opens], -1)  # where arcs only touch, one closes first
    one = torch.ones_like(opens)
    change = torch.cat([-one, one], -1) * angles.isfinite()
    order = angles.argsort(dim=-1, stable=True)
    return change.gather(-1, order).cumsum(-1).amax(-1)
