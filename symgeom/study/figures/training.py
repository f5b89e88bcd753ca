"""Training histories: how each seed of each arm came to its minimum, and where the stop rule let it go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.parts import columns, key, letter, logarithmic, note, percent, spread
from symgeom.study.figures.selection import left_out, seen
from symgeom.study.figures.style import INK, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from symgeom.study.figures.style import Look

RESOLVED = 1e-3
"""Where the error axis becomes linear if no error is above zero."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw training loss and training error against the epoch, one line per seed, and what each run has cost.

    Parameters
    ----------
    case : xr.DataTree
        With the stage ``minima``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        The stop rule: ``stop_loss`` (nats) and ``stop_error`` (fraction).

    Returns
    -------
    Figure
        A page wide.
    """
    minima = case["minima"].to_dataset()
    if not np.isfinite(minima["history_loss"]).any():
        return words("No training history to show: no seed was trained.")
    layout = "abc" if "sample_gradients" in minima else "ab"
    figure, panels = sheet(
        layout, width=PAGE, height=2.8, width_ratios=[1.3, 1.3, 1][: len(layout)]
    )
    ended, known = minima["status"].transpose("arm", "seed").values, minima["arm"].values.tolist()
    errors = minima["history_error"].values
    least = min(errors[errors > 0], default=RESOLVED)
    for panel, name in zip(
        (panels["a"], panels["b"]), ("history_loss", "history_error"), strict=True
    ):
        curves = minima[name].transpose("arm", "seed", "epoch").values
        for row, arm in enumerate(known):
            _histories(
                panel,
                minima["epoch"].values,
                curves[row],
                ended[row] == "diverged",
                looks(arms)[arm],
            )
    panels["a"].set(title="loss", ylabel="training loss (nats per sample)")
    logarithmic(panels["a"])
    panels["b"].set(title="error", ylabel="training error (%)")
    losses = minima["history_loss"].where(minima["usable"])
    if np.isfinite(losses).any():  # what diverges may leave the panel
        panels["a"].set_ylim(top=min(panels["a"].get_ylim()[1], 10 * float(losses.max())))
    percent(panels["b"], least=10.0 ** np.floor(np.log10(least)))
    panels["b"].set_ylim(bottom=0)
    for panel, stop in (
        (panels["a"], settings["stop_loss"]),
        (panels["b"], settings["stop_error"]),
    ):
        panel.axhline(stop, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        at = {"xy": (0.01, stop), "xycoords": ("axes fraction", "data")}
        panel.annotate(
            "stop rule", **at, xytext=(2, 2), textcoords="offset points", va="bottom", fontsize=7
        )
        panel.set_xlabel("epoch")
    if "c" in panels:
        _costs(panels["c"], minima, arms)
    letter(panels)
    trained = {
        arm: int((ended[row] != "").sum())
        for row, arm in enumerate(known)
        if "imported" not in ended[row]
    }
    key(figure, trained, arms)
    remark = " ".join(
        filter(
            None,
            [
                left_out(minima, arms).replace("Left out", "Shown here, left out elsewhere"),
                seen(minima, arms)[1],
            ],
        )
    )
    note(figure, f"{remark} A cross marks divergence." if (ended == "diverged").any() else remark)
    return figure


def _histories(panel: Axes, epoch: NDArray, curves: NDArray, diverged: NDArray, look: Look) -> None:
    """Draw one line per seed and mark where it ends, also on the edge of the panel if that is zero."""
    for curve, lost in zip(curves, diverged, strict=True):
        seen = np.flatnonzero(np.isfinite(curve))
        if len(seen):
            panel.plot(
                epoch[seen],
                curve[seen],
                color=look.colour,
                linestyle=look.dashes,
                linewidth=0.7,
                alpha=0.75,
            )
            mark = (
                {"marker": "x", "markersize": 6, "markeredgewidth": 1.4}
                if lost
                else {"marker": look.marker}
            )
            end = curve[seen[-1]]
            panel.plot(
                epoch[seen[-1]], end, color=look.colour, **mark, zorder=3, clip_on=bool(end > 0)
            )


def _costs(panel: Axes, minima: xr.Dataset, arms: Sequence[str]) -> None:
    """Draw the gradients of single samples that each run evaluated, one marker per seed; a cross where it diverged."""
    spent = minima["sample_gradients"].where(
        (minima["status"] != "") & (minima["sample_gradients"] > 0)
    )
    shown = [
        arm for arm in arms if arm in minima["arm"].values and spent.sel(arm=arm).notnull().any()
    ]
    for column, arm in enumerate(shown):
        own, lost = spent.sel(arm=arm), minima["status"].sel(arm=arm).values == "diverged"
        places = column + spread(len(lost))
        for runs, marker in ((~lost, looks(arms)[arm].marker), (lost, "x")):
            panel.plot(
                places[runs],
                own.values[runs],
                linestyle="none",
                marker=marker,
                color=looks(arms)[arm].colour,
            )
    panel.set(title="cost", ylabel="gradients of single samples")
    logarithmic(panel)
    columns(panel, shown)
