"""One function at several charges.

Every network is moved along its valley: the same function, all units at one imbalance (charge over
the squared lengths of the balanced network; equal distances are equal factors). (a) Minima: the
largest Hessian eigenvalue over that of the balanced network, as a logarithm; (b) untrained
networks: the rate at which gradient flow lowers the loss, over that of the balanced network; means
over seeds, bars are Student's intervals. (c) The loss after gradient flow of fixed duration from
untrained networks, means over all starts; the later, the darker. Nothing but the charge differs
along a line; the published experiments vary the scale of the start, and with it the function. If
the balanced network is the flattest and the slowest, the curves of a and b are lowest at zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic, minus
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import DYNAMICS, Figure, asks_for
from symgeom.study.figures.selection import counts
from symgeom.study.figures.series import bars
from symgeom.study.figures.style import MARKERS, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look


def draw(results: Results) -> Picture:
    """Draw sharpness, rate at the start and loss after gradient flow against the imbalance.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``valleys``, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide.
    """
    valleys = results.stage("valleys")
    usable = results.usable()
    if not usable or "eigenvalue" not in valleys:
        nothing = "No valleys to show: no usable minimum could be moved to other charges. "
        return words(nothing + results.left_out())
    figure, panels = sheet([["sharpness", "rate", "flow"]], width=PAGE, height=2.9)
    look_of = looks(results.arms)
    sharpness = valleys["eigenvalue"].sel(moment="end")
    rate = valleys["rate"].sel(moment="start")
    for panel, measured in ((panels["sharpness"], sharpness), (panels["rate"], rate)):
        _arms(panel, measured, usable, look_of, results.number("level"))
    panels["sharpness"].set_title("after training: sharpness")
    panels["sharpness"].set_ylabel("log₂ (eigenvalue / balanced)")
    panels["rate"].set_title("before training: rate")
    panels["rate"].set_ylabel("log₂ (rate of decrease / balanced)")
    if "flow_loss" in valleys:
        _flows(panels["flow"], valleys["flow_loss"].sel(moment="start"), usable)
    panels["flow"].set(title="after gradient flow: loss", ylabel="training loss (nats per sample)")
    for panel in panels.values():
        panel.set_xlabel("imbalance of every unit")
        _imbalances(panel, valleys["imbalance"].values)
    letter(panels)
    key(figure, counts(usable), look_of)
    largest = float(valleys["change"].max())
    remark = f"Outputs change by at most {largest:.1g} of their size."
    note(figure, remark, results.left_out())
    return figure


def _arms(
    panel: Axes,
    measured: xr.DataArray,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
    level: float,
) -> None:
    """Draw the mean over seeds of the logarithm of the ratio to the balanced network."""
    for arm, seeds in usable.items():
        walked = measured.sel(arm=arm, seed=seeds).transpose("seed", "imbalance")
        balanced = walked.sel(imbalance=0.0)
        ratio = np.log2((walked / balanced).values)
        finite = ratio[np.isfinite(ratio).all(axis=1)]
        if len(finite):
            bars(panel, walked["imbalance"].values, finite, look_of[arm], level=level)
    panel.axhline(0, color=MUTED, linewidth=0.8)


def _flows(panel: Axes, losses: xr.DataArray, usable: Mapping[str, Sequence[int]]) -> None:
    """Draw the mean loss over all starts at each time, where no flow ended early."""
    ordered = losses.transpose("arm", "seed", "imbalance", "time")
    starts = [ordered.sel(arm=arm, seed=seeds).values for arm, seeds in usable.items()]
    mean = np.concatenate(starts).mean(0)
    imbalances = losses["imbalance"].values
    times = losses["time"].values
    darker = np.linspace(0.7, 0.1, len(times))
    for number, (time, loss) in enumerate(zip(times, mean.T, strict=True)):
        panel.plot(
            imbalances,
            loss,
            color=f"{darker[number]:.2f}",
            marker=MARKERS[number % len(MARKERS)],
            label=f"time {time:g}",
        )
    logarithmic(panel)
    panel.legend(loc="best", fontsize=6.5)


def _imbalances(panel: Axes, imbalances: NDArray) -> None:
    """Scale the axis so that equal distances are equal factors between incoming and outgoing."""
    panel.set_xscale("function", functions=(np.arcsinh, np.sinh))
    panel.set_xticks(imbalances, [minus(f"{value:g}") for value in imbalances])


FIGURE = Figure(
    name="valleys",
    text=__doc__,
    question=DYNAMICS,
    stages=("minima", "valleys"),
    drawing=draw,
    settings=("claims.level",),
    asked=asks_for("valleys"),
)
