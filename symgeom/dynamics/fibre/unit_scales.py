r"""Scales of single units: the root of an increasing sum of exponentials."""

import math

import torch
from scipy.optimize import brentq
from torch import Tensor

from symgeom.ground.checks import SymgeomError

LARGEST = 350.0
"""Largest exponent of a scale that is tried: its square is still a number."""


def scales_to(powers: Tensor, lengths: Tensor, goal: Tensor, *, what: str) -> Tensor:
    r"""Return the scales that give units chosen charges.

    Parameters
    ----------
    powers : Tensor, shape (leg,)
        Powers of the legs.
    lengths : Tensor of float64, shape (leg, size)
        Squared lengths :math:`T` of the units' slices on the legs.
    goal : Tensor of float64, shape (size,)
        The charges :math:`\sum_\ell p_\ell s^{2p_\ell} T_\ell` to reach.
    what : str
        The group, for the error.

    Returns
    -------
    Tensor of float64, shape (size,)
        The scales :math:`s`; 1 for a unit without weights.

    Raises
    ------
    SymgeomError
        If no scale gives a unit its charge.

    Examples
    --------
    >>> powers, lengths = torch.tensor([1.0, -1.0]), torch.tensor([[16.0], [1.0]]).double()
    >>> scales_to(powers, lengths, torch.zeros(1).double(), what="hidden1")
    tensor([0.5000], dtype=torch.float64)
    """
    rising = (powers.clamp(min=0).unsqueeze(1).to(lengths) * lengths).sum(0)
    falling = ((-powers).clamp(min=0).unsqueeze(1).to(lengths) * lengths).sum(0)
    _check_within_reach(rising, falling, goal, what)
    if bool((powers.abs() == 1).all()):
        return _square_scales(rising, falling, goal).sqrt()
    scales = []
    for unit_lengths, unit_goal in zip(lengths.T.tolist(), goal.tolist(), strict=True):
        scales.append(_scale(powers.tolist(), unit_lengths, unit_goal))
    return torch.tensor(scales, dtype=torch.float64)


def _check_within_reach(rising: Tensor, falling: Tensor, goal: Tensor, what: str) -> None:
    """Raise if a unit without incoming or without outgoing weights cannot have its charge."""
    one_sided = (rising == 0) != (falling == 0)
    too_high = (rising == 0) & (goal > 0)
    too_low = (falling == 0) & (goal < 0)
    missed = too_high | too_low | ((goal == 0) & one_sided)
    if bool(missed.any()):
        unit = int(missed.nonzero()[0])
        raise SymgeomError(
            f"Cannot move unit {unit} of group '{what}' to charge {float(goal[unit]):.4g}: its "
            f"squared lengths are {float(rising[unit]):.4g} coming in and "
            f"{float(falling[unit]):.4g} going out, and without either its charge keeps its sign. "
            "Leave its charge as it is, or drop the unit."
        )


def _square_scales(rising: Tensor, falling: Tensor, goal: Tensor) -> Tensor:
    """Return the squares of the scales where all powers are 1 or -1, without cancellation."""
    root = torch.hypot(goal, 2 * (rising * falling).sqrt())
    square = torch.where(goal >= 0, (root + goal) / (2 * rising), 2 * falling / (root - goal))
    return torch.where(rising + falling > 0, square, torch.ones_like(square))


def _scale(powers: list[float], lengths: list[float], goal: float) -> float:
    """Return the scale of one unit, from a root in its logarithm."""
    terms = []
    for power, length in zip(powers, lengths, strict=True):
        if power and length > 0:
            terms.append((power, length))
    if not terms:
        return 1.0

    def excess(exponent: float) -> float:
        charge = sum(power * length * math.exp(2 * power * exponent) for power, length in terms)
        return charge - goal

    limit = LARGEST / max(abs(power) for power, _ in terms)
    reach = 1.0
    while reach < limit and (excess(-reach) > 0 or excess(reach) < 0):
        reach = min(2 * reach, limit)
    return math.exp(brentq(excess, -reach, reach, xtol=1e-15, rtol=1e-15))
