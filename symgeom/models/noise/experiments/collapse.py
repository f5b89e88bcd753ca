r"""Where SGD collapses: the weights of :math:`(u w x - y)^2` at several temperatures.

Below the critical temperature the product of the weights has a stationary law; above it, it falls
to zero. Near zero the logarithm of the weights grows at a constant mean rate. In the theory of
small steps this is :math:`2\eta\beta_2(1 - T/T_c)`; the mean logarithm of the factor of a step is
exact, and with a strong signal it stays positive at temperatures far above :math:`T_c`.

References
----------
Ziyin, Li, Wang (2308.06671): law and temperature. Chen, Kunin, Yamamura, Ganguli (2306.04251):
stochastic collapse. Sizes are ours.
"""

import numpy as np
from numpy.typing import NDArray

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.product import critical_temperature, growth_exponent, stationary_law
from symgeom.models.noise.product_descent import Line, Steps, descend_product

LINES = {"weak signal": Line(0.1, 2.0), "strong signal": Line(1.0, 0.5)}
"""Slope and noise of the data. The first line is that of all runs that may collapse."""

RATIOS = (0.3, 0.6, 0.9, 1.1, 1.4, 2.0)
"""Temperatures, over the critical one."""

LAW_RATIOS = np.linspace(0.3, 0.99, 24)
"""Temperatures at which there is a stationary law."""

RUNS = 400
"""Runs of a draw, at every temperature."""

COLLAPSED = 1e-6
"""A product of the weights below this counts as zero."""

STATIONARY = 0.3
"""The temperature whose stationary law is compared, over the critical one."""

SAMPLES = 200
"""How often the runs are looked at, in the second half, for the stationary law."""

TINY = 1e-120
"""Weights so near zero that a step is a factor."""

NEAR_ZERO = 100
"""Steps for which they are followed from there."""

EDGES = np.linspace(-10, 2, 49)
"""Where the bins of the logarithm of the product end."""

MIDDLES = (EDGES[1:] + EDGES[:-1]) / 2

PROBABILITIES = (0.1, 0.25, 0.5, 0.75, 0.9)


def measure(steps: int, draws: int) -> Labelled:
    """Descend at several temperatures, and look at law, collapse and growth.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of ensembles of runs.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        What is measured, and the same in closed form.

    Examples
    --------
    >>> arrays, _ = measure(200, 2)
    >>> arrays["collapsed"].values.shape
    (6, 2)
    """
    coordinates = {
        "temperature": LabelledArray(
            "temperature", list(RATIOS), "1", "temperature, over the critical one"
        ),
        "law_temperature": LabelledArray(
            "law_temperature", LAW_RATIOS, "1", "temperature, over the critical one"
        ),
        "data": LabelledArray("data", list(LINES), "1", "slope and noise of the data"),
        "probability": LabelledArray("probability", list(PROBABILITIES), "1", "of a quantile"),
        "bin": LabelledArray("bin", MIDDLES, "1", "logarithm of v, middle"),
    }
    arrays = _collapses(steps, draws) | _laws(steps, draws) | _growths(steps, draws)
    return arrays, coordinates


def _collapses(steps: int, draws: int) -> dict[str, LabelledArray]:
    """Return how many runs end at zero, and how many the stationary law has there."""
    line = LINES["weak signal"]
    moments = line.moments()
    fractions = []
    diverged = []
    for ratio in RATIOS:
        temperature = ratio * critical_temperature(moments)
        products = _products(line, Steps(temperature), draws * RUNS, [steps])
        ends = products[-1].reshape(draws, RUNS)
        fractions.append((ends < COLLAPSED).mean(1))
        diverged.append((~np.isfinite(ends)).mean(1))
    critical = critical_temperature(moments)
    laws = [stationary_law(moments, ratio * critical) for ratio in LAW_RATIOS]
    theory = [law.probability_below(COLLAPSED) for law in laws]
    axes = ("temperature", "draw")
    words = f"fraction of runs whose product of weights is below {COLLAPSED:g}"
    return {
        "collapsed": LabelledArray(axes, np.stack(fractions), "1", words),
        "diverged": LabelledArray(axes, np.stack(diverged), "1", "fraction of runs that diverged"),
        "collapsed_theory": LabelledArray("law_temperature", theory, "1", f"{words}, in the law"),
        "runs": LabelledArray((), np.array(RUNS), "1", "runs of a draw"),
    }


