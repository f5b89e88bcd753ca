"""A valley with two coordinates: the charge and the loss.

Two weights, the loss w₁² + a w₂². (a) The plane: level sets of the loss (thin), which are orbits of
the group that turns them, and lines of gradient flow, each of one charge (dark colours: small
charges). They cross at right angles: in every quadrant charge and loss are coordinates. Markers:
starts of equal loss on the outermost orbit. (b) One quadrant in these coordinates: orbits are
level, flow lines run straight down. In colour, the rate at which flow lowers the loss, relative to
it: points of equal loss descend at unequal rates, and every flow ends at the slowest. (c) The loss
along flow (lines) and gradient descent (markers) from the starts of a; grey: the slowest and the
fastest rate. Broken: the same descents, moved once along their orbit to its steepest point (arrows
in a and b). Its charge is the smallest there is, flow keeps it, and one move is enough. After an
example of Zhao et al. (2210.17216).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import letter, line, mark, note
from symgeom.study.figures.record import THEORY, Figure, asks_for
from symgeom.study.figures.style import BROKEN, INK, MUTED, PAGE, SOLID, sheet, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure as Picture
    from matplotlib.patheffects import AbstractPathEffect
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results

RINGS = 4
"""Of so many level sets one is drawn."""

COLOURS = "viridis"
"""Of the charges."""

MARGIN = 3.0
"""How far beyond the charges of the starts their axis reaches."""


def draw(results: Results) -> Picture:
    """Draw the plane, its coordinates, and descents in it.

    Parameters
    ----------
    results : Results
        With the stage ``ellipses``.

    Returns
    -------
    Picture
        A page wide.
    """
    ellipse = results.stage("ellipses")
    if "orbit_charge" not in ellipse:
        return words("No ellipse to show: the model was not followed.")
    layout = [["plane", "coordinates", "descent"]]
    figure, panels = sheet(layout, width=PAGE, height=2.6, width_ratios=[1.8, 1, 1])
    _plane(panels["plane"], ellipse)
    picture = _coordinates(panels["coordinates"], ellipse)
    bar = figure.colorbar(picture, ax=panels["coordinates"], pad=0.03, aspect=20)
    bar.set_label("rate of decrease (1/time)")
    _descents(panels["descent"], ellipse)
    letter(panels)
    handles = [
        line(SOLID, "level set of the loss: an orbit", colour=MUTED, width=0.6),
        line(SOLID, "flow"),
        mark("o", "descent"),
        line(BROKEN, "moved along the orbit"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    note(figure, _drift(ellipse))
    return figure


def _shades(ellipse: xr.Dataset) -> list[tuple[float, float, float, float]]:
    """Return the colour of every start: of small charges dark, of large ones bright."""
    from matplotlib import colormaps

    charges = ellipse["flow_charge"].isel(step=0).values
    ranks = charges.argsort().argsort() / (len(charges) - 1)
    return [colormaps[COLOURS](0.9 * rank) for rank in ranks]


def _quadrants(weights: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
    """Yield a curve of the first quadrant, shape (point, 2), and its mirror images."""
    for first in (1, -1):
        for second in (1, -1):
            yield first * weights[:, 0], second * weights[:, 1]


def _plane(panel: Axes, ellipse: xr.Dataset) -> None:
    """Draw level sets and lines of flow in all quadrants."""
    orbits = ellipse["orbit_weights"].transpose("level", "angle", "weight").values
    for orbit in orbits[::-RINGS]:
        for first, second in _quadrants(_with_ends(orbit)):
            panel.plot(first, second, color=MUTED, linewidth=0.6)
    flows = ellipse["flow_weights"].transpose("start", "step", "weight").values
    for way, shade in zip(flows, _shades(ellipse), strict=True):
        for first, second in _quadrants(np.vstack([way, np.zeros(2)])):
            panel.plot(first, second, color=shade)
        panel.plot(*way[0], color=shade, marker="o", markersize=5, markeredgecolor="white")
    _turn(panel, orbits[-1], flows[0, 0])
    panel.set_aspect("equal")
    panel.set(title="weights", xlabel="first weight, w₁", ylabel="second weight, w₂")


def _turn(panel: Axes, orbit: NDArray, start: NDArray) -> None:
    """Draw a little outside how a start moves along its orbit to the steepest point."""
    beyond = 1.1 * orbit[orbit[:, 0] <= start[0]]
    panel.plot(beyond[:, 0], beyond[:, 1], color=INK, linestyle=BROKEN, linewidth=0.9)
    panel.annotate(
        "",
        xy=(0, beyond[-1, 1]),
        xytext=beyond[len(beyond) // 2],
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0, "shrinkA": 0, "shrinkB": 0},
    )


def _with_ends(orbit: NDArray) -> NDArray:
    """Return a quarter of an ellipse with its ends on both axes."""
    first = [np.hypot(*orbit[0]), 0.0]
    second = [0.0, np.hypot(*orbit[-1])]
    return np.vstack([first, orbit, second])


def _coordinates(panel: Axes, ellipse: xr.Dataset) -> ScalarMappable:
    """Draw the rate of decrease over charge and loss, and the lines of flow."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.2, foreground="white")]
    axes = ("level", "angle")
    picture = panel.pcolormesh(
        ellipse["orbit_charge"].transpose(*axes).values,
        ellipse["orbit_loss"].transpose(*axes).values,
        ellipse["orbit_decrease"].transpose(*axes).values,
        cmap="cividis_r",
        shading="gouraud",
        rasterized=True,
    )
    for start, shade in enumerate(_shades(ellipse)):
        charge = ellipse["flow_charge"].isel(start=start).values
        loss = ellipse["flow_loss"].isel(start=start).values
        panel.plot(charge, loss, color=shade, path_effects=halo)
        panel.plot(
            charge[0],
            loss[0],
            marker="o",
            color=shade,
            markeredgecolor="white",
            markersize=5,
            clip_on=False,
            zorder=3,
        )
    _move(panel, ellipse.isel(start=0), halo)
    levels = ellipse["level"].values
    charges = ellipse["flow_charge"].values
    panel.set_xlim(charges.min() - MARGIN, charges.max() + MARGIN)
    panel.set(title="charge and loss", xlabel="charge (log of weight)", ylabel="loss (weight²)")
    panel.set_ylim(levels.min(), levels.max())
    logarithmic(panel)
    return picture


