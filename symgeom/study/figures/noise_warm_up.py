"""Why warm-up helps: sharpness along SGD of a factorisation of rank one.

Half the trace of the Hessian along the descents of all draws; the dashed line is the noise
equilibrium in closed form. (a) From Kaiming's start, whose layers have unequal lengths, SGD with
the large learning rate diverges at once (no line). Warm-up with a small one (until the line bends)
lowers the sharpness to where the large one is stable. Making both layers equally long at the start,
by a factor and its inverse, changes no output and needs no warm-up. Without noise the sharpness
stays. (b) From Xavier's start the sharpness
falls; it rises slightly from half its variance, which is printed under that name. After figure 4 of
Ziyin et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic, plain_numbers
from symgeom.study.figures.keys import key, letter, line, note
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.style import BROKEN, MUTED, PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

PANELS = {"a": "Kaiming", "b": "Xavier"}
"""How the names of the arms of a panel begin."""


def draw(results: Results) -> Picture:
    """Draw sharpness against the step.

    Parameters
    ----------
    results : Results
        With the stage ``warm_up``.

    Returns
    -------
    Picture
        A page wide.
    """
    warm_up = results.stage("warm_up")
    if "sharpness" not in warm_up:
        return words("No descents to show: warm-up was not followed.")
    figure, panels = sheet("ab", width=PAGE, height=3.0)
    arms = [str(name) for name in warm_up["arm"].values]
    look_of = ordered_looks(arms)
    for name, start in PANELS.items():
        panel = panels[name]
        for arm in arms:
            if arm.startswith(start):
                _arm(panel, warm_up.sel(arm=arm), look_of[arm])
        panel.axhline(
            float(warm_up["sharpness_theory"]), color=MUTED, linestyle=BROKEN, linewidth=0.9
        )
        logarithmic(panel)
        plain_numbers(panel.xaxis, most=4)
        panel.set(title=f"{start}'s start", xlabel="steps", ylabel="half the trace of the Hessian")
    letter(panels)
    finite = np.isfinite(warm_up["sharpness"].isel(record=-1).transpose("arm", "draw").values)
    numbers = dict(zip(arms, finite.sum(1).tolist(), strict=True))
    theory = line(BROKEN, "noise equilibrium", colour=MUTED)
    key(figure, numbers, look_of, heading="arm (draws that end)", extra=[theory])
    gone = [arm for arm in arms if not numbers[arm]]
    note(figure, f"Diverged in all draws: {', '.join(gone)}." if gone else "")
    return figure


def _arm(panel: Axes, followed: xr.Dataset, look: Look) -> None:
    """Draw all draws of an arm."""
    values = followed["sharpness"].transpose("record", "draw").values
    steps = followed["step"].values
    lines = panel.plot(steps, values, color=look.colour, linestyle=look.dashes, linewidth=0.8)
    lines[0].set(marker=look.marker, markevery=0.15)


FIGURE = Figure(
    name="noise_warm_up",
    text=__doc__,
    question=THEORY,
    stages=("warm_up",),
    drawing=draw,
    asked=does_experiment("warm_up"),
    model="noise_models",
)
