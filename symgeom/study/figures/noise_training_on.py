"""Points of an orbit from which training goes on: how flat it stays.

Small networks are trained on 512 digits to the default stop rule, moved along their orbits, which
changes no output, and trained on with the same mini-batches. (a) Trace of the Gauss-Newton matrix,
as means over draws, with intervals: what a move has won, or lost, at the minimum, and what is left
of it later. (b) Training loss. The lines of points from which training goes on alike coincide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.keys import key, letter
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import curve
from symgeom.study.figures.style import PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

SHOWN = {
    "a": ("trace", "trace of the Hessian", "trace (nat/weight²)"),
    "b": ("loss", "training loss", "loss (nat)"),
}
"""Array, title and label of every panel."""


def draw(results: Results) -> Picture:
    """Draw trace and loss along the trainings that go on.

    Parameters
    ----------
    results : Results
        With the stage ``training_on``.

    Returns
    -------
    Picture
        A page wide.
    """
    trainings = results.stage("training_on")
    if "trace" not in trainings:
        return words("No trainings to show: no minimum was moved and trained on.")
    points = [str(name) for name in trainings["point"].values]
    look_of = ordered_looks(points)
    figure, panels = sheet("ab", width=PAGE, height=2.7)
    steps = trainings["step"].values
    level = results.number("level")
    for label, (array, title, words_of_axis) in SHOWN.items():
        for name in points:
            values = trainings[array].sel(point=name).transpose("draw", "record").values
            curve(panels[label], steps, values, look_of[name], level=level)
        panels[label].set(title=title, xlabel="steps since the minimum", ylabel=words_of_axis)
    letter(panels)
    key(figure, dict.fromkeys(points, trainings.sizes["draw"]), look_of, heading="from (draws)")
    return figure


FIGURE = Figure(
    name="noise_training_on",
    text=__doc__,
    question=THEORY,
    stages=("training_on",),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("training_on"),
    model="noise_models",
)