def _move(panel: Axes, start: xr.Dataset, halo: Sequence[AbstractPathEffect]) -> None:
    """Draw how a descent moves along its orbit, to a charge that is beyond the axis."""
    descents = start["descent_loss"]
    step = _last_alike(descents.sel(turn="never").values, descents.sel(turn="once").values)
    level = float(start["flow_loss"].values[step])
    panel.annotate(
        "",
        xy=(0, level),
        xytext=(float(start["flow_charge"].values[step]), level),
        xycoords=("axes fraction", "data"),
        textcoords="data",
        arrowprops={
            "arrowstyle": "-|>",
            "color": INK,
            "linestyle": BROKEN,
            "path_effects": halo,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def _descents(panel: Axes, ellipse: xr.Dataset) -> None:
    """Draw the loss over time: flow, descent, and descent that is turned once."""
    time = ellipse["time"].values
    rates = ellipse["orbit_decrease"].values
    for rate in (rates.min(), rates.max()):
        panel.plot(time, np.exp(-rate * time), color="#bbbbbb", linewidth=2.4)
    for start, shade in enumerate(_shades(ellipse)):
        line = ellipse.isel(start=start)
        panel.plot(time, line["flow_loss"].values, color=shade)
        followed = line["descent_loss"].sel(turn="never").values
        panel.plot(
            time, followed, linestyle="none", marker="o", markersize=2.2, color=shade, markevery=5
        )
        turned = line["descent_loss"].sel(turn="once").values
        after = slice(_last_alike(followed, turned), None)
        panel.plot(time[after], turned[after], color=shade, linestyle=BROKEN, linewidth=0.9)
    levels = ellipse["level"].values
    panel.set(title="descent", xlabel="time (rate × steps)", ylabel="loss (weight²)")
    panel.set_ylim(levels.min(), 1.3)
    logarithmic(panel)


def _last_alike(one: NDArray, other: NDArray) -> int:
    """Return the last step before two descents differ."""
    unlike = np.flatnonzero(one != other)
    return int(unlike[0]) - 1 if len(unlike) else len(one) - 1


def _drift(ellipse: xr.Dataset) -> str:
    """Say how far the charges of descents drift."""
    charge = ellipse["descent_charge"].transpose("start", "step").values
    drift = (charge[:, -1] - charge[:, 0]).mean() / (charge.shape[1] - 1)
    return f"Descent raises every charge by {drift:.2g} in each step, flow keeps it."


FIGURE = Figure(
    name="model_ellipse",
    text=__doc__,
    question=THEORY,
    stages=("ellipses",),
    drawing=draw,
    asked=asks_for("ellipse"),
    model="ellipse",
)
