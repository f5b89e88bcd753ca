"""The layers of deep linear networks come to norms that the noise decides.

Deep linear networks without decay, from layers of equal and of unequal norms. (a, b) Squared norms
along the descents by SGD, means over draws, four layers; bands are intervals. Dashed: closed form
(theorem 5.4, corrected). The two layers in the middle have one norm, the first and the last have
others. (c) Squared norms in the end over the corrected and over the printed form, three and four
layers; the printed one holds if the traces of the covariances of inputs and noise are the rank.
Open markers: gradient descent, over the corrected form. The inputs have variances that fall as
1/k, and stand for pictures. Our reconstruction of figure 5 of Ziyin et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import key, letter, line, mark
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.selection import mean_interval
from symgeom.study.figures.series import bars, dots
from symgeom.study.figures.style import (
    BROKEN,
    MUTED,
    PAGE,
    Look,
    ordered_looks,
    sheet,
    words,
)
from symgeom.study.stationary import late_mean

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

DEPTH = 4
"""The depth whose descents are shown."""

APART = {"corrected": -0.12, "printed": 0.12}
"""Where the forms stand beside the number of a layer."""


def draw(results: Results) -> Picture:
    """Draw the norms of the layers of deep linear networks.

    Parameters
    ----------
    results : Results
        With the stage ``layer_norms``.

    Returns
    -------
    Picture
        A page wide.
    """
    deep = results.stage("layer_norms")
    if "squared_norm" not in deep:
        return words("No descents to show: deep linear networks were not followed.")
    figure, panels = sheet("abc", width=PAGE, height=2.9)
    level = results.number("level")
    names = [f"layer {number}" for number in range(1, DEPTH + 1)]
    look_of = ordered_looks(names)
    for panel, start in zip("ab", deep["start"].values, strict=True):
        followed = deep.sel(descent="SGD", depth=DEPTH, start=start)
        for number, name in enumerate(names):
            _path(panels[panel], followed.isel(layer=number), look_of[name], level)
        panels[panel].set(title=f"from {start}", xlabel="steps of descent")
        panels[panel].set_ylabel("squared norm (weight²)")
    panels["b"].sharey(panels["a"])
    _forms(panels["c"], deep, look_of, level)
    letter(panels)
    extra = [
        line(BROKEN, "closed form"),
        mark("o", "gradient descent", colour=MUTED, fill="none"),
    ]
    key(figure, dict.fromkeys(names, deep.sizes["draw"]), look_of, heading="draws", extra=extra)
    return figure


def _path(panel: Axes, deep: xr.Dataset, look: Look, level: float) -> None:
    """Draw the squared norm of a layer along the descents."""
    steps = deep["step"].values
    norms = deep["squared_norm"].transpose("draw", "record").values
    mean, low, high = mean_interval(norms, level)
    panel.fill_between(steps, low, high, color=look.colour, alpha=0.2, linewidth=0)
    panel.plot(steps, mean, color=look.colour, linestyle=look.dashes)
    theory = float(deep["squared_norm_theory"].sel(form="corrected").mean("draw"))
    panel.axhline(theory, color=look.colour, linestyle=BROKEN, linewidth=0.8)


def _forms(panel: Axes, deep: xr.Dataset, look_of: dict[str, Look], level: float) -> None:
    """Draw the squared norms in the end over those of both forms."""
    ends = late_mean(deep["squared_norm"])
    for number, look in enumerate(look_of.values()):
        for form, offset in APART.items():
            ratio = ends / deep["squared_norm_theory"].sel(form=form)
            of_layer = ratio.isel(layer=number).stack(setting=("depth", "start"))
            of_layer = of_layer.dropna("setting", how="all").transpose("descent", "draw", "setting")
            column = number + 1 + offset
            measured = of_layer.sel(descent="SGD").values
            columns = np.full(measured.shape[1], column)
            bars(panel, columns, measured, look, level=level, joined=False)
            if form == "corrected":
                unmoved = of_layer.sel(descent="GD").values.mean(0)
                dots(panel, columns, unmoved, look, fill="none")
    panel.axhline(1, color=MUTED, linestyle=BROKEN, linewidth=0.8, zorder=0)
    logarithmic(panel)
    panel.set_xticks(range(1, DEPTH + 1))
    panel.set(title="left: corrected, right: printed", xlabel="layer, from the input on")
    panel.set_ylabel("squared norm (over the closed form)")


FIGURE = Figure(
    name="noise_layer_norms",
    text=__doc__,
    question=THEORY,
    stages=("layer_norms",),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("layer_norms"),
    model="noise_models",
)
