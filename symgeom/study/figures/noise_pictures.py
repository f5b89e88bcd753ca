"""The layers of deep linear networks that learn pictures come to norms that the noise decides.

Four linear layers learn the classes of pictures (digits, or MNIST if the study says so) with the
squared error, without decay, from layers of equal and of unequal norms. (a, b) Squared norms along
the descents by SGD, means over draws; bands are intervals. Dashed: where the noise of the pictures
balances every layer and the next, at the function that SGD has in the end. From both starts the two
layers in the middle come to one norm, and the first and the last to others. (c) Squared norms in
the end over this balance (left), and over the closed formula for labels whose noise does not depend
on the pictures (right), as it does. Open markers: gradient descent, which stays near its
start. Our reconstruction of figure 5 of Ziyin et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.layers_of_descents import layers_of_descents
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.style import words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results


def draw(results: Results) -> Picture:
    """Draw the norms of the layers of linear networks that learn pictures.

    Parameters
    ----------
    results : Results
        With the stage ``picture_layers``.

    Returns
    -------
    Picture
        A page wide.
    """
    deep = results.stage("picture_layers")
    if "squared_norm" not in deep:
        return words("No descents to show: no linear networks learnt pictures.")
    level = results.number("level")
    return layers_of_descents(deep, deep, level, title="left: balance, right: formula")


FIGURE = Figure(
    name="noise_pictures",
    text=__doc__,
    question=THEORY,
    stages=("picture_layers",),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("picture_layers"),
    model="noise_models",
)
