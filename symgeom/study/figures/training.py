"""How the minima were reached, and at what cost.

Training loss (a) and training error (b) over the whole training set, whenever it was evaluated, one
line per seed; a marker is where the seed left training, a cross where it diverged; what grows far
beyond the others leaves panel a at the top. The dashed lines are the stop rule: a seed leaves when
both its error and its loss are at or below them, or, of an arm at another one's budget, when it has
spent that. Where training stops in common there is one, the lowest training loss that all arms came
to, and lines end where seeds first came to it. See whether all arms end at the same loss: only then
does a difference in flatness say something about the optimizer, and not about how long it trained.
The error axis is linear below its lowest decade, so that zero can be shown. (c) What each seed has
cost, in gradients of single samples: optimizers that take several gradients per step, or train
several replicas, pay for them here and not in the epochs of a and b.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import columns, logarithmic, percent
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import TRAINING, Figure, trains_networks
from symgeom.study.figures.selection import trained_seeds
from symgeom.study.figures.series import spread
from symgeom.study.figures.style import BROKEN, INK, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

RESOLVED = 1e-3
"""Where the error axis becomes linear if no error is above zero."""


def draw(results: Results) -> Picture:
    """Draw training loss and error against the epoch, and what each run has cost.

    Parameters
    ----------
    results : Results
        With the stage ``minima``, and as settings the stop rule: ``stop_loss`` (nats) and
        ``stop_error`` (fraction).

    Returns
    -------
    Picture
        A page wide.
    """
    minima = results.minima
    if not np.isfinite(minima["history_loss"]).any():
        return words("No training history to show: no seed was trained.")
    look_of = looks(results.arms)
    if "sample_gradients" in minima:
        figure, panels = sheet("abc", width=PAGE, height=2.8, width_ratios=[1.3, 1.3, 1])
        _costs(panels["c"], minima, look_of)
    else:
        figure, panels = sheet("ab", width=PAGE, height=2.8, width_ratios=[1.3, 1.3])
    _losses(panels["a"], minima, look_of)
    _errors(panels["b"], minima, look_of)
    depth = minima.attrs.get("depth")
    if depth is None:
        _stop_rule(panels["a"], results.number("stop_loss"))
        _stop_rule(panels["b"], results.number("stop_error"))
    elif np.isfinite(depth):
        _stop_rule(panels["a"], depth, label="common depth")
    letter(panels)
    key(figure, _trained(minima), look_of)
    diverged = bool((minima["status"] == "diverged").any())
    _, elsewhere = trained_seeds(minima, results.arms)
    note(
        figure,
        results.left_out().replace("Left out", "Shown here, left out elsewhere"),
        elsewhere,
        "A cross marks divergence." if diverged else "",
    )
    return figure


def _trained(minima: xr.Dataset) -> dict[str, int]:
    """Count the seeds of each arm that were trained here, whatever came of them."""
    numbers = {}
    for arm in minima["arm"].values.tolist():
        ended = minima["status"].sel(arm=arm).values
        if "imported" not in ended:
            numbers[arm] = int((ended != "").sum())
    return numbers


def _losses(panel: Axes, minima: xr.Dataset, look_of: Mapping[str, Look]) -> None:
    """Draw the training loss of every seed; what diverges may leave the panel."""
    _histories(panel, minima, "history_loss", look_of)
    panel.set(title="loss", xlabel="epoch", ylabel="training loss (nats per sample)")
    logarithmic(panel)
    losses = minima["history_loss"].where(minima["usable"])
    if np.isfinite(losses).any():
        top = panel.get_ylim()[1]
        panel.set_ylim(top=min(top, 10 * float(losses.max())))


def _errors(panel: Axes, minima: xr.Dataset, look_of: Mapping[str, Look]) -> None:
    """Draw the training error of every seed, linear below the decade of the least error."""
    _histories(panel, minima, "history_error", look_of)
    panel.set(title="error", xlabel="epoch", ylabel="training error (%)")
    errors = minima["history_error"].values
    least = min(errors[errors > 0], default=RESOLVED)
    percent(panel, least=10.0 ** np.floor(np.log10(least)))
    panel.set_ylim(bottom=0)


def _stop_rule(panel: Axes, stop: float, label: str = "stop rule") -> None:
    """Draw the value at or below which a seed leaves training."""
    from matplotlib.patheffects import withStroke

    panel.axhline(stop, color=INK, linewidth=0.8, linestyle=BROKEN, zorder=1)
    panel.annotate(
        label,
        (0.99, stop),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=7,
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )


def _histories(panel: Axes, minima: xr.Dataset, name: str, look_of: Mapping[str, Look]) -> None:
    """Draw one line per seed."""
    epoch = minima["epoch"].values
    curves = minima[name].transpose("arm", "seed", "epoch")
    for arm in minima["arm"].values.tolist():
        ended = minima["status"].sel(arm=arm).values
        for curve, status in zip(curves.sel(arm=arm).values, ended, strict=True):
            seen = np.isfinite(curve)
            if seen.any():
                _history(panel, epoch[seen], curve[seen], look_of[arm])
                _end(panel, epoch[seen][-1], curve[seen][-1], look_of[arm], status)


def _history(panel: Axes, epoch: NDArray, curve: NDArray, look: Look) -> None:
    """Draw the history of a seed."""
    panel.plot(epoch, curve, color=look.colour, linestyle=look.dashes, linewidth=0.7, alpha=0.75)


def _end(panel: Axes, epoch: float, value: float, look: Look, status: str) -> None:
    """Mark where a seed left training, also on the edge of the panel if that is zero."""
    (marker,) = panel.plot(epoch, value, color=look.colour, marker=look.marker, zorder=3)
    marker.set_clip_on(bool(value > 0))
    if status == "diverged":
        marker.set(marker="x", markersize=6, markeredgewidth=1.4)


def _costs(panel: Axes, minima: xr.Dataset, look_of: Mapping[str, Look]) -> None:
    """Draw how many gradients of samples each seed evaluated; a cross where it diverged."""
    gradients = minima["sample_gradients"]
    spent = gradients.where((minima["status"] != "") & (gradients > 0))
    stored = minima["arm"].values
    arms = [arm for arm in look_of if arm in stored and spent.sel(arm=arm).notnull().any()]
    for column, arm in enumerate(arms):
        colour = look_of[arm].colour
        costs = spent.sel(arm=arm).values
        lost = minima["status"].sel(arm=arm).values == "diverged"
        x = column + spread(len(lost))
        for runs, marker in ((~lost, look_of[arm].marker), (lost, "x")):
            panel.plot(x[runs], costs[runs], linestyle="none", marker=marker, color=colour)
    panel.set(title="cost", ylabel="gradients of single samples")
    logarithmic(panel)
    columns(panel, arms)


FIGURE = Figure(
    name="training",
    text=__doc__,
    question=TRAINING,
    stages=("minima",),
    drawing=draw,
    settings=("training.stop_loss", "training.stop_error"),
    asked=trains_networks,
)
