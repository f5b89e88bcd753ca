r"""How fast noise balances two weights: the charge of :math:`(u w x - y)^2` under SGD.

The charge shrinks by :math:`4 \eta^2 (E\,\mathrm{Var}\,g / S + E (E g)^2)` in a step, which is
averaged over the products that SGD visits; the theory of small steps has the first term at the
minimum alone. Momentum :math:`\mu` makes :math:`\eta` longer by :math:`1 / (1 - \mu)`, and a batch
of four samples lowers the noise as half the learning rate does.

References
----------
Ziyin, Li, Wang, "Law of balance and stationary distribution of stochastic gradient descent"
(2308.06671). Sizes and rates are ours.
"""

import numpy as np
from numpy.typing import NDArray

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.product import balancing_rate
from symgeom.models.noise.product_descent import Line, Steps, descend_product

LINE = Line(1.0, 1.0)

RUNS = 400
"""Copies of the model of which a draw is the mean."""

START = (0.5, 2.0)
"""Outgoing and incoming weight at the start: their product is the slope of the line."""

RECIPES = {
    "0.005": Steps(0.005),
    "0.01": Steps(0.01),
    "0.02": Steps(0.02),
    "0.05, batches of 4": Steps(0.05, batch_size=4),
    "0.02, batches of 16": Steps(0.02, batch_size=16),
    "0.0025, momentum 0.5": Steps(0.0025, momentum=0.5),
    "0.0005, momentum 0.9": Steps(0.0005, momentum=0.9),
}
"""By learning rate and what else there is."""


def measure(steps: int, draws: int) -> Labelled:
    """Descend by all recipes from one start, and compare the decay of the charge.

    Parameters
    ----------
    steps : int
        Of the first recipe. Others take as many as the theory gives them for the same decay.
    draws : int
        Of ensembles of runs.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Logarithms of the charge, their slopes, and the slopes that are predicted.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["slope"].values.shape
    (7, 2)
    """
    paths = []
    slopes = []
    predictions = []
    counts = []
    for name, recipe in RECIPES.items():
        count = max(2, round(steps * _leading(RECIPES["0.005"]) / _leading(recipe)))
        records = even_records(count)
        u, w = _follow(recipe, records, draws, name)
        path = np.log(np.abs(w**2 - u**2)).mean(-1)
        paths.append(_resampled(path, records, count))
        slopes.append((path[0] - path[-1]) / count)
        learning_rate = recipe.temperature * recipe.batch_size
        rates = balancing_rate(LINE.moments(), u * w, learning_rate, recipe.batch_size)
        predictions.append(rates.mean((0, -1)))
        counts.append(count)
    axes = ("recipe", "draw")
    arrays = {
        "log_charge": LabelledArray(
            ("recipe", "share", "draw"), paths, "1", "mean logarithm of the charge over the runs"
        ),
        "slope": LabelledArray(axes, np.stack(slopes), "1/step", "how fast that falls"),
        "predicted": LabelledArray(
            axes, predictions, "1/step", "the same in closed form, averaged over what SGD visits"
        ),
        "leading": LabelledArray(
            "recipe",
            [_leading(recipe) for recipe in RECIPES.values()],
            "1/step",
            "the same for small steps: the noise at the minimum alone",
        ),
    }
    coordinates = {
        "recipe": LabelledArray("recipe", list(RECIPES), "1", "learning rate, and what else"),
        "steps_done": LabelledArray("recipe", counts, "1", "steps of descent"),
        "share": LabelledArray("share", list(SHARES), "1", "share of the steps"),
    }
    return arrays, coordinates


SHARES = np.linspace(0, 1, 21)
"""At which shares of its steps a path is kept."""


def _leading(recipe: Steps) -> float:
    """Return the decay of the charge that small steps have."""
    variance = float(LINE.moments().gradient_variance(np.array(LINE.slope)))
    return 4 * recipe.temperature**2 * recipe.batch_size * variance


def _follow(recipe: Steps, records: list[int], draws: int, name: str) -> tuple[NDArray, NDArray]:
    """Return the weights along the way, shapes (record, draw, run)."""
    start = np.ones(draws * RUNS)
    weights = descend_product(
        START[0] * start,
        START[1] * start,
        LINE,
        steps=recipe,
        records=records,
        generator=stream("charge decay", name),
    )
    shape = (len(records), draws, RUNS)
    outgoing, incoming = weights
    return outgoing.reshape(shape), incoming.reshape(shape)


def _resampled(path: NDArray, records: list[int], count: int) -> NDArray:
    """Return a path at the shares that all recipes have, shape (share, draw)."""
    columns = [np.interp(SHARES * count, records, column) for column in path.T]
    return np.stack(columns, 1)
