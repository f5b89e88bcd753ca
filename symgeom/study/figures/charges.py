"""Conserved charges along training.

Each rescaling symmetry of a hidden unit has a charge, the squared length of its incoming minus that
of its outgoing weights, that gradient flow conserves. Above: how the charge has changed since the
start, averaged over units; means over seeds while all of them train, bands are Student's intervals.
Below: what moved the charges by the end of training, from the ledger kept at every step: weight
decay, noise of the mini-batches (estimated from consecutive steps), what finite steps would do in
full batches too, and what the optimizer does at first order because it does not commute with the
symmetry; light: in the step itself, dark: in later steps, because momentum carries it on; the
diamond is their sum. Right: what the ledger leaves unexplained, relative to the scale of the
charge, one marker per seed; below 1e-10 the account is closed, the closed ones are counted at the
top, and the grey line is the rounding of one operation. For optimizers that do not commute with the
symmetry the term is measured, and the defect only shows that the weights moved as they were said
to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import columns, logarithmic
from symgeom.study.figures.keys import key, letter, mark, note, sentences
from symgeom.study.figures.record import (
    DYNAMICS,
    Figure,
    all_of,
    asks_for,
    has_scales,
    trains_networks,
)
from symgeom.study.figures.selection import counts, grouped, mean_interval, trained_seeds
from symgeom.study.figures.series import dots, spread
from symgeom.study.figures.style import BROKEN, FAINT, INK, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

CLOSED = 1e-10
"""Relative defect below which an account counts as closed."""

LEAST = 1.5e-17
"""Smaller defects are drawn here, on the lower edge."""

NEAR = 100
"""The line of closed accounts is shown if a defect is less than this factor below it."""

CAUSES = {
    "weight_decay": ("weight decay", ""),
    "noise": ("mini-batch noise", "...."),
    "discretisation": ("finite step", "\\\\\\\\"),
    "optimizer": ("optimizer", "xxxx"),
}
"""Words and hatching of each cause; no colour, because colours are those of the arms."""

AT_ONCE = "#ffffff"
"""What a cause does in the step itself."""

CARRIED = "#b4b4b4"
"""What it does in later steps."""


def draw(results: Results) -> Picture:
    """Draw the change of the charges, its booked causes, and the defects of the accounts.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``ledgers``, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide.
    """
    ledgers = results.stage("ledgers")
    trained, elsewhere = trained_seeds(results.minima, results.arms)
    groups, remark = grouped(ledgers, "charge")
    if not trained or not groups:
        nothing = (
            "No charges to show: no usable minimum that was trained here has a conserved charge."
        )
        return words(sentences(nothing, results.left_out(), elsewhere))
    look_of = looks(results.arms)
    figure, panels = _sheet(groups)
    for group in groups:
        for arm, seeds in trained.items():
            of_arm = ledgers.sel(arm=arm, seed=seeds)
            charge = of_arm[f"charge_{group}"].mean(group)
            steps = of_arm["step"]
            level = results.number("level")
            _course(panels[f"charge {group}"], steps, charge, look_of[arm], level)
        _causes(panels[f"terms {group}"], ledgers[f"term_{group}"], group, trained)
    _closure(panels["closure"], ledgers["closure"], trained, look_of)
    letter(panels)
    key(figure, counts(trained), look_of, extra=_meanings())
    note(figure, remark, results.left_out(), elsewhere)
    return figure


def _sheet(groups: Sequence[str]) -> tuple[Picture, dict[str, Axes]]:
    """Make two panels for each group, above each other, and one for all accounts beside them."""
    above = [f"charge {group}" for group in groups]
    below = [f"terms {group}" for group in groups]
    layout = [[*above, "closure"], [*below, "closure"]]
    widths = [1.15] * len(groups) + [0.8]
    figure, panels = sheet(layout, width=PAGE, height=4.6, width_ratios=widths)
    for group in groups:
        panels[f"charge {group}"].set(
            title=f"change of the charge, {group}",
            xlabel="optimizer step",
            ylabel="change per unit (weight²)",
        )
        panels[f"terms {group}"].set(
            title=f"what moved it, {group}",
            ylabel="change per unit (weight²)",
        )
    return figure, panels


def _meanings() -> list[Artist]:
    """Return legend handles of the causes and of their sum."""
    from matplotlib.patches import Patch

    handles: list[Artist] = []
    for label, hatch in CAUSES.values():
        patch = Patch(facecolor=AT_ONCE, edgecolor=INK, hatch=hatch, linewidth=0.4, label=label)
        handles.append(patch)
    dark = Patch(facecolor=CARRIED, edgecolor=INK, linewidth=0.4, label="carried by momentum")
    handles.append(dark)
    total = mark("D", "sum", colour="white")
    total.set_markeredgecolor(INK)
    return [*handles, total]


def _course(
    panel: Axes, steps: xr.DataArray, charge: xr.DataArray, look: Look, level: float
) -> None:
    """Draw how the charge has changed: the mean over seeds while all train, and its interval."""
    values = charge.transpose("seed", "step").values
    everyone = np.isfinite(values).all(axis=0)
    x = steps.values[everyone]
    moved = values[:, everyone] - values[:, everyone][:, :1]
    mean, low, high = mean_interval(moved, level)
    panel.fill_between(x, low, high, color=look.colour, alpha=0.2, linewidth=0)
    panel.plot(x, mean, color=look.colour, linestyle=look.dashes, marker=look.marker, markevery=0.2)


def _causes(
    panel: Axes, terms: xr.DataArray, group: str, trained: Mapping[str, Sequence[int]]
) -> None:
    """Stack, per arm, the terms of the account at the end of training; a diamond is their sum."""
    for column, (arm, seeds) in enumerate(trained.items()):
        booked = terms.sel(arm=arm, seed=seeds).mean(group)
        last = _last(booked).mean("seed")
        _stack(panel, column, last)
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
    columns(panel, list(trained))


def _stack(panel: Axes, column: int, last: xr.DataArray) -> None:
    """Stack the positive terms upwards from zero, and the negative ones downwards."""
    top = 0.0
    bottom = 0.0
    for cause, (_, hatch) in CAUSES.items():
        for term, colour in ((cause, AT_ONCE), (f"carried_{cause}", CARRIED)):
            height = float(last.sel(term=term))
            start = top if height > 0 else bottom
            panel.bar(
                column, height, 0.7, start, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.4
            )
            if height > 0:
                top += height
            else:
                bottom += height


def _last(array: xr.DataArray) -> xr.DataArray:
    """Return what each seed's last snapshot holds: afterwards there is NaN."""
    ordered = array.transpose("step", ...)
    others = [dim for dim in ordered.dims if dim not in ("step", "seed")]
    recorded = ordered.notnull().all(others)
    return ordered.isel(step=recorded.cumsum("step").argmax("step"))


