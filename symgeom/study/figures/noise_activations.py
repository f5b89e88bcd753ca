"""Both sides of hidden units with several activations: how alike noise makes them.

An autoencoder of noisy labels, after SGD. Upper row: covariance of the units' inputs; middle row:
noise of the labels seen from the units, both of the first draw, over their largest entry. For the
linear network theory has them equal. Lower row: two numbers of the likeness at the end, dots are
draws: cosine of the two matrices, and correlation of their entries beside the diagonal; filled:
SGD, open: gradient descent without noise, which is the control. The cosine is large whatever the
matrices; the correlation is small for activations without a symmetry, and negative without noise.
After figures 6 and 9 of Ziyin et al., which show the matrices alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.keys import key, mark, note
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import dots, spread
from symgeom.study.figures.style import FAINT, PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results

SIDES = {"incoming": "inputs\n(covariance)", "outgoing": "noise of labels\n(covariance)"}
"""The two matrices of a column, and what is written beside them."""

NUMBERS = {"cosine": "cosine", "off_diagonal": "correlation off the diagonal"}
"""The two numbers of a column, and what the key says of them."""

LOOKS = ordered_looks(list(NUMBERS.values()))


def draw(results: Results) -> Picture:
    """Draw matrices and numbers, a column for each activation.

    Parameters
    ----------
    results : Results
        With the stage ``activations``.

    Returns
    -------
    Picture
        A page wide.
    """
    stage = results.stage("activations")
    if "matrix" not in stage:
        return words("Nothing to show: no activation was followed.")
    names = [str(name) for name in stage["activation"].values]
    layout = [[f"{row} {name}" for name in names] for row in (*SIDES, "numbers")]
    figure, panels = sheet(layout, width=PAGE, height=4.6)
    for column, name in enumerate(names):
        of_activation = stage.sel(activation=name)
        for side, label in SIDES.items():
            panel = panels[f"{side} {name}"]
            _matrix(panel, of_activation["matrix"].sel(descent="SGD", side=side).values)
            if not column:
                panel.set_ylabel(label)
        panels[f"incoming {name}"].set_title(name)
        _numbers(panels[f"numbers {name}"], of_activation.sel(moment="end"), first=not column)
    draws = dict.fromkeys(NUMBERS.values(), stage.sizes["draw"])
    control = mark("o", "gradient descent", fill="none")
    key(figure, draws, LOOKS, heading="SGD (draws)", lines=False, extra=[control])
    note(figure, "Matrices over their largest entry: red is positive, blue negative.")
    return figure


def _matrix(panel: Axes, matrix: NDArray) -> None:
    """Draw a matrix, with colours that are symmetric around zero."""
    largest = np.abs(matrix).max()
    panel.imshow(matrix / largest, cmap="RdBu_r", vmin=-1, vmax=1)
    panel.set_xticks([])
    panel.set_yticks([])


def _numbers(panel: Axes, stage: xr.Dataset, *, first: bool) -> None:
    """Draw the two numbers of all draws by both methods."""
    panel.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
    for number, (name, label) in enumerate(NUMBERS.items()):
        for shift, method in ((-0.18, "SGD"), (0.18, "GD")):
            values = stage[name].sel(descent=method).values
            x = number + shift + spread(len(values), width=0.2)
            dots(panel, x, values, LOOKS[label], fill=None if method == "SGD" else "none")
    panel.set_xticks([])
    panel.set_xlim(-0.5, len(NUMBERS) - 0.5)
    panel.set_ylim(-1.05, 1.05)
    if first:
        panel.set_ylabel("likeness")
    else:
        panel.set_yticklabels([])


FIGURE = Figure(
    name="noise_activations",
    text=__doc__,
    question=THEORY,
    stages=("activations",),
    drawing=draw,
    asked=does_experiment("activations"),
    model="noise_models",
)
