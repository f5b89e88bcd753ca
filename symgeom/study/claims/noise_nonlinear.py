"""Claims about models of gradient noise that are not linear networks (M1 to M6).

One hidden weight, whose stationary law is known; warm-up; weights of a free length; activations
without a symmetry. Predictions have no fitted number, and descent without noise is the control.

References
----------
Ziyin, Wang, Li, Wu, "Parameter Symmetry and Noise Equilibrium of Stochastic Gradient Descent",
NeurIPS 2024 (arXiv 2402.07193). Ziyin, Li, Wang, "Law of balance and stationary distribution of
stochastic gradient descent" (2308.06671). Chen, Kunin, Yamamura, Ganguli, "Stochastic collapse",
NeurIPS 2023 (arXiv 2306.04251).
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.draws import ask_largest_deviation, ask_mean_of_draws
from symgeom.study.claims.evidence import Fraction
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question
from symgeom.study.claims.record import Direction
from symgeom.study.stationary import late_mean

EQUILIBRIUM = "Ziyin et al., NeurIPS 2024 (arXiv 2402.07193)"
BALANCE = "Ziyin, Li, Wang, 2023 (arXiv 2308.06671)"
COLLAPSE = "Chen et al., NeurIPS 2023 (arXiv 2306.04251)"

ALIKE = ("0.02, batches of 16", "0.0025, momentum 0.5", "0.0005, momentum 0.9")
"""Recipes whose charge should decay as that of the first one does."""

STABLE = ("Kaiming, warm-up", "Kaiming, balanced first", "Xavier", "Xavier as printed")
"""Ways to start and descend that should come to one sharpness."""


def decay_of_charge(measured: Measured) -> Question:
    """Ask how far the decay of the charge lies from its closed form, relative to it."""
    decay = measured.stages["charge_decay"]
    return ask_largest_deviation(decay["slope"] / decay["predicted"] - 1)


def equivalent_recipes(measured: Measured) -> Question:
    """Ask how far recipes of one temperature differ in the decay of the charge."""
    slope = measured.stages["charge_decay"]["slope"]
    first = slope.isel(recipe=0)
    return ask_largest_deviation(slope.sel(recipe=list(ALIKE)) / first - 1)


def moments_of_law(measured: Measured) -> Question:
    """Ask how far mean and deviation lie from those of the stationary law, relative to them."""
    collapse = measured.stages["collapse"]
    deviations = []
    for name in ("mean", "deviation"):
        deviations.append(collapse[name] / collapse[f"{name}_theory"] - 1)
    return ask_largest_deviation(xr.concat(deviations, "moment"))


def quantiles_of_law(measured: Measured) -> Question:
    """Ask how far quantiles lie from those of the stationary law, relative to them."""
    collapse = measured.stages["collapse"]
    return ask_largest_deviation(collapse["quantile"] / collapse["quantile_theory"] - 1)


def collapse_above(measured: Measured) -> Question:
    """Ask how many more runs collapse above the critical temperature than below it."""
    collapsed = measured.stages["collapse"]["collapsed"]
    difference = collapsed.sel(temperature=1.4) - collapsed.sel(temperature=0.6)
    return ask_mean_of_draws(difference)


def critical_temperature(measured: Measured) -> Question:
    """Ask where the growth of weights near zero changes its sign."""
    growth = measured.stages["collapse"]["growth"].sel(data="weak signal")
    crossings = [_crossing(growth.sel(draw=draw)) for draw in range(growth.sizes["draw"])]
    return ask_largest_deviation(xr.DataArray(crossings, dims="draw") - 1)


def _crossing(growth: xr.DataArray) -> float:
    """Return where a falling line through two neighbours is zero; infinity if none falls."""
    temperatures = growth["temperature"].values
    values = growth.values
    falls = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
    if not len(falls):
        return math.inf
    first = int(falls[0])
    share = values[first] / (values[first] - values[first + 1])
    return float(temperatures[first] + share * (temperatures[first + 1] - temperatures[first]))


def exact_growth(measured: Measured) -> Question:
    """Ask how far the growth of weights near zero lies from the exact one."""
    collapse = measured.stages["collapse"]
    return ask_largest_deviation(collapse["growth"] - collapse["growth_exact"])


def strong_signal(measured: Measured) -> Question:
    """Ask how weights near zero grow at twice the critical temperature of a strong signal."""
    growth = measured.stages["collapse"]["growth"]
    return ask_mean_of_draws(growth.sel(data="strong signal", temperature=2.0))


def helped(measured: Measured, *, arm: str) -> Question:
    """Ask in which fraction of draws an arm comes to an end, and the same without it diverges."""
    sharpness = measured.stages["warm_up"]["sharpness"].isel(record=-1)
    arrives = np.isfinite(sharpness.sel(arm=arm).values)
    diverges = ~np.isfinite(sharpness.sel(arm="Kaiming").values)
    successes = arrives & diverges

    def fraction() -> Answer:
        return Answer(Fraction(float(successes.mean()), len(successes)))

    strata = np.repeat("noise_models", len(successes))
    return Question(fraction, strata, {"the model": len(successes)}, ())


def end_of_warm_up(measured: Measured) -> Question:
    """Ask how far the sharpness in the end lies from its closed form, relative to it."""
    # Warm-up takes the first half.
    warm_up = measured.stages["warm_up"]
    sharpness = warm_up["sharpness"].sel(arm=list(STABLE))
    second_half = sharpness.isel(record=slice(sharpness.sizes["record"] // 2, None))
    ends = late_mean(second_half)
    return ask_largest_deviation(ends / warm_up["sharpness_theory"] - 1)


def sharpness_without_noise(measured: Measured) -> Question:
    """Ask how many times as sharp descent without noise ends, as a logarithm."""
    warm_up = measured.stages["warm_up"]
    end = late_mean(warm_up["sharpness"].sel(arm="Kaiming, no noise"))
    ratio = end / warm_up["sharpness_theory"]
    return ask_mean_of_draws(ratio.copy(data=np.log(ratio.values)))


def growth_of_length(measured: Measured) -> Question:
    """Ask how far the growth of the length lies from its closed form, relative to it."""
    free = measured.stages["free_lengths"].sel(regression="no decay")
    return ask_largest_deviation(free["growth"] / free["predicted"] - 1)


def length_at_equilibrium(measured: Measured) -> Question:
    """Ask how far the length with decay lies from its closed form, relative to it."""
    free = measured.stages["free_lengths"].isel(regression=slice(1, None))
    return ask_largest_deviation(late_mean(free["fourth_power"]) / free["predicted"] - 1)


def growth_by_noise(measured: Measured) -> Question:
    """Ask how much longer weights of a free length become with noise than without."""
    length = measured.stages["free_lengths"]["length"].sel(part="total")
    change = length.isel(network_record=-1) / length.isel(network_record=0)
    logarithm = change.copy(data=np.log(change.values)).mean("network")
    return ask_mean_of_draws(logarithm.sel(descent="SGD") - logarithm.sel(descent="GD"))


def alignment(measured: Measured, *, control: bool) -> Question:
    """Ask how alike both sides of nonlinear units become, beside the diagonal."""
    correlation = measured.stages["activations"]["off_diagonal"].sel(moment="end")
    nonlinear = correlation.isel(activation=slice(1, None)).mean("activation")
    by_noise = nonlinear.sel(descent="SGD")
    return ask_mean_of_draws(by_noise - nonlinear.sel(descent="GD") if control else by_noise)


def _claim(
    identifier: str,
    stage: str,
    words: tuple[str, str, str],
    ask: Callable[[Measured], Question],
    *,
    threshold: float,
    direction: Direction = "below",
) -> Claim:
    """Return a claim about one experiment, from its source, statement and statistic."""
    source, statement, statistic = words
    return Claim(
        identifier=identifier,
        statement=statement,
        source=source,
        statistic=statistic,
        unit_of_n="draws",
        threshold=threshold,
        direction=direction,
        stages=(stage,),
        ask=ask,
        model="noise_models",
    )


RELATIVE = "largest deviation from the closed form, relative to it, of the means over draws"

CLAIMS = (
    _claim(
        "M1",
        "charge_decay",
        (
            BALANCE,
            "The charge of one hidden weight decays by four times the squared learning rate times "
            "the second moment of the gradient of a batch.",
            f"slope of the logarithm of the charge over two e-folds: {RELATIVE}; seven recipes",
        ),
        decay_of_charge,
        threshold=0.03,
    ),
    _claim(
        "M1-recipes",
        "charge_decay",
        (
            "ours; after " + EQUILIBRIUM,
            "Momentum moves the charge as a longer step does, and sixteen times the batch as a "
            "fourth of the learning rate.",
            "slope of the logarithm of the charge over that of the plain recipe, minus 1: the "
            "largest of three recipes",
        ),
        equivalent_recipes,
        threshold=0.03,
    ),
    _claim(
        "M2",
        "collapse",
        (
            BALANCE,
            "SGD of one hidden weight has the stationary law of theory.",
            f"mean and standard deviation of the product of the weights: {RELATIVE}; at 0.3 of the "
            "critical temperature",
        ),
        moments_of_law,
        threshold=0.03,
    ),
    _claim(
        "M2-quantiles",
        "collapse",
        (
            BALANCE,
            "The quantiles of this law are those of theory, too.",
            f"quantiles from 10 to 90 % of the product of the weights: {RELATIVE}",
        ),
        quantiles_of_law,
        threshold=0.09,
    ),
    _claim(
        "M3",
        "collapse",
        (
            f"{BALANCE}; {COLLAPSE}",
            "Above the critical temperature SGD collapses, and below it does not.",
            "fraction of runs that end at zero, at 1.4 of the critical temperature minus at 0.6; "
            "weak signal",
        ),
        collapse_above,
        threshold=0.9,
        direction="above",
    ),
    _claim(
        "M3-critical",
        "collapse",
        (
            f"{BALANCE}; {COLLAPSE}",
            "With a weak signal, collapse begins at the critical temperature of small steps.",
            "temperature at which weights near zero no longer grow, over the critical one, minus 1",
        ),
        critical_temperature,
        threshold=0.05,
    ),
    _claim(
        "M3-exact",
        "collapse",
        (
            "ours; for small steps " + COLLAPSE,
            "Weights near zero grow as the exact exponent of finite steps says.",
            "growth of the logarithm of the weights, over that without noise, minus the exact one: "
            "the largest of six temperatures, weak and strong signal",
        ),
        exact_growth,
        threshold=0.03,
    ),
    _claim(
        "M3-strong",
        "collapse",
        (
            f"{BALANCE}; {COLLAPSE}",
            "With a strong signal, too, SGD collapses above the critical temperature of small "
            "steps.",
            "growth of the logarithm of weights near zero, over that without noise, at twice the "
            "critical temperature",
        ),
        strong_signal,
        threshold=0.0,
    ),
    _claim(
        "M4",
        "warm_up",
        (
            EQUILIBRIUM + ", section 5.2",
            "Warm-up lets SGD end from a start at which its learning rate diverges.",
            "fraction of draws in which SGD diverges without warm-up and ends with it (five draws "
            "can show no more than 0.4)",
        ),
        partial(helped, arm="Kaiming, warm-up"),
        threshold=0.4,
        direction="above",
    ),
    _claim(
        "M4-balanced",
        "warm_up",
        (
            "ours; after " + EQUILIBRIUM + ", section 5.2",
            "So does balancing the layers at the start, which changes no output, without warm-up.",
            "fraction of draws in which SGD diverges from the start and ends from the balanced one",
        ),
        partial(helped, arm="Kaiming, balanced first"),
        threshold=0.4,
        direction="above",
    ),
    _claim(
        "M4-end",
        "warm_up",
        (
            EQUILIBRIUM + ", figure 4",
            "All starts come to one sharpness, that of the noise equilibrium.",
            f"half the trace of the Hessian: {RELATIVE}; four starts",
        ),
        end_of_warm_up,
        threshold=0.1,
    ),
    _claim(
        "M4-descent",
        "warm_up",
        (
            EQUILIBRIUM + ", figure 4",
            "Without noise the same start stays more than ten times as sharp.",
            "logarithm of half the trace of the Hessian over that of the noise equilibrium",
        ),
        sharpness_without_noise,
        threshold=math.log(10),
        direction="above",
    ),
    _claim(
        "M5",
        "free_lengths",
        (
            "ours; after " + EQUILIBRIUM + ", appendix A",
            "The fourth power of a free length grows by twice the squared learning rate times the "
            "second moment of the gradient at length one.",
            f"growth in a step: {RELATIVE}",
        ),
        growth_of_length,
        threshold=0.03,
    ),
    _claim(
        "M5-decay",
        "free_lengths",
        (
            "ours; after " + EQUILIBRIUM + ", appendix A",
            "With decay a free length comes to where noise and decay balance.",
            f"fourth power of the length: {RELATIVE}; two decays",
        ),
        length_at_equilibrium,
        threshold=0.03,
    ),
    _claim(
        "M5-descent",
        "free_lengths",
        (
            EQUILIBRIUM + ", figure 7",
            "Noise makes free lengths of two layers grow; descent without noise does not.",
            "logarithm of the factor by which the total length grows, SGD minus gradient descent; "
            "mean of two networks",
        ),
        growth_by_noise,
        threshold=0.0,
        direction="above",
    ),
    _claim(
        "M6",
        "activations",
        (
            EQUILIBRIUM + ", figures 6 and 9",
            "Noise aligns both sides of units without a symmetry more than descent without noise.",
            "correlation, beside the diagonal, of the covariance of the units' inputs with the "
            "noise of the labels seen from them; SGD minus gradient descent, mean of four "
            "activations",
        ),
        partial(alignment, control=True),
        threshold=0.0,
        direction="above",
    ),
    _claim(
        "M6-aligned",
        "activations",
        (
            EQUILIBRIUM + ", figures 6 and 9",
            "Both sides of units without a symmetry become alike.",
            "correlation, beside the diagonal, of the covariance of the units' inputs with the "
            "noise of the labels seen from them, under SGD; mean of four activations",
        ),
        partial(alignment, control=False),
        threshold=0.5,
        direction="above",
    ),
)