def _closure(
    panel: Axes,
    closure: xr.DataArray,
    trained: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw the largest relative defect of each seed's account."""
    for column, (arm, seeds) in enumerate(trained.items()):
        defects = np.maximum(closure.sel(arm=arm, seed=seeds).values, LEAST)
        dots(panel, column + spread(len(seeds)), defects, look_of[arm])
    panel.axhline(np.finfo(float).eps, color=FAINT, linewidth=0.8)
    largest = panel.dataLim.y1
    top = 30 * largest
    if largest * NEAR > CLOSED:
        top = max(top, 30 * CLOSED)
        _closed_below(panel)
    panel.set_ylim(min(5e-17, panel.dataLim.y0 / 1.5), top)
    panel.set(title="left unexplained", ylabel="largest defect / scale of the charge")
    panel.annotate(
        _closed(closure, trained),
        (1, 0.99),
        xycoords="axes fraction",
        ha="right",
        va="top",
        fontsize=7,
    )
    logarithmic(panel)
    panel.set_yticks([], minor=True)
    columns(panel, list(trained))


def _closed_below(panel: Axes) -> None:
    """Draw the line below which an account is closed."""
    panel.axhline(CLOSED, color=MUTED, linewidth=0.9, linestyle=BROKEN)
    panel.annotate(
        "closed below",
        (0.02, CLOSED),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        fontsize=7,
        color=MUTED,
    )


def _closed(closure: xr.DataArray, trained: Mapping[str, Sequence[int]]) -> str:
    """Count the accounts that are closed."""
    defects = [closure.sel(arm=arm, seed=seeds).values for arm, seeds in trained.items()]
    closed = np.concatenate(defects) < CLOSED
    return f"{closed.sum()} of {closed.size} closed\n(below 10⁻¹⁰)"


FIGURE = Figure(
    name="charges",
    text=__doc__,
    question=DYNAMICS,
    stages=("minima", "ledgers"),
    drawing=draw,
    settings=("claims.level",),
    asked=all_of(asks_for("training.ledger_snapshots"), trains_networks, has_scales),
    in_reference=asks_for("valleys"),
)
