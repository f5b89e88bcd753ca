r"""How long weights become whose length changes no output, under SGD and gradient descent.

A regression on the direction of its weights shows the numbers: without weight decay the fourth
power of the length grows by a constant, with it the length stays where noise and decay balance.
Two networks of two layers show which lengths grow: that of both layers together where only that
one is free, and those of both layers where each is. Gradient descent has no noise, so that lengths
stop growing where it arrives.

References
----------
Ziyin et al. (2402.07193), section 5 and figure 7. Sizes and rates are ours: they are not printed.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.descent import (
    Batch,
    Weights,
    batch_moment,
    descend_losses,
    slopes_of,
)
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.scale_invariant import (
    Function,
    crossed,
    direction,
    fourth_power_at_equilibrium,
    fourth_power_step,
    layerwise,
    lengths,
    squared_losses,
)

INPUTS = 5
UNITS = 8
SAMPLES = 200
BATCH = 4


class Steps(NamedTuple):
    """How SGD steps.

    Attributes
    ----------
    learning_rate, weight_decay : float
        Of the mean squared error of a batch; decay is added to the gradient.
    noisy : bool
        Whether gradients are those of batches, or of all samples.
    """

    learning_rate: float
    weight_decay: float = 0.0
    noisy: bool = True


REGRESSIONS = {
    "no decay": Steps(0.05),
    "decay 0.01": Steps(0.1, 0.01),
    "decay 0.005": Steps(0.2, 0.005),
}

NETWORKS: dict[str, Function] = {"both layers together": crossed, "each layer": layerwise}
"""Networks of two layers, by what has a free length."""

METHODS = {"SGD": Steps(0.1), "GD": Steps(0.1, noisy=False)}


def measure(steps: int, draws: int) -> Labelled:
    """Descend, and follow the lengths.

    Parameters
    ----------
    steps : int
        Of the regressions; half as many of the networks.
    draws : int
        Of data and starts.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Lengths along the way, and what noise makes of them in closed form.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["fourth_power"].values.shape
    (3, 2, 5)
    """
    samples = _samples(draws)
    arrays, coordinates = _regressions(steps, samples)
    of_networks, of_axes = _networks(max(2, steps // 2), samples)
    return arrays | of_networks, coordinates | of_axes


def _regressions(steps: int, samples: Batch) -> Labelled:
    """Descend on the direction of the weights."""
    draws = samples[1].shape[0]
    records = even_records(steps)
    directions = _normal((draws, 1, INPUTS), "directions")
    start = {"incoming": directions / directions.norm(dim=2, keepdim=True)}
    powers = []
    moments = []
    for name, recipe in REGRESSIONS.items():
        observed = _follow(direction, start, recipe, records, samples, name)
        powers.append(observed["total"] ** 4)
        moments.append(observed["moment"])
    fourth_power = torch.stack(powers)
    moment = torch.stack(moments)
    first = len(records) // 2
    moment = moment[..., first:].mean(-1)
    predictions = []
    for late, recipe in zip(moment, REGRESSIONS.values(), strict=True):
        rate = recipe.learning_rate
        if recipe.weight_decay:
            predictions.append(fourth_power_at_equilibrium(late, rate, recipe.weight_decay))
        else:
            predictions.append(fourth_power_step(late, rate))
    growth = (fourth_power[..., -1] - fourth_power[..., first]) / (records[-1] - records[first])
    axes = ("regression", "draw")
    arrays = {
        "fourth_power": LabelledArray(
            (*axes, "record"), fourth_power.numpy(), "weight^4", "length to the fourth power"
        ),
        "growth": LabelledArray(
            axes, growth.numpy(), "weight^4/step", "its growth in a step, in the second half"
        ),
        "predicted": LabelledArray(
            axes,
            torch.stack(predictions).numpy(),
            "weight^4",
            "its growth in a step without decay, and its value at equilibrium with decay",
        ),
    }
    coordinates = {
        "regression": LabelledArray("regression", list(REGRESSIONS), "1", "weight decay"),
        "step": LabelledArray("record", records, "1", "steps of the regressions"),
    }
    return arrays, coordinates


def _networks(steps: int, samples: Batch) -> Labelled:
    """Descend networks of two layers by SGD and without noise."""
    draws = samples[1].shape[0]
    records = even_records(steps)
    start = {
        "incoming": _normal((draws, UNITS, INPUTS), "incoming"),
        "outgoing": _normal((draws, 1, UNITS), "outgoing"),
    }
    followed = []
    for network, function in NETWORKS.items():
        for method, recipe in METHODS.items():
            observed = _follow(function, start, recipe, records, samples, f"{network} {method}")
            followed.append(torch.stack([observed[part] for part in PARTS]))
    shape = (len(NETWORKS), len(METHODS), len(PARTS), draws, len(records))
    arrays = {
        "length": LabelledArray(
            ("network", "descent", "part", "draw", "network_record"),
            torch.stack(followed).reshape(shape).numpy(),
            "weight",
            "length of the weights",
        )
    }
    coordinates = {
        "network": LabelledArray("network", list(NETWORKS), "1", "what has a free length"),
        "descent": LabelledArray("descent", list(METHODS), "1", "with or without noise"),
        "part": LabelledArray("part", list(PARTS), "1", "which weights"),
        "network_step": LabelledArray("network_record", records, "1", "steps of the networks"),
    }
    return arrays, coordinates


PARTS = ("total", "incoming", "outgoing")


def _follow(
    function: Function,
    start: Weights,
    recipe: Steps,
    records: list[int],
    samples: Batch,
    name: str,
) -> dict[str, Tensor]:
    """Return lengths, and second moments of gradients at length one, shapes (draw, record)."""
    losses = squared_losses(function)

    def observe(weights: Weights) -> dict[str, Tensor]:
        of_parts = lengths(weights)
        total = of_parts["total"][:, None, None]
        unit = {layer: weight / total for layer, weight in weights.items()}
        moment = batch_moment(losses, unit, samples, batch_size=BATCH)
        return of_parts | {"moment": moment}

    _, observed = descend_losses(
        start,
        slopes_of(losses, _batches(samples, recipe.noisy, name)),
        learning_rate=recipe.learning_rate,
        records=records,
        observe=observe,
        weight_decay=recipe.weight_decay,
    )
    return observed


def _batches(samples: Batch, noisy: bool, name: str) -> Callable[[], Batch]:
    """Return what makes batches: of a few samples, with replacement, or of all."""
    if not noisy:
        return lambda: samples
    inputs, targets = samples
    generator = stream("free lengths", "batches", name)
    rows = torch.arange(len(targets))[:, None]

    def draw() -> Batch:
        columns = torch.randint(SAMPLES, (len(targets), BATCH), generator=generator)
        return inputs[rows, columns], targets[rows, columns]

    return draw


def _samples(draws: int) -> Batch:
    """Return normal inputs, and a linear function of them with noise of variance 1."""
    inputs = _normal((draws, SAMPLES, INPUTS), "inputs")
    teachers = _normal((draws, INPUTS, 1), "teachers")
    teachers = teachers / teachers.norm(dim=1, keepdim=True)
    return inputs, (inputs @ teachers)[..., 0] + _normal((draws, SAMPLES), "noise")


def _normal(shape: tuple[int, ...], name: str) -> Tensor:
    """Return normal numbers that depend on their name."""
    generator = stream("free lengths", name)
    return torch.randn(shape, generator=generator, dtype=torch.float64)
