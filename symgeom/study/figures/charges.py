"""Conserved charges: how they move along training, what moved them, and whether the account closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from symgeom.study.figures.parts import columns, key, letter, logarithmic, note, spread
from symgeom.study.figures.selection import counts, grouped, left_out, mean_interval, seen
from symgeom.study.figures.style import FAINT, INK, MUTED, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLOSED = 1e-10
"""Relative defect below which an account counts as closed."""

TERMS = {
    "weight_decay": ("weight decay", "#56B4E9", ""),
    "momentum_memory": ("momentum", "#E69F00", "////"),
    "noise": ("mini-batch noise", "#009E73", "...."),
    "discretisation": ("finite step", "#0072B2", "\\\\\\\\"),
    "optimizer": ("optimizer", "#CC79A7", "xxxx"),
}


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the change of the charges against the step, the booked causes of their change, and the defects of the accounts.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``ledgers``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``level`` of the intervals.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, ledgers = case["minima"].to_dataset(), case["ledgers"].to_dataset()
    kept, elsewhere = seen(minima, arms)
    groups, remark = grouped(ledgers, "charge")
    if not kept or not groups:
        nothing = (
            "No charges to show: no usable minimum that was trained here has a conserved charge."
        )
        return words(" ".join(filter(None, [nothing, left_out(minima, arms), elsewhere])))
    layout = [
        [f"charge {group}" for group in groups] + ["closure"],
        [f"terms {group}" for group in groups] + ["closure"],
    ]
    figure, panels = sheet(
        layout, width=PAGE, height=4.6, width_ratios=[1.15] * len(groups) + [0.8]
    )
    for group in groups:
        for arm, seeds in kept.items():
            _course(
                panels[f"charge {group}"],
                ledgers.sel(arm=arm, seed=seeds),
                group,
                looks(arms)[arm],
                settings["level"],
            )
        panels[f"charge {group}"].set(
            title=f"change of the charge, {group}",
            xlabel="optimizer step",
            ylabel="change per unit (weight²)",
        )
        _causes(panels[f"terms {group}"], ledgers, group, kept)
        panels[f"terms {group}"].set(
            title=f"what moved it, {group}", ylabel="change per unit (weight²)"
        )
    _closure(panels["closure"], ledgers["closure"], kept, arms)
    handles = [
        Patch(facecolor=colour, edgecolor=INK, hatch=hatch, linewidth=0.4, label=label)
        for label, colour, hatch in TERMS.values()
    ]
    handles.append(
        Line2D(
            [], [], linestyle="none", marker="D", color="white", markeredgecolor=INK, label="sum"
        )
    )
    # Between the panels and the page's edge: bars of either sign leave no corner that is free in every study.
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=len(handles),
        handlelength=1.6,
        columnspacing=1.2,
    )
    letter(panels)
    key(figure, counts(kept), arms)
    note(figure, " ".join(filter(None, [remark, left_out(minima, arms), elsewhere])))
    return figure


def _course(panel: Axes, ledgers: xr.Dataset, group: str, look: object, level: float) -> None:
    """Draw how the charge has changed, averaged over units: the mean over seeds while all of them train, and its interval."""
    along = _along(ledgers[f"charge_{group}"])
    values = ledgers[f"charge_{group}"].mean(group).transpose("seed", along).values
    steps = np.broadcast_to(ledgers["step"].values, values.shape)
    everyone = np.isfinite(values).all(axis=0)
    values = values[:, everyone]
    mean, low, high = mean_interval(values - values[:, :1], level)
    steps = steps[:, everyone].mean(axis=0)
    panel.fill_between(steps, low, high, color=look.colour, alpha=0.2, linewidth=0)
    panel.plot(
        steps, mean, color=look.colour, linestyle=look.dashes, marker=look.marker, markevery=0.2
    )


def _causes(
    panel: Axes, ledgers: xr.Dataset, group: str, kept: Mapping[str, Sequence[int]]
) -> None:
    """Stack, per arm, the terms of the account at the end of training; a diamond is their sum."""
    for column, (arm, seeds) in enumerate(kept.items()):
        booked = ledgers[f"term_{group}"].sel(arm=arm, seed=seeds).mean(group)
        last = _last(booked).mean("seed")
        heights = {"up": 0.0, "down": 0.0}
        for term, (_, colour, hatch) in TERMS.items():
            height = float(last.sel(term=term))
            side = "up" if height > 0 else "down"
            panel.bar(
                column,
                height,
                0.7,
                heights[side],
                color=colour,
                hatch=hatch,
                edgecolor=INK,
                linewidth=0.4,
            )
            heights[side] += height
        panel.plot(
            column,
            float(last.sum("term")),
            marker="D",
            color="white",
            markeredgecolor=INK,
            markersize=4,
            zorder=3,
        )
    panel.axhline(0, color=INK, linewidth=0.6)
    panel.margins(y=0.08)
    panel.use_sticky_edges = False
    columns(panel, list(kept))


def _along(array: xr.DataArray) -> str:
    """Return the dimension of the snapshots."""
    return next(str(dim) for dim in array.dims if dim in {"step", "snapshot"})


def _last(array: xr.DataArray) -> xr.DataArray:
    """Return what each seed's last snapshot holds; seeds leave training at different steps, and are NaN afterwards."""
    along = _along(array)
    array = array.transpose(along, ...)
    seen = array.notnull().all([dim for dim in array.dims if dim not in (along, "seed")])
    return array.isel({along: seen.cumsum(along).argmax(along)})


def _closure(
    panel: Axes, closure: xr.DataArray, kept: Mapping[str, Sequence[int]], arms: Sequence[str]
) -> None:
    """Draw the largest relative defect of each seed's account."""
    for column, (arm, seeds) in enumerate(kept.items()):
        look = looks(arms)[arm]
        values = np.maximum(closure.sel(arm=arm, seed=seeds).values, 1.5e-17)
        panel.plot(
            column + spread(len(seeds)),
            values,
            linestyle="none",
            marker=look.marker,
            color=look.colour,
        )
    panel.axhline(CLOSED, color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)))
    at = {
        "xy": (0.02, CLOSED),
        "xycoords": ("axes fraction", "data"),
        "xytext": (0, 2),
        "textcoords": "offset points",
    }
    panel.annotate("closed below", **at, fontsize=7, color=MUTED)
    panel.axhline(np.finfo(float).eps, color=FAINT, linewidth=0.8)
    panel.set(title="left unexplained", ylabel="largest defect / scale of the charge")
    panel.set_ylim(1e-17, 10 * max(CLOSED, panel.dataLim.y1))
    logarithmic(panel)
    panel.yaxis.set_minor_locator(NullLocator())
    columns(panel, list(kept))
