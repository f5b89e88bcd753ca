"""Flatness: how the training error rises with noise on the weights, and the largest curvatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.parts import (
    columns,
    curve,
    key,
    letter,
    logarithmic,
    note,
    percent,
    spread,
)
from symgeom.study.figures.selection import counts, left_out, stage, usable
from symgeom.study.figures.style import COLUMN, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

RESOLVED = 1e-3
"""Increase of the error below which the axis is linear; a data set of thousands does not resolve less."""

ROOM = 0.08
"""Share of the axis that the number of an amplitude takes."""

AMPLITUDES = {
    "multiplicative": "amplitude of the multiplicative weight noise",
    "flips": "probability that a weight's sign flips",
}
"""What the amplitude is, by the attribute ``noise`` of the stage."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the local energy of each arm against the noise amplitude, and the top Hessian eigenvalues of each minimum.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``flatness``, and ``curvature``, which binary networks do not
        have.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``level`` of the intervals.

    Returns
    -------
    Figure
        A page wide; a column wide without curvatures.
    """
    minima, flatness, curvature = (
        stage(case, name) for name in ("minima", "flatness", "curvature")
    )
    kept = {arm: seeds for arm, seeds in usable(minima, arms).items() if seeds}
    if not kept:
        return words("No local energies to show: no minimum can be used. " + left_out(minima, arms))
    curved = "eigenvalue" in curvature
    figure, panels = sheet("aab" if curved else "a", width=PAGE if curved else COLUMN, height=2.9)
    energies(panels["a"], flatness["local_energy"], kept, arms, level=settings["level"])
    noise = flatness.attrs.get("noise", "multiplicative")
    panels["a"].set(
        title="local energy", xlabel=AMPLITUDES[noise], ylabel="increase of the training error (%)"
    )
    if curved:
        _eigenvalues(panels["b"], curvature["eigenvalue"], kept, arms)
    letter(panels)
    key(figure, counts(kept), arms)
    note(figure, left_out(minima, arms))
    return figure


def energies(
    panel: Axes,
    energy: xr.DataArray,
    kept: Mapping[str, Sequence[int]],
    arms: Sequence[str],
    *,
    level: float,
) -> None:
    """Draw the local energies of all arms against the amplitude.

    Parameters
    ----------
    panel : Axes
        Where.
    energy : xr.DataArray, dims (arm, seed, amplitude)
        Increases of the error, as fractions.
    kept : mapping of str to sequence of int
        The seeds to show of each arm.
    arms : sequence of str
        All arms of the study, in order.
    level : float
        Coverage of the intervals.
    """
    amplitude = energy["amplitude"].values
    for arm, seeds in kept.items():
        curve(
            panel,
            amplitude,
            energy.sel(arm=arm, seed=seeds).transpose("seed", "amplitude").values,
            looks(arms)[arm],
            level=level,
        )
    percent(panel, least=RESOLVED)
    panel.set_ylim(0, min(1.0, panel.get_ylim()[1]))
    panel.set_xticks(_apart(amplitude))


def _eigenvalues(
    panel: Axes, eigenvalue: xr.DataArray, kept: Mapping[str, Sequence[int]], arms: Sequence[str]
) -> None:
    """Draw one column per arm: a marker for the top eigenvalue of each minimum, dashes for the next ones."""
    for column, (arm, seeds) in enumerate(kept.items()):
        look, values = (
            looks(arms)[arm],
            eigenvalue.sel(arm=arm, seed=seeds).transpose("seed", "rank").values,
        )
        places = column + spread(len(seeds))
        for lower in values.T[1:]:
            panel.plot(
                places,
                lower,
                linestyle="none",
                marker="_",
                markersize=4,
                color=look.colour,
                alpha=0.6,
            )
        panel.plot(places, values[:, 0], linestyle="none", marker=look.marker, color=look.colour)
    panel.set(title="largest curvatures", ylabel="Hessian eigenvalues (nats/weight²)")
    logarithmic(panel)
    columns(panel, list(kept))
    spans = np.log10(panel.get_ylim())
    if spans[1] - spans[0] < 1.5:
        panel.set_ylim(10 ** np.floor(spans[0]), 10 ** np.ceil(spans[1]))


def _apart(amplitude: NDArray) -> list[float]:
    """Return the amplitudes that have room for their numbers, from the largest."""
    *others, largest = sorted(amplitude.tolist())
    kept = [largest]
    for place in reversed(others):
        if kept[-1] - place >= ROOM * (largest - others[0]):
            kept.append(place)
    return kept
