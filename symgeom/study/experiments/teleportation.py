r"""Does teleportation pay? Training with and without it, at equal compute.

Small networks train on the digits by plain SGD. After a few epochs they are moved along their
orbits, which changes no output: to the steepest point within a bound, to the flattest, to the
straightest, or, as a control, to a random corner of the same bound. All train on with the same
mini-batches, each at several learning rates, because a larger gradient at one rate is much like a
larger rate. What a search costs is counted in gradients of single samples, and a product with the
Hessian as two.

With five draws and 60 epochs, steepest points and random corners did at small learning rates what a
larger rate does, corners more so. With every network at its best rate, training from the steepest
point took 1.29 times the compute of training that was not moved, from the straightest 2.5 times
(1.01 times without its search). From the flattest point it reached what it reached without a move.
In time searches cost more: on one thread about 0.03 s (steepest), 0.1 s (flattest) and 0.2 s
(straightest), where an epoch of one network of many takes 5 ms.

References
----------
Zhao et al., "Symmetry teleportation for accelerated optimization" (2205.10637, steepest) and
"Improving convergence and generalization using parameter symmetries" (2305.13404, flat points).
They compare at one learning rate, and with no other point of the orbit; the controls are ours.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, stack, unstack
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.training import Plan, Trained, train
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.neighbours.teleportation import OBJECTIVES, teleport
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.digits import read
from symgeom.study.experiments.training_on import network, start, trace
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import SymmetrySpec

SAMPLES = 512
BATCH = 64
SEARCHED = 64
"""Samples that a search looks at: as many as a mini-batch has."""

EPOCHS_BEFORE = 4
"""Epochs of training before the networks are moved."""

RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6)
BOUNDS = (0.5, 1.0)
LEVEL = 0.2
"""Training loss (nat) that is to be reached."""

STAYS = "not moved"
RANDOM = "random corner"
POINTS = (STAYS, *OBJECTIVES, RANDOM)
"""Where the training goes on."""

AXES = ("point", "bound", "rate", "draw")


class Moved(NamedTuple):
    """A network at another point of its orbit.

    Attributes
    ----------
    params : dict of str to Tensor
        The network.
    spent : float
        Gradients of single samples that the search took, over the number of samples.
    change : float
        Largest change of an output, of the largest output.
    at_bound : float
        Share of the scales that are at the bound.
    """

    params: dict[str, Tensor]
    spent: float = 0.0
    change: float = 0.0
    at_bound: float = 0.0


class Digits(NamedTuple):
    """The landscapes.

    Attributes
    ----------
    training, test : Problem
        The network over the samples.
    spec : SymmetrySpec
        Its symmetries.
    """

    training: Problem
    test: Problem
    spec: SymmetrySpec


def measure(steps: int, draws: int) -> Labelled:
    """Train with and without teleportation.

    Parameters
    ----------
    steps : int
        Of every training, rounded to epochs.
    draws : int
        Of starts and mini-batches.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Losses along the trainings, what the searches cost, and what was reached.
    """
    digits = landscapes()
    epochs = max(EPOCHS_BEFORE + 1, round(steps * BATCH / SAMPLES))
    rows = []
    with torch.enable_grad():
        for rate in RATES:
            rows.append(at_rate(digits, rate, epochs, draws))
    arrays = {}
    for name, (further, unit, meaning) in MEANINGS.items():
        values = np.stack([row[name] for row in rows], axis=2)
        arrays[name] = LabelledArray((*AXES, *further), values, unit, meaning)
    coordinates = {
        "point": LabelledArray("point", list(POINTS), "1", "where the training goes on"),
        "bound": LabelledArray("bound", list(BOUNDS), "1", "largest logarithm of a scale"),
        "rate": LabelledArray("rate", list(RATES), "1", "learning rate"),
        "epoch": LabelledArray("record", list(range(epochs + 1)), "1", "epochs of training"),
    }
    return arrays, coordinates


MEANINGS = {
    "loss": (("record",), "nat", "training loss"),
    "spent": ((), "epoch", "gradients of samples that the search took, over the samples"),
    "change": ((), "1", "largest change of an output by the move, of the largest output"),
    "at_bound": ((), "1", "share of the scales that are at the bound"),
    "reached": ((), "epoch", "compute until the loss is 0.2 nat, the search included"),
    "error": ((), "1", "test error in the end"),
    "trace": ((), "nat/weight^2", "trace of the Gauss-Newton matrix in the end"),
}
"""Further axes, unit and meaning of every array."""


def landscapes() -> Digits:
    """Return the digits, training and test.

    Returns
    -------
    Digits
        Of the network of the experiments that train.
    """
    data = read(Choice())
    training = Problem(network(), data.train_inputs[:SAMPLES], data.train_targets[:SAMPLES])
    test = Problem(network(), data.test_inputs, data.test_targets)
    spec = discover(training.module, training.inputs[:2]).exact()
    return Digits(training, test, spec)


def at_rate(digits: Digits, rate: float, epochs: int, draws: int) -> dict[str, np.ndarray]:
    """Train at one learning rate from all points.

    Parameters
    ----------
    digits : Digits
        The landscapes.
    rate : float
        The learning rate.
    epochs : int
        Of every training.
    draws : int
        How many starts.

    Returns
    -------
    dict of str to array, shape (point, bound, draw, ...)
        What :data:`MEANINGS` names.
    """
    places = [(point, bound) for point in POINTS for bound in BOUNDS]
    starts = [start(digits.training, draw) for draw in range(draws)]
    orders = [stream("teleportation", "order", draw) for draw in range(draws)]
    first = trained(digits.training, starts, rate, EPOCHS_BEFORE, orders)
    moves = []
    for point, bound in places:
        for draw, params in enumerate(unstack(first.parameters)):
            moves.append(moved_to(digits, params, point, bound, draw))
    networks = [move.params for move in moves]
    orders = []
    for _ in places:
        orders += [stream("teleportation", "further order", draw) for draw in range(draws)]
    second = trained(digits.training, networks, rate, epochs - EPOCHS_BEFORE, orders)
    before = first.loss[:, :-1].repeat(len(places), 1)
    loss = torch.cat([before, second.loss], 1).numpy()
    spent = np.array([move.spent for move in moves])
    ends = unstack(second.parameters)
    values = {
        "loss": loss,
        "spent": spent,
        "change": np.array([move.change for move in moves]),
        "at_bound": np.array([move.at_bound for move in moves]),
        "reached": reached(loss, spent),
        "error": np.array([float(digits.test.error(params)) for params in ends]),
        "trace": np.array([trace(digits.training, params) for params in ends]),
    }
    shape = (len(POINTS), len(BOUNDS), draws)
    return {name: array.reshape(*shape, *array.shape[1:]) for name, array in values.items()}


def trained(
    problem: Problem,
    networks: Sequence[Parameters],
    rate: float,
    epochs: int,
    generators: Sequence[torch.Generator],
) -> Trained:
    """Train networks side by side, all to the last epoch.

    Parameters
    ----------
    problem : Problem
        The landscape.
    networks : sequence of Parameters
        Where they start.
    rate : float
        The learning rate.
    epochs : int
        How long.
    generators : sequence of torch.Generator
        The orders of the samples, one for each network.

    Returns
    -------
    Trained
        The networks, with their losses after every epoch.
    """
    method = SGD(learning_rate=rate, momentum=0.0)
    plan = Plan(batch_size=BATCH, epochs=epochs, least_epochs=epochs)
    return train(problem, stack(networks), method, plan=plan, generators=generators)


def moved_to(digits: Digits, params: Parameters, point: str, bound: float, draw: int) -> Moved:
    """Move a network along its orbit.

    Parameters
    ----------
    digits : Digits
        The landscapes; a search looks at the first samples.
    params : Parameters
        The network.
    point : str
        One of :data:`POINTS`.
    bound : float
        Largest logarithm of a scale.
    draw : int
        Number of the draw, on which a random corner depends.

    Returns
    -------
    Moved
        Another network of the same function.
    """
    problem = digits.training
    spec = digits.spec
    if point == STAYS:
        return Moved(dict(params))
    if point == RANDOM:
        corner = random_corner(spec, bound, draw)
        moved = act(spec, corner, params)
        return Moved(moved, change=_change(problem, params, moved), at_bound=1.0)
    few = problem.subset(torch.arange(SEARCHED))
    there = teleport(spec, few, params, point, bound=bound)
    passes = there.gradients + 2 * there.products
    return Moved(
        there.params,
        spent=passes * SEARCHED / SAMPLES,
        change=_change(problem, params, there.params),
        at_bound=there.at_bound / there.dimension,
    )


def random_corner(spec: SymmetrySpec, bound: float, draw: int) -> GroupElement:
    """Draw scales that are all at the bound, up or down.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; all its groups have positive scales.
    bound : float
        Size of all logarithms.
    draw : int
        Number of the draw; the signs are the same for every bound.

    Returns
    -------
    GroupElement
        The scales.
    """
    generator = stream("teleportation", "corner", draw)
    rest = identity(spec)
    scales = {}
    for name, ones in rest.scales.items():
        signs = 2.0 * torch.randint(2, ones.shape, generator=generator) - 1.0
        scales[name] = (bound * signs.to(ones)).exp()
    return GroupElement(rest.permutations, scales)


def _change(problem: Problem, before: Parameters, after: Parameters) -> float:
    """Return the largest change of an output, of the largest output."""
    outputs = problem.outputs(before)
    difference = problem.outputs(after) - outputs
    return float(difference.abs().max() / outputs.abs().max())


def reached(loss: NDArray[np.float64], spent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the compute, in epochs, until a loss is reached.

    Parameters
    ----------
    loss : array, shape (network, record)
        After every epoch.
    spent : array, shape (network,)
        What the search took, at the epoch of the move.

    Returns
    -------
    array, shape (network,)
        NaN of a network that does not reach it.
    """
    below = loss <= LEVEL
    epochs = below.argmax(1).astype(float)
    with_search = np.where(epochs > EPOCHS_BEFORE, epochs + spent, epochs)
    return np.where(below.any(1), with_search, np.nan)
