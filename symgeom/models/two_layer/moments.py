r"""The charge of the whole network at a random start, in closed form.

Outgoing weights have variance :math:`1/h` (:math:`h` units), incoming ones :math:`s^2 = 1/n`
(:math:`n` samples), all normal. The sum of the charges has :math:`nh` incoming terms, with

.. math::

    \text{identity: } x^2, \quad \text{ReLU: } \max(x, 0)^2, \quad
    \text{tanh: } \sinh^2 x, \quad \text{sigmoid: } 2(x + e^x - 1),

and :math:`mh` outgoing terms :math:`-x^2`; the moments of each are integrals of powers and
exponentials.

References
----------
Zhao et al. (2210.17216), figures 4 and 5; they call this initialisation Xavier. The moments are
ours.
"""

import math

from symgeom.ground.checks import check_choice


def _identity(square: float) -> tuple[float, float]:
    return square, 2 * square**2


def _relu(square: float) -> tuple[float, float]:
    return square / 2, 5 / 4 * square**2


def _tanh(square: float) -> tuple[float, float]:
    mean = math.expm1(2 * square) / 2
    cosh = math.exp(2 * square)  # the mean of cosh(2 x)
    cosh_variance = (math.exp(8 * square) + 1) / 2 - cosh**2
    return mean, cosh_variance / 4


def _sigmoid(square: float) -> tuple[float, float]:
    mean = 2 * math.expm1(square / 2)
    exp_variance = math.exp(2 * square) - math.exp(square)
    covariance = square * math.exp(square / 2)
    return mean, 4 * (square + exp_variance + 2 * covariance)


INCOMING = {"identity": _identity, "relu": _relu, "tanh": _tanh, "sigmoid": _sigmoid}
"""Mean and variance of an incoming term, from the variance of the weight."""


def initial_moments(activation: str, outputs: int, samples: int, units: int) -> tuple[float, float]:
    """Return mean and variance of the sum of all charges at the start.

    Parameters
    ----------
    activation : str
        A key of ``INCOMING``.
    outputs, samples, units : int
        Sizes.

    Returns
    -------
    mean, variance : float
        In squared weight units.

    Raises
    ------
    SymgeomError
        If the activation is unknown.

    Examples
    --------
    >>> initial_moments("identity", 100, 100, 200)
    (100.0, 5.0)
    """
    check_choice(activation, INCOMING, "activation")
    term_mean, term_variance = INCOMING[activation](1 / samples)
    mean = samples * units * term_mean - outputs
    variance = samples * units * term_variance + 2 * outputs / units
    return mean, variance
