"""Walks along the valley: how sharp one function is, and how fast it is learnt, at several charges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.parts import bars, key, letter, logarithmic, note
from symgeom.study.figures.selection import counts, left_out, stage, usable
from symgeom.study.figures.style import COLOURS, MUTED, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw sharpness at the minima, rate at the start and the loss after gradient flow against the imbalance.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``valleys``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``level`` of the intervals.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, valleys = stage(case, "minima"), stage(case, "valleys")
    kept = {arm: seeds for arm, seeds in usable(minima, arms).items() if seeds}
    if not kept or "eigenvalue" not in valleys:
        return words(
            "No valleys to show: no usable minimum could be moved to other charges. "
            + left_out(minima, arms)
        )
    figure, panels = sheet([["sharpness", "rate", "flow"]], width=PAGE, height=2.9)
    shown = {"sharpness": ("eigenvalue", "end"), "rate": ("rate", "start")}
    for name, (measure, moment) in shown.items():
        for arm, seeds in kept.items():
            walked = (
                valleys[measure]
                .sel(arm=arm, seed=seeds, moment=moment)
                .transpose("seed", "imbalance")
            )
            _ratios(panels[name], walked, looks(arms)[arm], settings["level"])
        panels[name].axhline(0, color=MUTED, linewidth=0.8)
    panels["sharpness"].set(
        title="after training: sharpness", ylabel="log₂ (eigenvalue / balanced)"
    )
    panels["rate"].set(title="before training: rate", ylabel="log₂ (rate of decrease / balanced)")
    if "flow_loss" in valleys:
        _flows(panels["flow"], valleys["flow_loss"].sel(moment="start"), kept)
    panels["flow"].set(title="after gradient flow: loss", ylabel="training loss (nat)")
    for panel in panels.values():
        panel.set_xlabel("imbalance of every unit")
        _sinh(panel, valleys["imbalance"].values)
    letter(panels)
    key(figure, counts(kept), arms)
    largest = float(valleys["change"].max())
    note(
        figure,
        " ".join(
            filter(
                None,
                [f"Outputs change by at most {largest:.1g} of their size.", left_out(minima, arms)],
            )
        ),
    )
    return figure


def _ratios(panel: Axes, walked: xr.DataArray, look: object, level: float) -> None:
    """Draw the mean over seeds of the logarithm of what was measured, over its value in the balanced network."""
    ratio = np.log2(walked / walked.sel(imbalance=0.0))
    finite = ratio[np.isfinite(ratio).all("imbalance").values]
    if len(finite):
        bars(panel, ratio["imbalance"].values, finite.values, look, level=level)


def _flows(panel: Axes, losses: xr.DataArray, kept: Mapping[str, Sequence[int]]) -> None:
    """Draw the mean over all starts of the loss at each time of the flow; where a flow ended early there is nothing."""
    ordered = losses.transpose("arm", "seed", "imbalance", "time")
    pooled = np.concatenate(
        [ordered.sel(arm=arm, seed=seeds).values for arm, seeds in kept.items()]
    )
    for colour, (place, time) in zip(COLOURS, enumerate(losses["time"].values), strict=False):
        panel.plot(
            losses["imbalance"].values,
            pooled[..., place].mean(0),
            color=colour,
            marker="o",
            label=f"time {time:g}",
        )
    logarithmic(panel)
    panel.legend(loc="best", fontsize=6.5)


def _sinh(panel: Axes, imbalances: Sequence[float]) -> None:
    """Scale the horizontal axis so that equal distances are equal factors between what comes in and what goes out."""
    panel.set_xscale("function", functions=(np.arcsinh, np.sinh))
    panel.set_xticks(imbalances, [f"{value:g}".replace("-", "−") for value in imbalances])
