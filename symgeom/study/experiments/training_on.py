r"""Train on from several points of the orbit of a minimum, flat ones and others.

Small networks are trained on the digits to the default stop rule. Each minimum is then moved along
its orbit, which changes no output: to equal lengths of incoming and outgoing weights, to the
equilibrium of noise and weight decay, to that of noise alone, and to the smallest trace of the
Gauss-Newton matrix. From all points the same training goes on, with the same
mini-batches. What a move has won is kept as long as the charges stay where they are: SGD moves them
back, or on, at the pace of its noise and decay.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), section 5.2, on
sharpness. The projections are ours.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from symgeom.dynamics.fibre import move_to_point
from symgeom.dynamics.noise import noise_equilibrium
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, stack, unstack
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.training import Plan, train
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.digits import read
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act
from symgeom.symmetry.spec import SymmetrySpec

WIDTHS = (64, 32, 32, 10)
SAMPLES = 512
BATCH = 64
STOP_LOSS = 0.02
EPOCHS = 200
"""Most epochs until the minimum; never more than the steps that follow."""

METHOD = SGD(learning_rate=0.1, momentum=0.9, weight_decay=1e-4)
RECORDS = 8
"""Intervals between the records of the training that goes on."""

POINTS = {
    "as trained": "",
    "equal lengths": "balanced",
    "noise and decay": "",
    "noise equilibrium": "noise",
    "smallest trace": "flattest",
}
"""Where on the orbit of a minimum the training goes on, by their names here and in the library."""

Networks = Sequence[Parameters]
"""One network for each draw."""


def measure(steps: int, draws: int) -> Labelled:
    """Train to a minimum, move, and train on.

    Parameters
    ----------
    steps : int
        Of the training that goes on, rounded to epochs.
    draws : int
        Of starts and mini-batches.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Trace and loss along the training that goes on.

    Examples
    --------
    >>> arrays, _ = measure(1, 1)
    >>> arrays["trace"].dimensions, len(arrays["trace"].values)
    (('point', 'draw', 'record'), 5)
    """
    data = read(Choice())
    inputs = data.train_inputs[:SAMPLES]
    problem = Problem(network(), inputs, data.train_targets[:SAMPLES])
    spec = discover(problem.module, inputs[:2]).exact()
    per_epoch = SAMPLES // BATCH
    epochs = max(1, round(steps / per_epoch))
    rows = []
    with torch.enable_grad():
        minima = trained(problem, draws, min(EPOCHS, steps))
        for point in POINTS:
            moved = [moved_to(point, spec, problem, params) for params in minima]
            rows.append(trained_on(problem, moved, epochs, per_epoch))
    records = _records(epochs * per_epoch)
    axes = ("point", "draw", "record")
    traces = np.stack([row["trace"] for row in rows])
    losses = np.stack([row["loss"] for row in rows])
    arrays = {
        "trace": LabelledArray(axes, traces, "nat/weight^2", "trace of the Gauss-Newton matrix"),
        "loss": LabelledArray(axes, losses, "nat", "training loss"),
    }
    coordinates = {
        "point": LabelledArray("point", list(POINTS), "1", "where on the orbit it goes on"),
        "step": LabelledArray("record", records, "1", "steps since the minimum"),
    }
    return arrays, coordinates


def network() -> nn.Sequential:
    """Return the network, in float64."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(WIDTHS):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).double()


def trained(problem: Problem, draws: int, epochs: int) -> list[dict[str, Tensor]]:
    """Train networks from random starts to the stop rule.

    Parameters
    ----------
    problem : Problem
        The digits.
    draws : int
        How many.
    epochs : int
        The limit.

    Returns
    -------
    list of dict
        The minima.
    """
    plan = Plan(batch_size=BATCH, epochs=epochs, stop_loss=STOP_LOSS)
    starts = [start(problem, draw) for draw in range(draws)]
    generators = [stream("training on", "order", draw) for draw in range(draws)]
    result = train(problem, stack(starts), METHOD, plan=plan, generators=generators)
    return unstack(result.parameters)


def start(problem: Problem, draw: int) -> dict[str, Tensor]:
    """Draw a network of He's initialisation, with biases of zero.

    Parameters
    ----------
    problem : Problem
        Its landscape.
    draw : int
        Number of the draw.

    Returns
    -------
    dict of str to Tensor
        The network.
    """
    generator = stream("training on", "start", draw)
    params = {}
    for name, tensor in problem.module.named_parameters():
        params[name] = torch.zeros_like(tensor).detach()
        if tensor.ndim > 1:
            scale = (2 / tensor.shape[1]) ** 0.5
            weights = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            params[name] = scale * weights
    return params


def moved_to(
    point: str, spec: SymmetrySpec, problem: Problem, params: Parameters
) -> dict[str, Tensor]:
    """Move a network along its orbit.

    Parameters
    ----------
    point : str
        One of :data:`POINTS`.
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape.
    params : Parameters
        The network.

    Returns
    -------
    dict of str to Tensor
        Of the same function.
    """
    if point == "as trained":
        return dict(params)
    if point == "noise and decay":
        rate = METHOD.learning_rate / (1 - METHOD.momentum)
        decay = METHOD.weight_decay
        there = noise_equilibrium(
            spec, problem, params, learning_rate=rate, batch_size=BATCH, weight_decay=decay
        )
        return act(spec, there.joint.element, params)
    moved, _ = move_to_point(spec, problem, params, POINTS[point])
    return moved


def _records(steps: int) -> list[int]:
    """Return the steps of the records."""
    return sorted({round(steps * number / RECORDS) for number in range(RECORDS + 1)})


def trained_on(
    problem: Problem, networks: Networks, epochs: int, per_epoch: int
) -> dict[str, np.ndarray]:
    """Train on, and return what was seen on the way.

    Parameters
    ----------
    problem : Problem
        The digits.
    networks : sequence of Parameters
        Where to go on from; the mini-batches depend on the number of a network alone.
    epochs : int
        For how long.
    per_epoch : int
        Steps of an epoch.

    Returns
    -------
    dict of str to array, shape (network, record)
        Traces and training losses.
    """
    records = _records(epochs * per_epoch)
    seen: list[Networks] = [networks]

    def observe(
        step: int,
        before: Parameters,
        direction: Parameters,
        after: Parameters,
        learning_rate: float,
        members: Tensor,
    ) -> None:
        if step + 1 in records:
            seen.append(unstack({name: tensor.clone() for name, tensor in after.items()}))

    train(
        problem,
        stack(networks),
        METHOD,
        plan=Plan(batch_size=BATCH, epochs=epochs, least_epochs=epochs),
        generators=[stream("training on", "further order", draw) for draw in range(len(networks))],
        observe=observe,
    )
    traces = []
    losses = []
    for at_record in seen:
        traces.append([trace(problem, params) for params in at_record])
        losses.append([float(problem.loss(params)) for params in at_record])
    return {"trace": np.array(traces).T, "loss": np.array(losses).T}


def trace(problem: Problem, params: Parameters) -> float:
    """Return the trace of the Gauss-Newton matrix.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        The network.

    Returns
    -------
    float
        That of the Hessian where outputs are linear in every single weight.
    """
    diagonal: Mapping[str, Tensor] = gauss_newton_diagonal(problem, params)
    return sum(float(entries.sum()) for entries in diagonal.values())
