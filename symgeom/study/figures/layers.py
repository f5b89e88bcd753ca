"""In which layers the minima are flat.

One column per layer, from input to output, between grey lines; arms beside each other, means over
seeds, bars are Student's intervals of the mean over seeds. (a) Increase of the training error when
the weights of this layer alone are multiplied by one plus Gaussian noise, at the middle one of the
study's amplitudes; the axis is linear below 0.1 %. (b) To first order, the smallest change of this
layer's weights, each relative to its own size, that takes the median training sample to another
decision; higher is flatter. (c) Trace of this layer's block of the Hessian of the training loss.
Panels a and b do not change when units are rescaled, panel c does: rescaling moves curvature from
one layer to its neighbour. See whether an arm is flatter in all layers, or in few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.landscape.flatness.measures.catalogue import panels as panels_over
from symgeom.landscape.flatness.measures.record import Panel
from symgeom.study.figures.axes import compartments, logarithmic, percent
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import FLATNESS, Figure, asks_for, never
from symgeom.study.figures.selection import counts
from symgeom.study.figures.series import RESOLVED, bars, spread
from symgeom.study.figures.style import PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look


ROOMY = 8
"""Up to how many layers there is room for their names in upright letters."""


def draw(results: Results) -> Picture:
    """Draw local energy, relative margin and trace of the Hessian by layer, a row each.

    Parameters
    ----------
    results : Results
        With the stages ``minima``, ``flatness`` and ``curvature``, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide.
    """
    usable = results.usable()
    measured = _measured(results)
    if not usable:
        return words("No layers to compare: no minimum can be used. " + results.left_out())
    if not measured:
        return words("No layers to compare: the study measured the network as a whole only.")
    rows = [[row.array] for row in measured]
    height = 0.9 + 1.9 * len(rows)
    figure, panels = sheet(rows, width=PAGE, height=height, sharex=True)
    look_of = looks(results.arms)
    good = results.minima["usable"]
    for row, values in measured.items():
        panel = panels[row.array]
        _row(panel, values, usable, look_of, results.number("level"))
        panel.set(title=row.title, ylabel=row.axis)
        _scale(panel, row.scale, values.where(good))
    _names(panel, values["layer"].values.tolist())
    letter(panels)
    key(figure, counts(usable), look_of, lines=False)
    note(figure, results.left_out())
    return figure


def _measured(results: Results) -> dict[Panel, xr.DataArray]:
    """Return the measures that the study has, where they differ by sample of the median one."""
    measured = {}
    for row in panels_over("layer").values():
        for stage in ("flatness", "curvature"):
            arrays = results.stage(stage)
            if row.array in arrays:
                values = arrays[row.array]
                if "quantile" in values.dims:
                    values = values.sel(quantile=0.5)
                measured[row] = values
    return measured


def _row(
    panel: Axes,
    measured: xr.DataArray,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
    level: float,
) -> None:
    """Draw the arms beside each other at every layer."""
    layers = np.arange(measured.sizes["layer"])
    shifts = spread(len(usable), 0.5)
    for shift, (arm, seeds) in zip(shifts, usable.items(), strict=True):
        values = measured.sel(arm=arm, seed=seeds).transpose("seed", "layer").values
        bars(panel, layers + shift, values, look_of[arm], level=level, joined=False)
    compartments(panel, len(layers))


def _scale(panel: Axes, scale: str, shown: xr.DataArray) -> None:
    """Scale the vertical axis of a measure; ``shown`` is NaN for minima that are not drawn."""
    if scale == "percent":
        percent(panel, least=RESOLVED)
        panel.set_ylim(bottom=0)
    elif scale == "linear" and shown.notnull().any():
        panel.set_ylim(bottom=0)
    elif scale == "logarithmic" and shown.min() > 0:
        logarithmic(panel)


def _names(panel: Axes, layers: Sequence[str]) -> None:
    """Name the layers below the last panel, slanted where they are many."""
    columns = range(len(layers))
    names = [f"module {layer}" if layer.isdigit() else layer for layer in layers]
    if len(layers) <= ROOMY:
        panel.set_xticks(columns, names)
    else:
        panel.set_xticks(
            columns, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=6.5
        )
    panel.set_xlabel("layer, from input to output")


FIGURE = Figure(
    name="layers",
    text=__doc__,
    question=FLATNESS,
    stages=("minima", "flatness", "curvature"),
    drawing=draw,
    settings=("claims.level",),
    asked=asks_for("flatness.layers", "curvature.layers"),
    in_reference=never,
)
