"""How flat the minima are.

(a) Local energy: the increase of the training error when every weight is multiplied by one plus
Gaussian noise of the given relative amplitude; for binary networks, when every weight changes its
sign with the given probability. Means over seeds, bands are Student's intervals of the mean over
seeds. A lower curve is a flatter minimum; the axis is linear below 0.1 %. This measure does not
change under the rescaling of units, so that it needs no normalisation. (b) The largest eigenvalues
of the Hessian of the training loss: markers are the top eigenvalue of each seed, dashes the next
ones. This curvature does depend on the scale of the weights, and may order the arms differently.
Binary networks have no panel b, because their loss has no curvature in the weights that compute it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.axes import columns, logarithmic, percent
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import FLATNESS, Figure
from symgeom.study.figures.selection import counts
from symgeom.study.figures.series import RESOLVED, curve, dots, spread
from symgeom.study.figures.style import COLUMN, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

ROOM = 0.08
"""Share of the axis that the number of an amplitude takes."""

AMPLITUDES = {
    "multiplicative": "amplitude of the multiplicative weight noise",
    "flips": "probability that a weight's sign flips",
}
"""What the amplitude is, by the attribute ``noise`` of the stage."""


def draw(results: Results) -> Picture:
    """Draw the local energies against the amplitude, and the top Hessian eigenvalues.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``flatness``, and ``curvature``, which binary networks do not
        have; and the setting ``level``.

    Returns
    -------
    Picture
        A page wide; a column wide without curvatures.
    """
    flatness = results.stage("flatness")
    curvature = results.stage("curvature")
    usable = results.usable()
    if not usable:
        nothing = "No local energies to show: no minimum can be used. "
        return words(nothing + results.left_out())
    look_of = looks(results.arms)
    if "eigenvalue" in curvature:
        figure, panels = sheet("aab", width=PAGE, height=2.9)
        _eigenvalues(panels["b"], curvature["eigenvalue"], usable, look_of)
    else:
        figure, panels = sheet("a", width=COLUMN, height=2.9)
    energies(panels["a"], flatness["local_energy"], usable, look_of, level=results.number("level"))
    noise = flatness.attrs.get("noise", "multiplicative")
    panels["a"].set(
        title="local energy",
        xlabel=AMPLITUDES[noise],
        ylabel="increase of the training error (%)",
    )
    letter(panels)
    key(figure, counts(usable), look_of)
    note(figure, results.left_out())
    return figure


def energies(
    panel: Axes,
    energy: xr.DataArray,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
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
    usable : mapping of str to sequence of int
        The seeds to show of each arm.
    look_of : mapping of str to Look
        By arm.
    level : float
        Coverage of the intervals.
    """
    amplitude = energy["amplitude"].values
    for arm, seeds in usable.items():
        curves = energy.sel(arm=arm, seed=seeds).transpose("seed", "amplitude")
        curve(panel, amplitude, curves.values, look_of[arm], level=level)
    percent(panel, least=RESOLVED)
    panel.set_ylim(0, min(1.0, panel.get_ylim()[1]))
    panel.set_xticks(_apart(amplitude))


def _eigenvalues(
    panel: Axes,
    eigenvalue: xr.DataArray,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw one column per arm: markers for the top eigenvalues, dashes for the next ones."""
    for column, (arm, seeds) in enumerate(usable.items()):
        look = look_of[arm]
        top, *others = eigenvalue.sel(arm=arm, seed=seeds).transpose("rank", "seed").values
        x = column + spread(len(seeds))
        for lower in others:
            panel.plot(
                x, lower, linestyle="none", marker="_", markersize=4, color=look.colour, alpha=0.6
            )
        dots(panel, x, top, look)
    panel.set(title="largest curvatures", ylabel="Hessian eigenvalues (nats/weight²)")
    logarithmic(panel)
    columns(panel, list(usable))


def _apart(amplitude: NDArray) -> list[float]:
    """Return the amplitudes that have room for their numbers, from the largest."""
    *others, largest = sorted(amplitude.tolist())
    room = ROOM * (largest - others[0])
    named = [largest]
    for value in reversed(others):
        if named[-1] - value >= room:
            named.append(value)
    return named


FIGURE = Figure(
    name="flatness",
    text=__doc__,
    question=FLATNESS,
    stages=("minima", "flatness", "curvature"),
    drawing=draw,
    settings=("claims.level",),
)
