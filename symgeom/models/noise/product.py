r"""One hidden weight: the model :math:`\ell = (u w x - y)^2`, whose noise is known in closed form.

With :math:`v = u w`, all gradients are multiples of :math:`g = x^2 v - x y`, so that a step changes
the charge :math:`w^2 - u^2` by the factor :math:`(1 - \eta\lambda)^2 - 4\eta^2 g_B^2`, whatever the
batch. What is needed of the data are five moments,

.. math::

    \beta_1 = E x^2, \quad \beta_2 = E x y, \quad
    \mathrm{Var}\, g = a_1 v^2 - 2 a_2 v + a_3 .

With :math:`T = \eta / S`, the temperature, and :math:`u = w`, where SGD goes, :math:`v` has the
stationary density

.. math::

    p(v) \propto \frac{v^{-3/2}}{\mathrm{Var}\, g}
    \exp\Big\{-\frac{1}{2T}
    \int \frac{\beta_1 v - \beta_2 + \lambda / 2}{v\, \mathrm{Var}\, g}\, dv \Big\} ,

which can be normalised below :math:`T_c = (\beta_2 - \lambda / 2) / a_3`; above it :math:`v`
collapses to zero. This is the limit of small steps. What finite steps do near zero is decided by
the mean of :math:`\ln|1 - \eta\lambda + 2\eta\, \overline{xy}|` over batches, without any limit.

Here :math:`\lambda` is the weight decay that is added to the gradient; the source has :math:`\gamma
= \lambda / 2` in the loss.

References
----------
Ziyin, Li, Wang, "Law of balance and stationary distribution of stochastic gradient descent"
(2308.06671): the density. Chen, Kunin, Yamamura, Ganguli, "Stochastic collapse" (2306.04251):
invariant sets that attract. The integral in closed form and the exact exponent are ours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgeom.ground.checks import SymgeomError

POINTS = 2**16
"""Points of the grid on which the stationary density is summed."""

DECAY = 45.0
"""How many e-folds the density falls from its peak to the ends of the grid."""


@dataclass(frozen=True)
class Moments:
    """What the model needs to know of its data.

    Attributes
    ----------
    curvature : float
        Mean of x squared.
    pull : float
        Mean of x y.
    square_variance, covariance, product_variance : float
        Variance of x squared, covariance of x squared and x y, variance of x y.
    """

    curvature: float
    pull: float
    square_variance: float
    covariance: float
    product_variance: float

    def mean_gradient(self, v: NDArray) -> NDArray:
        """Return the mean of g, of which all gradients are multiples."""
        return self.curvature * v - self.pull

    def gradient_variance(self, v: NDArray) -> NDArray:
        """Return the variance of g over samples."""
        linear = 2 * self.covariance * v
        return self.square_variance * v**2 - linear + self.product_variance


def gaussian_moments(slope: float, noise: float) -> Moments:
    """Return the moments of normal inputs and noisy targets.

    Parameters
    ----------
    slope, noise : float
        Targets are ``slope * x + noise * e`` with normal x and e of variance 1.

    Returns
    -------
    Moments
        Of the population.

    Examples
    --------
    >>> gaussian_moments(0.5, 1.0).product_variance
    1.5
    """
    return Moments(1.0, slope, 2.0, 2 * slope, 2 * slope**2 + noise**2)


def sample_moments(inputs: NDArray, targets: NDArray) -> Moments:
    """Return the moments of a training set.

    Parameters
    ----------
    inputs, targets : arrays, shape (sample,)
        The data.

    Returns
    -------
    Moments
        Of the samples, as a population.

    Examples
    --------
    >>> sample_moments(np.array([1.0, -1.0]), np.array([1.0, 1.0]))
    Moments(curvature=1.0, pull=0.0, square_variance=0.0, covariance=0.0, product_variance=1.0)
    """
    squares = inputs**2
    products = inputs * targets
    curvature = squares.mean()
    pull = products.mean()
    covariance = ((squares - curvature) * (products - pull)).mean()
    return Moments(
        float(curvature),
        float(pull),
        float(squares.var()),
        float(covariance),
        float(products.var()),
    )


def critical_temperature(moments: Moments, weight_decay: float = 0.0) -> float:
    """Return the temperature above which SGD of small steps collapses to zero.

    Parameters
    ----------
    moments : Moments
        Of the data.
    weight_decay : float
        What is added to the gradient, in units of the weight.

    Returns
    -------
    float
        Learning rate over batch size. At zero or below, weight decay alone collapses.

    Examples
    --------
    >>> critical_temperature(gaussian_moments(0.5, 1.0))
    0.3333333333333333
    """
    return (moments.pull - weight_decay / 2) / moments.product_variance


def balancing_rate(moments: Moments, v: NDArray, learning_rate: float, batch_size: int) -> NDArray:
    """Return by which share of itself the charge shrinks in a step, on average over batches.

    Parameters
    ----------
    moments : Moments
        Of the data; batches are drawn with replacement.
    v : array
        Products of the weights.
    learning_rate : float
        Of plain SGD without weight decay.
    batch_size : int
        Samples in a step.

    Returns
    -------
    array
        ``4 eta^2 (Var g / S + (E g)^2)``, as many as ``v``. The first term is the noise of the
        theory, the second one is of finite steps: it is there without noise, too.

    Examples
    --------
    >>> balancing_rate(gaussian_moments(0.5, 1.0), np.array([0.5]), 0.1, 4).tolist()
    [0.010000000000000002]
    """
    noise = moments.gradient_variance(v) / batch_size
    return 4 * learning_rate**2 * (noise + moments.mean_gradient(v) ** 2)


def growth_exponent(
    products: NDArray, learning_rate: float, weight_decay: float = 0.0
) -> NDArray[np.float64]:
    r"""Return how fast a weight grows near zero, exactly, for steps of any size.

    There a step multiplies u = w by :math:`1 - \eta\lambda + 2\eta\overline{xy}`.

    Parameters
    ----------
    products : array, shape (..., batch)
        Mean of x y over each of many batches.
    learning_rate, weight_decay : float
        Of plain SGD.

    Returns
    -------
    array of float64, shape (...)
        Mean of the logarithm of the factor, in 1/step: negative where SGD collapses.

    Examples
    --------
    >>> round(float(growth_exponent(np.array([1.0, -1.0]), 0.25)), 6)
    -0.143841
    """
    factors = 1 - learning_rate * weight_decay + 2 * learning_rate * products
    return np.log(np.abs(factors)).mean(-1)


def log_density(
    logarithm: NDArray, moments: Moments, temperature: float, weight_decay: float = 0.0
) -> NDArray[np.float64]:
    """Return the logarithm of the stationary density of ln v, up to a constant.

    Parameters
    ----------
    logarithm : array
        Natural logarithms of products of the weights.
    moments : Moments
        Of the data.
    temperature : float
        Learning rate over batch size.
    weight_decay : float
        What is added to the gradient, in units of the weight.

    Returns
    -------
    array of float64
        As many as ``logarithm``; the integral in the exponent is done by partial fractions.

    Examples
    --------
    >>> moments = gaussian_moments(0.5, 1.0)
    >>> heights = log_density(np.log([0.1, 0.3, 2.0]), moments, 0.1)
    >>> bool(heights[1] > heights[0] > heights[2])
    True
    """
    a1 = moments.square_variance
    a2 = moments.covariance
    a3 = moments.product_variance
    pull = moments.pull - weight_decay / 2
    v = np.exp(logarithm)
    variance = moments.gradient_variance(v)
    root = np.sqrt(a1 * a3 - a2**2)
    angle = np.arctan((a1 * v - a2) / root)
    rational = pull / a3 * (logarithm - np.log(variance) / 2)
    circular = (moments.curvature - pull * a2 / a3) * angle / root
    return -logarithm / 2 - np.log(variance) + (rational - circular) / (2 * temperature)


@dataclass(frozen=True, eq=False)
class StationaryLaw:
    """The stationary distribution of v.

    Attributes
    ----------
    logarithm : array of float64, shape (point,)
        Natural logarithms of products of the weights, evenly spaced.
    density : array of float64, shape (point,)
        Probability per unit of the logarithm.
    cumulative : array of float64, shape (point,)
        Probability to be at most there.
    mean, deviation : float
        Of v itself.
    """

    logarithm: NDArray
    density: NDArray
    cumulative: NDArray
    mean: float
    deviation: float

    def quantiles(self, probabilities: NDArray) -> NDArray[np.float64]:
        """Return the values below which v lies with given probabilities."""
        return np.exp(np.interp(probabilities, self.cumulative, self.logarithm))

    def probability_below(self, v: float) -> float:
        """Return the probability to be below a value."""
        return float(np.interp(np.log(v), self.logarithm, self.cumulative))


def stationary_law(
    moments: Moments, temperature: float, weight_decay: float = 0.0
) -> StationaryLaw:
    """Return the stationary distribution of v, for a start at a positive one.

    Parameters
    ----------
    moments : Moments
        Of the data.
    temperature : float
        Learning rate over batch size, below the critical one.
    weight_decay : float
        What is added to the gradient, in units of the weight.

    Returns
    -------
    StationaryLaw
        On a grid that is wide enough for its mean and its variance.

    Raises
    ------
    SymgeomError
        If the temperature is not between zero and the critical one.

    Examples
    --------
    >>> law = stationary_law(gaussian_moments(0.1, 2.0), 0.3 * 0.1 / 4.02)
    >>> round(law.mean, 4), round(law.deviation, 4)
    (0.0701, 0.0648)
    """
    critical = critical_temperature(moments, weight_decay)
    if not 0 < temperature < critical:
        raise SymgeomError(
            f"Cannot give the stationary law at the temperature {temperature}: it is not between 0 "
            f"and the critical one, {critical:.4g}. Above that, the weights collapse to zero."
        )
    rise = (critical / temperature - 1) / 2
    low = -2 * DECAY / rise
    high = 2 * DECAY
    logarithm = np.linspace(low, high, POINTS)
    height = log_density(logarithm, moments, temperature, weight_decay)
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    v = np.exp(logarithm)
    mean = float(weight @ v)
    deviation = float(np.sqrt(weight @ (v - mean) ** 2))
    density = weight / (logarithm[1] - logarithm[0])
    cumulative = np.cumsum(weight) - weight / 2
    return StationaryLaw(logarithm, density, cumulative, mean, deviation)
