"""The layers of deep linear networks come to norms that the noise decides.

Deep linear networks without decay, from layers of equal and of unequal norms. (a, b) Squared norms
along the descents by SGD, means over draws, four layers; bands are intervals. Dashed: closed form
(theorem 5.4, corrected). The two layers in the middle have one norm, the first and the last have
others. (c) Squared norms in the end over the corrected and over the printed form, three and four
layers; the printed one holds if the traces of the covariances of inputs and noise are the rank.
Open markers: gradient descent, over the corrected form. The inputs are normal, of variances that
fall as 1/k.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.layers_of_descents import layers_of_descents
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.style import words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

DEPTH = 4
"""The depth whose descents are shown."""


def draw(results: Results) -> Picture:
    """Draw the norms of the layers of deep linear networks.

    Parameters
    ----------
    results : Results
        With the stage ``layer_norms``.

    Returns
    -------
    Picture
        A page wide.
    """
    deep = results.stage("layer_norms")
    if "squared_norm" not in deep:
        return words("No descents to show: deep linear networks were not followed.")
    of_depth = deep.sel(depth=DEPTH).isel(layer=slice(DEPTH))
    level = results.number("level")
    return layers_of_descents(of_depth, deep, level, title="left: corrected, right: printed")


FIGURE = Figure(
    name="noise_layer_norms",
    text=__doc__,
    question=THEORY,
    stages=("layer_norms",),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("layer_norms"),
    model="noise_models",
)
