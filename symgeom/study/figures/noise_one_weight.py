"""One hidden weight under SGD: its charge decays, its stationary law, and its collapse.

The model is (u w x − y)², v = u w. (a) The charge w² − u² decays as the closed form says: measured
rate over the predicted one, for several learning rates, batches (S) and momenta (μ); open markers:
over that of the noise at the minimum alone, which is the limit of small steps. (b) At 0.3 of the
critical temperature, the distribution of v (markers) is the predicted law (line). (c) Fraction of
runs that end at zero, with binomial intervals: above the critical temperature all collapse; the
line is what the stationary law has there. (d) Growth of weights near zero, over that without noise:
in the limit of small steps it changes its sign at the critical temperature (dotted). The exact
exponent of finite steps (dashed) is what is measured: with a strong signal nothing collapses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.keys import letter, line, mark
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import bars, dots
from symgeom.study.figures.style import (
    BROKEN,
    FAINT,
    INK,
    MUTED,
    PAGE,
    Dashes,
    ordered_looks,
    sheet,
    words,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

DOTTED: Dashes = (0, (1, 1))
RELATIVE_TEMPERATURE = "temperature / critical temperature"


def draw(results: Results) -> Picture:
    """Draw rate, law, collapse and growth.

    Parameters
    ----------
    results : Results
        With the stages ``charge_decay`` and ``collapse``.

    Returns
    -------
    Picture
        A page wide.
    """
    decay = results.stage("charge_decay")
    collapse = results.stage("collapse")
    if "slope" not in decay or "collapsed" not in collapse:
        return words("Nothing to show: one hidden weight was not followed.")
    figure, panels = sheet(["ab", "cd"], width=PAGE, height=5.0)
    level = results.number("level")
    _rates(panels["a"], decay, level)
    _law(panels["b"], collapse, level)
    _fractions(panels["c"], collapse, level)
    _growth(panels["d"], collapse, level)
    letter(panels)
    return figure


def _rates(panel: Axes, decay: xr.Dataset, level: float) -> None:
    """Draw measured rates over predicted ones."""
    look = ordered_looks(["measured"])["measured"]
    columns = np.arange(decay.sizes["recipe"])
    ratio = (decay["slope"] / decay["predicted"]).transpose("draw", "recipe").values
    limit = (decay["slope"] / decay["leading"]).transpose("draw", "recipe").values
    panel.axhline(1, color=MUTED, linestyle=BROKEN, linewidth=0.9)
    bars(panel, columns, ratio, look, level=level, joined=False)
    dots(panel, columns, limit.mean(0), look, fill="none")
    names = [_short(str(name)) for name in decay["recipe"].values]
    panel.set_xticks(columns, names, rotation=35, ha="right", rotation_mode="anchor")
    panel.set(title="decay of the charge", ylabel="rate, measured / predicted")


def _short(recipe: str) -> str:
    """Shorten the words of a recipe."""
    return recipe.replace("batches of ", "S = ").replace("momentum ", "μ = ")


def _law(panel: Axes, collapse: xr.Dataset, level: float) -> None:
    """Draw the distribution of v beside its law."""
    look = ordered_looks(["measured"])["measured"]
    logarithm = collapse["bin"].values
    v = np.exp(logarithm)
    densities = collapse["density"].transpose("draw", "bin").values
    shown = densities.mean(0) > 0
    bars(panel, v[shown], densities[:, shown], look, level=level, joined=False)
    panel.plot(v, collapse["density_theory"].values, color=INK, linewidth=0.9)
    panel.set_xscale("log")
    panel.set_xlim(1e-4, 3)
    panel.set(title="stationary law", xlabel="v (weight²)", ylabel="density of ln v")


def _fractions(panel: Axes, collapse: xr.Dataset, level: float) -> None:
    """Draw how many runs collapse."""
    from symgeom.study.claims.evidence import Fraction

    look = ordered_looks(["measured"])["measured"]
    temperatures = collapse["temperature"].values
    fractions = collapse["collapsed"].mean("draw").values
    trials = int(collapse["runs"]) * collapse.sizes["draw"]
    tail = (1 - level) / 2
    evidence = [Fraction(float(fraction), trials) for fraction in fractions]
    low = [one.low(tail) for one in evidence]
    high = [one.high(tail) for one in evidence]
    panel.axvline(1, color=FAINT, linewidth=0.8)
    panel.vlines(temperatures, low, high, color=look.colour, linewidth=1.0)
    dots(panel, temperatures, fractions, look)
    panel.plot(
        collapse["law_temperature"].values,
        collapse["collapsed_theory"].values,
        color=MUTED,
        linestyle=BROKEN,
        linewidth=0.9,
    )
    panel.set(title="collapse", xlabel=RELATIVE_TEMPERATURE, ylabel="fraction of runs at zero")


def _growth(panel: Axes, collapse: xr.Dataset, level: float) -> None:
    """Draw how fast weights near zero grow."""
    data = [str(name) for name in collapse["data"].values]
    temperatures = collapse["temperature"].values
    look_of = ordered_looks(data)
    panel.axhline(0, color=FAINT, linewidth=0.8)
    panel.plot(temperatures, 1 - temperatures, color=MUTED, linestyle=DOTTED, linewidth=0.9)
    for name in data:
        look = look_of[name]
        growth = collapse.sel(data=name)
        measured = growth["growth"].transpose("draw", "temperature").values
        exact = growth["growth_exact"].values
        panel.plot(temperatures, exact, color=look.colour, linestyle=BROKEN, linewidth=0.9)
        bars(panel, temperatures, measured, look, level=level, joined=False)
    handles = [mark(look_of[name].marker, name, colour=look_of[name].colour) for name in data]
    handles += [line(BROKEN, "exact"), line(DOTTED, "small steps", colour=MUTED)]
    panel.legend(handles=handles, loc="lower left", fontsize=7)
    panel.set(title="near zero", xlabel=RELATIVE_TEMPERATURE, ylabel="growth / that without noise")


FIGURE = Figure(
    name="noise_one_weight",
    text=__doc__,
    question=THEORY,
    stages=("charge_decay", "collapse"),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("charge_decay", "collapse"),
    model="noise_models",
)
