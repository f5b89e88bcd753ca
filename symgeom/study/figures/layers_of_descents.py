"""The layers of linear networks along descents, and where they end, over what was predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import key, letter, line, mark
from symgeom.study.figures.selection import mean_interval
from symgeom.study.figures.series import bars, dots, spread
from symgeom.study.figures.style import BROKEN, MUTED, PAGE, Look, ordered_looks, sheet
from symgeom.study.stationary import late_mean

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

APART = 0.24
"""How far the first and the last prediction stand apart, beside the number of a layer."""


def layers_of_descents(
    followed: xr.Dataset, ended: xr.Dataset, level: float, *, title: str
) -> Picture:
    """Draw squared norms of layers along descents from two starts, and in the end.

    Parameters
    ----------
    followed : xr.Dataset
        Networks of one depth, of which the paths are drawn: ``squared_norm`` and, in several forms,
        ``squared_norm_theory``. The first form is the one that should hold.
    ended : xr.Dataset
        All networks, of which the ends are drawn.
    level : float
        Coverage of the intervals.
    title : str
        What stands left and right in the last panel.

    Returns
    -------
    Picture
        A page wide.
    """
    figure, panels = sheet("abc", width=PAGE, height=2.9)
    names = [f"layer {number + 1}" for number in range(followed.sizes["layer"])]
    look_of = ordered_looks(names)
    for panel, start in zip("ab", followed["start"].values, strict=True):
        of_start = followed.sel(descent="SGD", start=start)
        for number, name in enumerate(names):
            _path(panels[panel], of_start.isel(layer=number), look_of[name], level)
        panels[panel].set(title=f"from {start}", xlabel="steps of descent")
        panels[panel].set_ylabel("squared norm (weight²)")
    panels["b"].sharey(panels["a"])
    _ends(panels["c"], ended, look_of, level)
    panels["c"].set_title(title)
    letter(panels)
    extra = [
        line(BROKEN, "predicted"),
        mark("o", "gradient descent", colour=MUTED, fill="none"),
    ]
    key(figure, dict.fromkeys(names, followed.sizes["draw"]), look_of, heading="draws", extra=extra)
    return figure


def _path(panel: Axes, deep: xr.Dataset, look: Look, level: float) -> None:
    """Draw the squared norm of a layer along the descents."""
    steps = deep["step"].values
    norms = deep["squared_norm"].transpose("draw", "record").values
    mean, low, high = mean_interval(norms, level)
    panel.fill_between(steps, low, high, color=look.colour, alpha=0.2, linewidth=0)
    panel.plot(steps, mean, color=look.colour, linestyle=look.dashes)
    theory = float(deep["squared_norm_theory"].isel(form=0).mean("draw"))
    panel.axhline(theory, color=look.colour, linestyle=BROKEN, linewidth=0.8)


def _ends(panel: Axes, deep: xr.Dataset, look_of: dict[str, Look], level: float) -> None:
    """Draw the squared norms in the end over those of all forms."""
    settings = ("depth", "start") if "depth" in deep["squared_norm"].dims else ("start",)
    ends = late_mean(deep["squared_norm"])
    for number, look in enumerate(look_of.values()):
        for form, offset in enumerate(spread(deep.sizes["form"], APART)):
            ratio = ends / deep["squared_norm_theory"].isel(form=form)
            of_layer = ratio.isel(layer=number).stack(setting=settings)
            of_layer = of_layer.dropna("setting", how="all").transpose("descent", "draw", "setting")
            measured = of_layer.sel(descent="SGD").values
            columns = np.full(measured.shape[1], number + 1 + offset)
            bars(panel, columns, measured, look, level=level, joined=False)
            if form == 0:
                unmoved = of_layer.sel(descent="GD").values.mean(0)
                dots(panel, columns, unmoved, look, fill="none")
    panel.axhline(1, color=MUTED, linestyle=BROKEN, linewidth=0.8, zorder=0)
    logarithmic(panel)
    panel.set_xticks(range(1, len(look_of) + 1))
    panel.set_xlabel("layer, from the input on")
    panel.set_ylabel("squared norm (over the predicted)")