def _products(line: Line, recipe: Steps, runs: int, records: list[int]) -> NDArray:
    """Return products of the weights from a balanced start, shape (record, run)."""
    start = np.full(runs, line.slope**0.5)
    generator = stream("collapse", str(recipe))
    outgoing, incoming = descend_product(
        start, start, line, steps=recipe, records=records, generator=generator
    )
    return outgoing * incoming


def _laws(steps: int, draws: int) -> dict[str, LabelledArray]:
    """Return the stationary law, measured and in closed form."""
    line = LINES["weak signal"]
    temperature = STATIONARY * critical_temperature(line.moments())
    first = steps // 2
    spacing = max(1, (steps - first) // SAMPLES)
    records = list(range(first + spacing, steps + 1, spacing))
    products = _products(line, Steps(temperature), draws * RUNS, records)
    by_draw = products.reshape(len(records), draws, RUNS).swapaxes(0, 1)
    of_draws = by_draw.reshape(draws, -1)
    law = stationary_law(line.moments(), temperature)
    logarithms = np.log(of_draws)
    widths = np.diff(EDGES)
    counts = [np.histogram(row, EDGES)[0] for row in logarithms]
    shares = np.stack(counts, 1) / of_draws.shape[1]
    densities = shares / widths[:, None]
    quantiles = np.quantile(of_draws, PROBABILITIES, axis=1)
    words = {"mean": "mean of v", "deviation": "standard deviation of v"}
    return {
        "density": LabelledArray(("bin", "draw"), densities, "1", "of the logarithm of v"),
        "density_theory": LabelledArray(
            "bin", np.interp(MIDDLES, law.logarithm, law.density), "1", "of the logarithm of v"
        ),
        "mean": LabelledArray("draw", of_draws.mean(1), "weight^2", words["mean"]),
        "mean_theory": LabelledArray((), np.array(law.mean), "weight^2", words["mean"]),
        "deviation": LabelledArray("draw", of_draws.std(1), "weight^2", words["deviation"]),
        "deviation_theory": LabelledArray(
            (), np.array(law.deviation), "weight^2", words["deviation"]
        ),
        "quantile": LabelledArray(("probability", "draw"), quantiles, "weight^2", "of v"),
        "quantile_theory": LabelledArray(
            "probability", law.quantiles(np.array(PROBABILITIES)), "weight^2", "of v"
        ),
    }


def _growths(steps: int, draws: int) -> dict[str, LabelledArray]:
    """Return how fast weights near zero grow, over what they would without noise."""
    measured = np.zeros((len(LINES), len(RATIOS), draws))
    exact = np.zeros((len(LINES), len(RATIOS)))
    # Runs near zero are short, so that there may be more of them for as much work.
    start = np.full(draws * RUNS * max(1, steps // NEAR_ZERO // 5), TINY)
    for row, (name, line) in enumerate(LINES.items()):
        products = line.batches(NEAR_ZERO * steps, 1, stream("collapse", "exact", name))[1]
        for column, ratio in enumerate(RATIOS):
            rate = ratio * critical_temperature(line.moments())
            alone = 2 * rate * line.slope
            # The mean of the products is known: their error at random need not enter.
            error = 2 * rate * (products.mean() - line.slope)
            exact[row, column] = (growth_exponent(products, rate) - error) / alone
            outgoing, _ = descend_product(
                start,
                start,
                line,
                steps=Steps(rate),
                records=[NEAR_ZERO],
                generator=stream("collapse", "near zero", name, str(ratio)),
            )
            grown = np.log(np.abs(outgoing[0]) / TINY)
            of_draws = grown.reshape(draws, -1).mean(1)
            measured[row, column] = of_draws / NEAR_ZERO / alone
    words = "growth of the logarithm of weights near zero, over that without noise"
    axes = ("data", "temperature")
    return {
        "growth": LabelledArray((*axes, "draw"), measured, "1", words),
        "growth_exact": LabelledArray(axes, exact, "1", f"{words}, exact"),
    }
