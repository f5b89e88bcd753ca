r"""The path of every charge of a ReLU network under SGD, predicted and measured, with controls.

Networks of two layers come to rest by gradient descent, and are moved along their orbits, which
changes no output, until all incoming weights are too long. From there, several descents begin at
the same weights, on the same data: SGD; SGD with weight decay; full batches, which have no noise;
SGD on labels without noise, where the noise of the mini-batches dies with the error; and Adam, of
which the theory does not speak. Each is predicted twice. *From one measurement*, at the common
start, of the variance of the sample gradients: the path on the orbit, as long as the function stays
(:func:`symgeom.dynamics.noise.predicted_path`). *Along training*: what the force measured at every
record adds up to (:func:`symgeom.dynamics.noise.predicted_changes`), beside what the ledger booked
step by step (:mod:`symgeom.dynamics.ledger`).

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), equation 5 and section
5.2: label noise drives charges after the error has come to rest. Setting and controls are ours.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from symgeom.dynamics.ledger import CAUSES, Ledger, LedgerRecord
from symgeom.dynamics.noise.drift import ChargeDrift, charge_drift, predicted_changes
from symgeom.dynamics.noise.equilibrium import decay_ratio, unit_displacements
from symgeom.dynamics.noise.experiments.relu_layers import (
    INPUTS,
    SPEC,
    UNITS,
    gradients,
    labels,
    landscape,
    starts,
    unbalanced,
)
from symgeom.dynamics.noise.force import noise_force
from symgeom.dynamics.noise.path import predicted_path
from symgeom.dynamics.noise.recipe import SgdRecipe
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.models.labels import Labelled, LabelledArray

SAMPLES = 512
RATE = 0.01
REST_RATE = 0.02
BATCH = 4
DECAY = 2e-3
ADAM_RATE = 1e-3
ADAM_AVERAGES = (0.9, 0.999)
ADAM_FLOOR = 1e-8
LABEL_NOISE = 1.0
REST_SHARE = 2
"""The descents take so many times as many steps as coming to rest before."""

FACTOR = 1.5
"""By which incoming weights are longer, and outgoing ones shorter, than where networks rest."""

RECORDS = 16
"""Intervals between the records of a descent, the earlier ones the shorter."""


class Descent(NamedTuple):
    """How networks descend.

    Attributes
    ----------
    recipe : SgdRecipe
        Rates and sizes.
    label_noise : float
        Standard deviation of the noise of the labels.
    adaptive : bool
        Whether it is Adam.
    """

    recipe: SgdRecipe
    label_noise: float = LABEL_NOISE
    adaptive: bool = False


DESCENTS = {
    "SGD": Descent(SgdRecipe(RATE, BATCH)),
    "SGD, decay": Descent(SgdRecipe(RATE, BATCH, DECAY)),
    "full batches": Descent(SgdRecipe(RATE, math.inf)),
    "SGD, no label noise": Descent(SgdRecipe(RATE, BATCH), label_noise=0.0),
    "Adam": Descent(SgdRecipe(ADAM_RATE, BATCH), adaptive=True),
}
"""The descents, by name."""


class Data(NamedTuple):
    """The data of all draws.

    Attributes
    ----------
    inputs : Tensor, shape (draw, sample, input)
        Inputs.
    targets : Tensor, shape (draw, sample, output)
        Labels.
    """

    inputs: Tensor
    targets: Tensor


class Followed(NamedTuple):
    """What was seen of a descent.

    Attributes
    ----------
    record : LedgerRecord
        Charges and what changed them.
    networks : list of Parameters
        The stacked networks at every record.
    """

    record: LedgerRecord
    networks: list[dict[str, Tensor]]


def measure(steps: int, draws: int) -> Labelled:
    """Follow the charges of all descents, and predict them.

    Parameters
    ----------
    steps : int
        Of every descent.
    draws : int
        Of starts and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Charges, what changed them and how far they are from equilibrium, along the descents; what
        was predicted; NaN of Adam, where nothing is.

    Examples
    --------
    >>> arrays, _ = measure(4, 1)
    >>> arrays["charge"].dimensions, arrays["charge"].values.shape
    (('descent', 'draw', 'record', 'unit'), (5, 1, 5, 16))
    """
    records = _records(steps)
    rows: dict[str, list[np.ndarray]] = {}
    resting = {}
    for noise in (LABEL_NOISE, 0.0):
        resting[noise] = _at_rest(_data(draws, noise), max(1, steps // REST_SHARE), draws)
    for name, descent in DESCENTS.items():
        data = _data(draws, descent.label_noise)
        start = unbalanced(resting[descent.label_noise], FACTOR)
        followed = _follow(start, data, descent, records, name)
        with torch.enable_grad():  # for the gradients of single samples
            seen = _seen(followed, data, descent)
        for quantity, values in seen.items():
            rows.setdefault(quantity, []).append(values)
    arrays = {}
    for quantity, (dimensions, unit, meaning) in MEANINGS.items():
        arrays[quantity] = LabelledArray(dimensions, np.stack(rows[quantity]), unit, meaning)
    coordinates = {
        "descent": LabelledArray("descent", list(DESCENTS), "1", "how the networks descend"),
        "cause": LabelledArray("cause", list(CAUSES), "1", "what changed a charge"),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    return arrays, coordinates


ALONG = ("descent", "draw", "record")
MEANINGS = {
    "charge": ((*ALONG, "unit"), "weight^2", "charge of every unit"),
    "path": ((*ALONG, "unit"), "weight^2", "charge as predicted from one measurement"),
    "booked": ((*ALONG, "cause", "unit"), "weight^2", "what each cause changed since the start"),
    "predicted": (
        (*ALONG, "cause", "unit"),
        "weight^2",
        "what each cause was to change, from the forces at all records",
    ),
    "displacement": (
        (*ALONG, "unit"),
        "1",
        "logarithm of the scale that leads every unit to its noise equilibrium",
    ),
    "loss": (ALONG, "loss", "mean squared error"),
}
"""Axes, unit and meaning of every array."""


def _records(steps: int) -> list[int]:
    """Return the steps of the records, which are denser while charges move fast."""
    shares = np.linspace(0, 1, RECORDS + 1) ** 2
    return sorted({round(steps * share) for share in shares})


def _data(draws: int, noise: float) -> Data:
    """Draw the data: the same inputs and functions for every noise."""
    shape = (draws, SAMPLES, INPUTS)
    inputs = torch.randn(shape, generator=stream("relu flow", "inputs"), dtype=torch.float64)
    return Data(inputs, labels(inputs, noise, "flow"))


def _at_rest(data: Data, steps: int, draws: int) -> dict[str, Tensor]:
    """Return networks that have come to rest by gradient descent."""
    theta = starts(draws, "flow")
    for _ in range(steps):
        theta = _moved(theta, gradients(theta, *data), REST_RATE)
    return theta


def _moved(theta: Parameters, direction: Parameters, rate: float) -> dict[str, Tensor]:
    return {name: theta[name] - rate * direction[name] for name in theta}


def _follow(
    start: Parameters, data: Data, descent: Descent, records: Sequence[int], name: str
) -> Followed:
    """Descend, and keep the ledger and the networks at the records."""
    recipe = descent.recipe
    ledger = Ledger(
        SPEC,
        start,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        equivariant=not descent.adaptive,
    )
    theta = dict(start)
    generator = stream("relu flow", "batches", name)
    adam = Adam(theta)
    networks = []
    for step in range(records[-1] + 1):
        if step in records:
            ledger.snapshot(step, theta)
            networks.append(theta)
        slope = gradients(theta, *_batch(data, recipe.batch_size, generator))
        direction = adam.direction(slope) if descent.adaptive else _decayed(slope, theta, recipe)
        ledger.record(theta, direction, learning_rate=recipe.learning_rate)
        theta = _moved(theta, direction, recipe.learning_rate)
    return Followed(ledger.result(), networks)


def _batch(data: Data, size: float, generator: torch.Generator) -> Data:
    """Draw a mini-batch for every draw, with replacement."""
    if math.isinf(size):
        return data
    draws = len(data.inputs)
    samples = torch.randint(SAMPLES, (draws, int(size)), generator=generator)
    rows = torch.arange(draws)[:, None]
    return Data(data.inputs[rows, samples], data.targets[rows, samples])


def _decayed(slope: Parameters, theta: Parameters, recipe: SgdRecipe) -> dict[str, Tensor]:
    """Add weight decay to a gradient."""
    if recipe.weight_decay == 0:
        return dict(slope)
    return {name: slope[name] + recipe.weight_decay * theta[name] for name in theta}


class Adam:
    """The direction of Adam, from the gradients so far.

    Parameters
    ----------
    like : Parameters
        What gradients look like.
    """

    def __init__(self, like: Parameters) -> None:
        self._mean = {name: torch.zeros_like(tensor) for name, tensor in like.items()}
        self._square = dict(self._mean)
        self._step = 0

    def direction(self, slope: Parameters) -> dict[str, Tensor]:
        """Take the next gradient.

        Parameters
        ----------
        slope : Parameters
            The gradient of a mini-batch.

        Returns
        -------
        dict of str to Tensor
            Against which the weights move.
        """
        first, second = ADAM_AVERAGES
        self._step += 1
        directions = {}
        for name, gradient in slope.items():
            self._mean[name] = first * self._mean[name] + (1 - first) * gradient
            self._square[name] = second * self._square[name] + (1 - second) * gradient**2
            mean = self._mean[name] / (1 - first**self._step)
            size = (self._square[name] / (1 - second**self._step)).sqrt()
            directions[name] = mean / (size + ADAM_FLOOR)
        return directions


def _seen(followed: Followed, data: Data, descent: Descent) -> dict[str, np.ndarray]:
    """Return what was measured along a descent, and what was predicted, over draws first."""
    record = followed.record
    (charge,) = record.charge.values()
    (terms,) = record.terms.values()
    count = len(CAUSES)
    of_draws = [_of_draw(followed, data, descent, draw) for draw in range(len(data.inputs))]
    seen = {name: np.stack([row[name] for row in of_draws]) for name in of_draws[0]}
    booked = terms[:, :, :count] + terms[:, :, count:]
    return {"charge": charge.numpy(), "booked": booked.numpy(), **seen}


def _of_draw(followed: Followed, data: Data, descent: Descent, draw: int) -> dict[str, np.ndarray]:
    """Return what is known of one network along a descent."""
    recipe = descent.recipe
    steps = followed.record.step.tolist()
    problem = landscape(data.inputs[draw], data.targets[draw])
    networks = []
    for stacked in followed.networks:
        networks.append({name: tensor[draw] for name, tensor in stacked.items()})
    drifts = []
    displacements = []
    losses = []
    for params in networks:
        force = noise_force(SPEC, problem, params)
        drifts.append(charge_drift(SPEC, params, force, recipe=recipe))
        places = unit_displacements(SPEC, params, force, decay=_decay(recipe))
        displacements.append(places["hidden"].numpy())
        losses.append(float(problem.loss(params)))
    predicted = _by_cause(predicted_changes(steps, drifts))
    path = predicted_path(SPEC, problem, networks[0], recipe=recipe, steps=steps)
    where_it_holds = math.nan if descent.adaptive else 1.0
    return {
        "displacement": np.stack(displacements),
        "loss": np.array(losses),
        "predicted": where_it_holds * predicted,
        "path": where_it_holds * path.charge["hidden"].numpy(),
    }


def _decay(recipe: SgdRecipe) -> float:
    """Return the strength of decay relative to noise; there is none without both."""
    if recipe.weight_decay == 0:
        return 0.0
    return decay_ratio(
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        weight_decay=recipe.weight_decay,
    )


def _by_cause(changes: ChargeDrift) -> np.ndarray:
    """Return what was predicted in the order of the causes, shape (record, cause, unit)."""
    of_causes: Mapping[str, Mapping[str, Tensor]] = {
        "weight_decay": changes.weight_decay,
        "noise": changes.noise,
        "discretisation": changes.discretisation,
    }
    records = len(changes.noise["hidden"])
    rows = np.zeros((records, len(CAUSES), UNITS))
    for number, cause in enumerate(CAUSES):
        if cause in of_causes:
            rows[:, number] = of_causes[cause]["hidden"].numpy()
    return rows
