r"""How far each unit is from the balance of SGD's noise with weight decay.

Scaling a unit by :math:`e^\lambda` multiplies its leg of power :math:`p` by :math:`e^{p\lambda}`
and the gradient of every sample on that leg by :math:`e^{-p\lambda}`. With :math:`N_p` the variance
of the sample gradients on the legs of power :math:`p`, summed over their entries, and :math:`T_p`
the squared length of the weights there, SGD lets the charge drift in proportion to

.. math:: G(\lambda) = \sum_p p\,\big(N_p e^{-2p\lambda} - c\,T_p e^{2p\lambda}\big), \qquad
          c = \frac{2\,\mathrm{weight\ decay}\cdot\mathrm{batch\ size}\,(1-\mathrm{momentum})}
                   {\mathrm{learning\ rate}},

which decreases in :math:`\lambda`. The *noise equilibrium* is its root :math:`\lambda^*`; for
powers :math:`\pm1`

.. math:: \lambda^* = \frac14 \log\frac{N_\mathrm{in} + c\,T_\mathrm{out}}
                                    {N_\mathrm{out} + c\,T_\mathrm{in}} .

Sign: ours counts incoming weights as positive (:math:`\lambda^* > 0`: the incoming weights would
grow); the paper's generator :math:`A` counts outgoing ones, so that its :math:`\lambda^*` is minus
ours. Each unit is moved with all others at rest; the units of one group do not influence each
other, but neighbouring groups share a weight matrix.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), theorem 4.3 and
equation 7. Differs from the source: the noise term of equation 7 is twice what is printed there,
and momentum enters as the step ``learning_rate / (1 - momentum)``.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from scipy.optimize import brentq
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.bilinear import leg_powers, leg_products
from symgeom.symmetry.spec import SymmetrySpec, check_spec

LogTerms = Sequence[tuple[float, float]]
"""Terms of a sum of exponentials of x, by the logarithm of each: its value at 0 and its slope."""


def effective_learning_rate(rates: Sequence[float]) -> float:
    """Return the constant learning rate that weighs noise against decay as a schedule does.

    A step moves charges by weight decay in proportion to its learning rate, and by noise in
    proportion to the square. Over many steps, with all else as it is, the sums count.

    Parameters
    ----------
    rates : sequence of float
        The learning rates of steps, or of epochs of equally many steps.

    Returns
    -------
    float
        The sum of the squares over the sum.

    Raises
    ------
    SymgeomError
        If there is no rate, or one is not positive.

    Examples
    --------
    >>> effective_learning_rate([0.5, 0.25, 0.25])
    0.375
    """
    if not rates or not min(rates) > 0:
        raise SymgeomError(
            f"Cannot weigh noise against decay at the learning rates {list(rates)}: "
            "give one or more, all positive."
        )
    return sum(rate**2 for rate in rates) / sum(rates)


def decay_ratio(
    *, learning_rate: float, batch_size: int, weight_decay: float, momentum: float = 0.0
) -> float:
    """Strength of weight decay relative to noise: all that the equilibrium depends on of a recipe.

    Parameters
    ----------
    learning_rate : float
        Step of SGD; of a schedule the :func:`effective_learning_rate`.
    batch_size : int
        Samples per mini-batch, drawn with replacement (without: multiply the ratio by ``(N - 1) /
        (N - batch_size)``).
    weight_decay : float
        Coupled decay: the multiple of the weights that is added to the gradient (the paper's 2
        gamma).
    momentum : float
        Of the heavy ball, not dampened.

    Returns
    -------
    float
        The constant ``c`` of the module's equations, in squared gradient per squared weight.

    Raises
    ------
    SymgeomError
        If a number is out of range.

    Examples
    --------
    >>> decay_ratio(learning_rate=0.5, batch_size=4, weight_decay=0.25, momentum=0.5)
    2.0
    """
    positive = learning_rate > 0 and batch_size >= 1
    if not positive or not weight_decay >= 0 or not 0 <= momentum < 1:
        raise SymgeomError(
            f"Cannot weigh decay against noise for learning rate {learning_rate}, batch size "
            f"{batch_size}, weight decay {weight_decay}, momentum {momentum}: the first two must "
            "be positive, the third not negative, the last in [0, 1)."
        )
    return 2 * weight_decay * batch_size * (1 - momentum) / learning_rate


@door
def noise_equilibrium(
    spec: SymmetrySpec, params: Parameters, force: dict[str, Tensor], *, decay: float
) -> dict[str, Tensor]:
    """How far every unit has to move along its orbit to reach the noise equilibrium.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network.
    force : dict of str to Tensor, shape (leg, size)
        From :func:`noise_force`, at these parameters.
    decay : float
        From :func:`decay_ratio`; 0 without weight decay.

    Returns
    -------
    dict of str to Tensor, shape (size,)
        Logarithm of the scale that leads there, in float64: 0 at equilibrium. Infinite where only
        one sign of power has any weight (the noise pushes for ever); NaN where neither has (the
        unit never moves), which is undefined, not zero.

    Raises
    ------
    SymgeomError
        If the force is that of another spec, or the decay is negative or not finite.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.ones(1, 1), "out": torch.ones(1, 1)}
    >>> force = {"hidden1": torch.tensor([[16.0], [1.0]]).double()}
    >>> noise_equilibrium(spec, params, force, decay=0.0)["hidden1"].exp()  # 16 / s**2 = 1 * s**2
    tensor([2.], dtype=torch.float64)
    """
    if not 0 <= decay < math.inf:
        raise SymgeomError(
            f"Cannot balance noise with a decay ratio of {decay}: give a finite number that is not "
            "negative."
        )
    exact = spec.exact()
    check_spec(exact, params)
    check_finite(params, "the network")
    check_finite(force, "the noise force")
    theta = cast(params, torch.float64)
    lengths = leg_products(exact, theta, theta)
    shapes = _shapes(lengths)
    if _shapes(force) != shapes:
        raise SymgeomError(
            f"Cannot use a noise force of groups {_shapes(force)} with a spec of {shapes} (legs, "
            "units): compute it with this spec."
        )
    displacements = {}
    for name, rows in lengths.items():
        powers = leg_powers(exact, name).flatten()
        displacements[name] = _roots(powers, force[name], decay * rows)
    return displacements


def _shapes(rows_of_groups: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(rows.shape) for name, rows in rows_of_groups.items()}


def _roots(powers: Tensor, variances: Tensor, decays: Tensor) -> Tensor:
    """Return the root of the drift for every unit, from one row per leg."""
    if (powers.abs() == 1).all():
        incoming = powers > 0
        outgoing = powers < 0
        rising = variances[incoming].sum(0) + decays[outgoing].sum(0)
        falling = variances[outgoing].sum(0) + decays[incoming].sum(0)
        return (rising.log() - falling.log()) / 4
    # Terms that raise the charge fall as exp(-rate * lambda), those that lower it grow so.
    size = powers.abs().unsqueeze(1).to(variances)
    rates = torch.cat([2 * powers, -2 * powers]).tolist()
    amounts = torch.cat([size * variances, size * decays])
    roots = [_root(rates, unit_amounts.tolist()) for unit_amounts in amounts.T]
    return torch.tensor(roots, dtype=torch.float64)


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
