"""Whether training sharpens or flattens, predicted from the initialisation and the width.

Two linear layers learn the identity with noisy labels. (a) Half the trace of the Hessian along
descents by SGD with twice as many units as inputs, means over draws; dotted: gradient descent;
dashed: closed form of the end. (b) The factor by which it changes against its prediction, from all
initialisations and widths; bars are intervals over draws. Above 1 training sharpens, below it
flattens. Xavier's initialisation flattens; with half its variance, as the source has it, training
sharpens. Gradient descent (open markers) ends elsewhere. After section 5.2 of Ziyin et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import key, letter, line, mark
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import bars, dots
from symgeom.study.figures.style import BROKEN, INK, MUTED, PAGE, ordered_looks, sheet, words
from symgeom.study.stationary import late_mean

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Dashes, Look

DOTTED: Dashes = (0, (1, 1))

TICKS = (0.3, 0.5, 1.0, 2.0, 3.0)
"""Factors that are labelled."""


def draw(results: Results) -> Picture:
    """Draw how the sharpness changes, and what is predicted.

    Parameters
    ----------
    results : Results
        With the stage ``sharpening``.

    Returns
    -------
    Picture
        A page wide.
    """
    sharpening = results.stage("sharpening")
    if "sharpness" not in sharpening:
        return words("No descents to show: no sharpness of two layers was followed.")
    figure, panels = sheet("ab", width=PAGE, height=3.0)
    names = [str(name) for name in sharpening["initialisation"].values]
    look_of = ordered_looks(names)
    widest = sharpening.isel(width=-1)
    for name in names:
        look = look_of[name]
        _paths(panels["a"], widest.sel(initialisation=name), look)
        _changes(panels["b"], sharpening.sel(initialisation=name), look, results.number("level"))
    panels["a"].axhline(float(widest["end_theory"]), color=INK, linestyle=BROKEN, linewidth=0.8)
    panels["a"].set(title=f"{int(widest['width'])} units", xlabel="steps of descent")
    panels["a"].set_ylabel("half the trace of the Hessian (loss / weight²)")
    panels["b"].axline((1, 1), slope=1, color=MUTED, linestyle=BROKEN, linewidth=0.8, zorder=0)
    panels["b"].set(title="all widths", xlabel="predicted change (end / start)")
    panels["b"].set_ylabel("change of the trace (end / start)")
    panels["a"].locator_params(axis="x", nbins=5)
    panels["b"].set_xscale("log")
    panels["b"].set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    panels["b"].minorticks_off()
    for panel in panels.values():
        logarithmic(panel)
    letter(panels)
    extra = [
        line(BROKEN, "closed form"),
        mark("o", "gradient descent", colour=MUTED, fill="none"),
    ]
    numbers = dict.fromkeys(names, sharpening.sizes["draw"])
    key(figure, numbers, look_of, heading="start (draws)", extra=extra)
    return figure


def _paths(panel: Axes, sharpening: xr.Dataset, look: Look) -> None:
    """Draw the mean sharpness along the descents by both methods."""
    means = sharpening["sharpness"].mean("draw")
    steps = sharpening["step"].values
    panel.plot(
        steps, means.sel(descent="SGD").values, color=look.colour, marker=look.marker, markevery=10
    )
    panel.plot(steps, means.sel(descent="GD").values, color=look.colour, linestyle=DOTTED)


def _changes(panel: Axes, sharpening: xr.Dataset, look: Look, level: float) -> None:
    """Draw the factor by which the sharpness changes against its prediction."""
    predicted = (sharpening["end_theory"] / sharpening["start_theory"]).values
    followed = sharpening["sharpness"]
    factor = late_mean(followed) / followed.isel(record=0)
    factor = factor.transpose("descent", "draw", "width")
    bars(panel, predicted, factor.sel(descent="SGD").values, look, level=level, joined=False)
    dots(panel, predicted, factor.sel(descent="GD").values.mean(0), look, fill="none")


FIGURE = Figure(
    name="noise_sharpening",
    text=__doc__,
    question=THEORY,
    stages=("sharpening",),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("sharpening"),
    model="noise_models",
)
