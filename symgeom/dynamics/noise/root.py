r"""Where what falls with a unit's scale and what grows with it pull alike.

For amounts on legs of powers :math:`p`, it is the root of

.. math:: \sum_p p\,\big(a_p e^{-2p\lambda} - b_p e^{2p\lambda}\big),

which decreases in :math:`\lambda`.
"""

import math
from collections.abc import Sequence

import torch
from scipy.optimize import brentq
from torch import Tensor

LogTerms = Sequence[tuple[float, float]]
"""Terms of a sum of exponentials of x, by the logarithm of each: its value at 0 and its slope."""


def roots(powers: Tensor, falling: Tensor, growing: Tensor) -> Tensor:
    """Return the root for every unit.

    Parameters
    ----------
    powers : Tensor, shape (leg,)
        Powers of the legs.
    falling, growing : Tensor of float64, shape (leg, size)
        What falls and what grows with the weights on every leg, not negative.

    Returns
    -------
    Tensor of float64, shape (size,)
        Logarithms of scales. Infinite where only one sign has any amount, NaN where neither has.

    Examples
    --------
    >>> powers = torch.tensor([1.0, -1.0])
    >>> falling = torch.tensor([[16.0], [1.0]]).double()
    >>> roots(powers, falling, torch.zeros_like(falling)).exp()
    tensor([2.], dtype=torch.float64)
    """
    if (powers.abs() == 1).all():
        incoming = powers > 0
        outgoing = powers < 0
        upwards = falling[incoming].sum(0) + growing[outgoing].sum(0)
        downwards = falling[outgoing].sum(0) + growing[incoming].sum(0)
        return (upwards.log() - downwards.log()) / 4
    # Terms that raise the charge fall as exp(-rate * lambda), those that lower it grow so.
    size = powers.abs().unsqueeze(1).to(falling)
    rates = torch.cat([2 * powers, -2 * powers]).tolist()
    amounts = torch.cat([size * falling, size * growing])
    exponents = [_root(rates, unit_amounts.tolist()) for unit_amounts in amounts.T]
    return torch.tensor(exponents, dtype=torch.float64)


def _root(rates: Sequence[float], amounts: Sequence[float]) -> float:
    """Return the root of ``sum of sign(rate) * amount * exp(-rate * x)``."""
    rising: list[tuple[float, float]] = []
    falling: list[tuple[float, float]] = []
    for rate, amount in zip(rates, amounts, strict=True):
        if amount > 0 and rate:
            terms = rising if rate > 0 else falling
            terms.append((math.log(amount), -rate))
    if not rising and not falling:
        return math.nan
    if not falling:
        return math.inf
    if not rising:
        return -math.inf

    # The logarithms of both sums have the same root, and cannot overflow.
    def imbalance(x: float) -> float:
        return _log_sum(rising, x) - _log_sum(falling, x)

    reach = 1.0
    while imbalance(-reach) < 0 or imbalance(reach) > 0:
        reach *= 2
    return brentq(imbalance, -reach, reach, xtol=1e-14, rtol=1e-15)


def _log_sum(terms: LogTerms, x: float) -> float:
    """Return the logarithm of a sum of exponentials."""
    exponents = [level + slope * x for level, slope in terms]
    largest = max(exponents)
    return largest + math.log(sum(math.exp(exponent - largest) for exponent in exponents))
