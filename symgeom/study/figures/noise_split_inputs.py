"""Noise does not balance norms: two linear layers on inputs of two variances.

The network of two linear layers learns the identity with noisy labels; half of the inputs have
variance φ, the others 2 − φ. (a) Squared norm of the incoming over that of the outgoing weights,
(b) half the trace of the Hessian, both as means over the second half of the descent; bars are
intervals over draws of start and data. Lines are closed forms without any fitted number: noise
alone balances the norms where all inputs are alike (φ = 1) and nowhere else, decay balances them,
and SGD with decay lies between. Without noise and decay (GD) the norms stay as they started.
(c) The ratio along the descents at φ = 0.5; decay alone is the slowest. Our reconstruction of
figure 3 of Ziyin et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import key, letter, line
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import bars
from symgeom.study.figures.style import BROKEN, PAGE, ordered_looks, sheet, words
from symgeom.study.stationary import late_mean

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

SHOWN = 0.5
"""The split whose descents are shown."""

LABELS = {
    "ratio": "squared norms (incoming / outgoing)",
    "sharpness": "half the trace of the Hessian (loss / weight²)",
}


def draw(results: Results) -> Picture:
    """Draw norms and sharpness against the split of the inputs.

    Parameters
    ----------
    results : Results
        With the stage ``split_inputs``.

    Returns
    -------
    Picture
        A page wide.
    """
    descents = results.stage("split_inputs")
    if "ratio" not in descents:
        return words("No descents to show: two layers on split inputs were not followed.")
    figure, panels = sheet("abc", width=PAGE, height=2.9)
    level = results.number("level")
    methods = [str(name) for name in descents["descent"].values]
    look_of = ordered_looks(methods)
    for name in methods:
        of_method = descents.sel(descent=name)
        _against_split(panels["a"], of_method, "ratio", look_of[name], level)
        _against_split(panels["b"], of_method, "sharpness", look_of[name], level)
        _along_descent(panels["c"], of_method, look_of[name])
    for panel in panels.values():
        logarithmic(panel)
    panels["a"].set(title="norms", ylabel=LABELS["ratio"])
    panels["b"].set(title="sharpness", ylabel=LABELS["sharpness"])
    panels["c"].set(
        title=f"on the way, φ = {SHOWN}", ylabel=LABELS["ratio"], xlabel="steps of descent"
    )
    letter(panels)
    numbers = dict.fromkeys(methods, descents.sizes["draw"])
    key(figure, numbers, look_of, heading="method (draws)", extra=[line(BROKEN, "closed form")])
    return figure


def _against_split(
    panel: Axes, descents: xr.Dataset, quantity: str, look: Look, level: float
) -> None:
    """Draw what a method ends with, and what is predicted."""
    splits = descents["split"].values
    measured = late_mean(descents[quantity]).transpose("draw", "split").values
    bars(panel, splits, measured, look, level=level, joined=False)
    fine = descents["fine_split"].values
    theory = descents[f"{quantity}_curve"].values
    panel.plot(fine, theory, color=look.colour, linestyle=BROKEN, linewidth=0.9)
    panel.set_xlabel("φ (variance of half of the inputs)")


def _along_descent(panel: Axes, descents: xr.Dataset, look: Look) -> None:
    """Draw the ratio of all draws along their descents."""
    shown = descents.sel(split=SHOWN)
    ratios = shown["ratio"].transpose("record", "draw").values
    panel.plot(shown["step"].values, ratios, color=look.colour, linewidth=0.7)
    panel.axhline(float(shown["ratio_theory"]), color=look.colour, linestyle=BROKEN, linewidth=0.9)


FIGURE = Figure(
    name="noise_split_inputs",
    text=__doc__,
    question=THEORY,
    stages=("split_inputs",),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("split_inputs"),
    model="noise_models",
)
