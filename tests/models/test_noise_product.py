"""The model with one hidden weight against its data, a mean under the law, and its own steps."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from symgeom.ground.checks import SymgeomError
from symgeom.models.noise.product import (
    balancing_rate,
    critical_temperature,
    gaussian_moments,
    growth_exponent,
    log_density,
    sample_moments,
    stationary_law,
)
from symgeom.models.noise.product_descent import Line, Steps, descend_product

EXACT = 1e-12
WEAK = Line(0.1, 2.0)
"""Little signal in much noise, so that the critical learning rate is small."""


def samples(count=60):
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal(count)
    return inputs, 0.5 * inputs + generator.standard_normal(count)


def test_gradients_have_the_variance_of_five_moments():
    x, y = samples()
    moments = sample_moments(x, y)
    for v in (-0.3, 0.0, 0.7):
        gradients = x * x * v - x * y
        assert moments.mean_gradient(v) == pytest.approx(gradients.mean(), rel=EXACT)
        assert moments.gradient_variance(v) == pytest.approx(gradients.var(), rel=EXACT)


def test_moments_of_normal_data_are_those_of_very_many_samples():
    generator = np.random.default_rng(1)
    x, e = generator.standard_normal((2, 400_000))
    many = sample_moments(x, 0.5 * x + 1.5 * e)
    exact = gaussian_moments(0.5, 1.5)
    for name in ("curvature", "pull", "square_variance", "covariance", "product_variance"):
        assert getattr(many, name) == pytest.approx(getattr(exact, name), abs=0.03), name


def test_the_charge_of_a_batch_shrinks_by_its_squared_gradient():
    """(1 - eta wd)^2 - 4 eta^2 g^2, whatever the batch; on average, the closed form."""
    x, y = samples()
    u, w, rate, decay = 0.4, 1.7, 0.05, 0.3
    factors = []
    for one_input, one_target in zip(x, y, strict=True):
        leaves = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (u, w)]
        loss = (leaves[0] * leaves[1] * one_input - one_target) ** 2
        slopes = [float(slope) for slope in torch.autograd.grad(loss, leaves)]
        after = [value - rate * s for value, s in zip((u, w), slopes, strict=True)]
        factors.append((after[1] ** 2 - after[0] ** 2) / (w**2 - u**2))
        gradient = one_input**2 * u * w - one_input * one_target
        decayed = [value - rate * decay * start for value, start in zip(after, (u, w), strict=True)]
        factor = (decayed[1] ** 2 - decayed[0] ** 2) / (w**2 - u**2)
        assert factor == pytest.approx((1 - rate * decay) ** 2 - 4 * (rate * gradient) ** 2)
    expected = balancing_rate(sample_moments(x, y), np.array(u * w), rate, 1)
    assert 1 - np.mean(factors) == pytest.approx(float(expected), rel=1e-10)


def test_near_zero_the_weights_grow_by_the_exponent():
    """Every step multiplies u = w by the factor whose logarithm the exponent averages."""
    steps = Steps(0.4, batch_size=2, weight_decay=0.3)
    line = Line(1.0, 1.0)
    tiny = np.full(50, 1e-120)
    u, w = descend_product(
        tiny, tiny, line, steps=steps, records=[40], generator=torch.Generator().manual_seed(2)
    )
    generator = torch.Generator().manual_seed(2)
    products = np.stack([line.batches(50, 2, generator)[1] for _ in range(40)])
    exponents = growth_exponent(products.T, 0.4, 0.3)
    np.testing.assert_allclose(np.log(np.abs(u[0]) / tiny) / 40, exponents, atol=EXACT)
    np.testing.assert_array_equal(u, w)


def test_small_steps_collapse_above_the_critical_temperature():
    """Second order: 2 eta (beta_2 - wd / 2) - 2 eta^2 (a_3 / S + ...) changes its sign there."""
    decay = 0.04
    products = WEAK.batches(400_000, 16, torch.Generator().manual_seed(3))[1]
    # Shifted to the exact mean, so that its error at random does not hide the second order.
    products += WEAK.slope - products.mean()
    critical = 16 * critical_temperature(WEAK.moments(), decay)
    exponents = [growth_exponent(products, ratio * critical, decay) for ratio in (0.9, 1.1)]
    assert exponents[0] > 0 > exponents[1]
    assert critical_temperature(WEAK.moments(), 0.2) == pytest.approx(0, abs=EXACT)


@pytest.mark.parametrize(("ratio", "decay"), [(0.1, 0.0), (0.6, 0.0), (0.95, 0.0), (0.5, 0.05)])
def test_the_law_balances_drift_and_noise(ratio, decay):
    """The mean change of ln v is zero: E[g] + wd / 2 = -T E[Var g]."""
    moments = WEAK.moments()
    temperature = ratio * critical_temperature(moments, decay)
    law = stationary_law(moments, temperature, decay)
    square = law.deviation**2 + law.mean**2
    drift = moments.curvature * law.mean - moments.pull + decay / 2
    variance = (
        moments.square_variance * square
        - 2 * moments.covariance * law.mean
        + moments.product_variance
    )
    assert drift == pytest.approx(-temperature * variance, rel=1e-9)
    assert law.cumulative[-1] == pytest.approx(1, abs=EXACT)


def test_the_density_is_the_integral_that_it_replaces():
    moments = gaussian_moments(0.7, 0.6)
    temperature, decay = 0.2, 0.1

    def slope(v):
        return (moments.mean_gradient(v) + decay / 2) / (v * moments.gradient_variance(v))

    low, high = 0.2, 1.9
    exponent = -quad(slope, low, high, epsabs=EXACT)[0] / (2 * temperature)
    ratio = moments.gradient_variance(low) / moments.gradient_variance(high)
    expected = exponent - 0.5 * np.log(high / low) + np.log(ratio)
    heights = log_density(np.log([low, high]), moments, temperature, decay)
    assert heights[1] - heights[0] == pytest.approx(expected, rel=1e-10)


def test_the_law_has_a_heavy_tail_and_inverts_its_distribution():
    law = stationary_law(WEAK.moments(), 0.3 * critical_temperature(WEAK.moments()))
    # v^(-7/2) per v, so v^(-5/2) per logarithm.
    tail = np.log(law.density[law.logarithm > 10][[0, 200]])
    step = law.logarithm[200] - law.logarithm[0]
    assert np.diff(tail) / step == pytest.approx(-2.5, rel=1e-3)
    probabilities = np.array([0.1, 0.5, 0.9])
    values = law.quantiles(probabilities)
    assert [law.probability_below(value) for value in values] == pytest.approx(probabilities)


def test_sgd_has_the_stationary_law():
    """A fast look; the study config/noise.yaml measures it with intervals."""
    moments = WEAK.moments()
    temperature = 0.3 * critical_temperature(moments)
    law = stationary_law(moments, temperature)
    start = np.full(500, np.sqrt(WEAK.slope))
    u, w = descend_product(
        start,
        start,
        WEAK,
        steps=Steps(temperature),
        records=range(4_000, 8_000, 100),
        generator=torch.Generator().manual_seed(4),
    )
    assert (u * w).mean() == pytest.approx(law.mean, rel=0.05)
    assert (u * w).std() == pytest.approx(law.deviation, rel=0.05)


def shrinkage(steps, count):
    """Return by how many e-folds the mean charge of an ensemble shrinks."""
    start = np.full(300, 1.0)
    u, w = descend_product(
        0.5 * start,
        2 * start,
        Line(1.0, 1.0),
        steps=steps,
        records=[count],
        generator=torch.Generator().manual_seed(5),
    )
    return -np.log((w**2 - u**2).mean() / 3.75)


def test_momentum_is_a_longer_step_and_a_batch_a_lower_temperature():
    """eta (1 - beta) with momentum beta, and 2 eta with 4 S, shrink the charge alike."""
    plain = shrinkage(Steps(0.005), 4_000)
    assert plain == pytest.approx(4 * 0.005**2 * 4_000, rel=0.1)
    assert shrinkage(Steps(0.001, momentum=0.8), 4_000) == pytest.approx(plain, rel=0.03)
    assert shrinkage(Steps(0.01, batch_size=4), 4_000) == pytest.approx(plain, rel=0.03)


@pytest.mark.parametrize("ratio", [0.0, 1.0, 2.0])
def test_there_is_no_law_where_the_weights_collapse(ratio):
    moments = WEAK.moments()
    with pytest.raises(SymgeomError, match="stationary law at the temperature .* not between"):
        stationary_law(moments, ratio * critical_temperature(moments))


@pytest.mark.parametrize("wrong", [(0.0, 1, 0.0), (0.1, 0, 0.0), (0.1, 1, 1.0)])
def test_steps_must_be_steps(wrong):
    rate, size, momentum = wrong
    with pytest.raises(SymgeomError, match="Cannot step with learning rate"):
        Steps(rate, batch_size=size, momentum=momentum)
