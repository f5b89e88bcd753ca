r"""Which point of an orbit survives a large learning rate.

A rank-one factorisation with Kaiming's start is so sharp that SGD with a large learning rate
diverges, and warm-up at a small one lets the noise flatten it. If that is why warm-up helps, moving
the start along its orbit, which changes no output, must do the same. The same fresh networks
therefore begin as they are, with layers of equal length, at their noise equilibrium, at the
smallest trace of the Hessian on the orbit, and after warm-up, at several learning rates.

Where there are as many inputs as outputs, three of these points almost agree. With more inputs than
outputs, layers of equal length are sharper: half a trace of :math:`(d_x + d_y)\,\sigma` instead of
:math:`2\sqrt{d_x d_y}\,\sigma`, with :math:`\sigma` the length of the function.

References
----------
Ziyin et al. (2402.07193), section 5.2 and figure 4, on warm-up. Projections and rates are ours.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.linear.descent import Layers, Method, descend
from symgeom.models.noise.linear.teacher import Teacher
from symgeom.models.noise.linear.two_layers import Pair, gradients_of, sharpness

SIZES = {"100 inputs, 100 outputs": (100, 100), "180 inputs, 20 outputs": (180, 20)}
"""Inputs and outputs of the layers."""

BATCH = 10
RATES = (0.002, 0.003, 0.004, 0.006, 0.008, 0.011, 0.016, 0.022, 0.032, 0.045)
WARM_UP = Method(0.001, BATCH)
WARM_UP_SHARE = 5
"""Warm-up takes so many times as many steps as the descent at a large rate."""


def measure(steps: int, draws: int) -> Labelled:
    """Descend at all rates from all points.

    Parameters
    ----------
    steps : int
        Of descent at the large rate.
    draws : int
        Of starts, targets and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Which descents did not diverge, and how sharp they started and ended.

    Examples
    --------
    >>> arrays, _ = measure(3, 2)
    >>> arrays["survived"].dimensions, arrays["survived"].values.shape
    (('size', 'point', 'rate', 'draw'), (2, 5, 10, 2))
    """
    before = []
    after = []
    for name, (inputs, outputs) in SIZES.items():
        teacher = _teacher(name, draws, inputs, outputs)
        points = _points(name, teacher, draws, steps)
        before.append(torch.stack([_half_trace(pair, teacher) for pair in points.values()]))
        of_points = [_at_rates(name, pair, teacher, steps) for pair in points.values()]
        after.append(torch.stack(of_points))
    ended = torch.stack(after)
    axes = ("size", "point", "rate", "draw")
    trace = "half the trace of the Hessian"
    arrays = {
        "sharpness": LabelledArray(
            ("size", "point", "draw"), torch.stack(before).numpy(), "1", f"{trace} at the start"
        ),
        "sharpness_end": LabelledArray(
            axes, ended.numpy(), "1", f"{trace} in the end; NaN where the descent diverged"
        ),
        "survived": LabelledArray(
            axes, ended.isfinite().numpy(), "1", "whether the descent did not diverge"
        ),
    }
    coordinates = {
        "size": LabelledArray("size", list(SIZES), "1", "of the layers"),
        "point": LabelledArray("point", list(points), "1", "where on the orbit it starts"),
        "rate": LabelledArray("rate", list(RATES), "1", "learning rate"),
    }
    return arrays, coordinates


def _teacher(size: str, draws: int, inputs: int, outputs: int) -> Teacher:
    """Return targets of rank one and norm 1, with label noise of variance 1."""
    generator = stream("large rates", "targets", size)
    left = torch.randn((draws, outputs, 1), generator=generator, dtype=torch.float64)
    right = torch.randn((draws, 1, inputs), generator=generator, dtype=torch.float64)
    target = left @ right
    target = target / torch.linalg.matrix_norm(target)[:, None, None]
    ones = torch.ones(draws, inputs, dtype=torch.float64)
    return Teacher(ones, target, ones.new_ones(draws, outputs))


def _points(size: str, teacher: Teacher, draws: int, steps: int) -> dict[str, Pair]:
    """Return the networks that start, by the name of their point."""
    generator = stream("large rates", "start", size)
    inputs = teacher.inputs.shape[-1]
    outputs = teacher.noise.shape[-1]
    incoming = torch.randn((draws, 1, inputs), generator=generator, dtype=torch.float64)
    outgoing = torch.randn((draws, outputs, 1), generator=generator, dtype=torch.float64)
    fresh = Pair(outgoing, incoming / inputs**0.5)
    points = {"fresh": fresh}
    for name, forces in POINTS.items():
        points[name] = scaled(fresh, *forces(fresh, teacher))
    warmed, _ = descend(
        [fresh.incoming, fresh.outgoing],
        teacher,
        WARM_UP,
        records=[WARM_UP_SHARE * steps],
        observe=lambda _: {},
        generator=stream("large rates", "warm-up", size),
    )
    points["after warm-up"] = Pair(warmed[1], warmed[0])
    return points


def scaled(pair: Pair, of_outgoing: Tensor, of_incoming: Tensor) -> Pair:
    """Scale the layers against each other until two amounts are equal.

    Parameters
    ----------
    pair : Pair
        The layers, of one unit.
    of_outgoing : Tensor, shape (...)
        What grows with the square of the outgoing weights.
    of_incoming : Tensor, shape (...)
        What grows with the square of the incoming ones.

    Returns
    -------
    Pair
        The same function.

    Examples
    --------
    >>> one = torch.ones(1, 1)
    >>> scaled(Pair(4 * one, one), torch.tensor(16.0), torch.tensor(1.0))
    Pair(outgoing=tensor([[2.]]), incoming=tensor([[2.]]))
    """
    factor = (of_incoming / of_outgoing) ** 0.25
    factor = factor[..., None, None]
    return Pair(pair.outgoing * factor, pair.incoming / factor)


def _lengths(pair: Pair, _: Teacher) -> tuple[Tensor, Tensor]:
    """Return the squared lengths of the layers."""
    return (pair.outgoing**2).sum((-2, -1)), (pair.incoming**2).sum((-2, -1))


def noise_forces(pair: Pair, teacher: Teacher) -> tuple[Tensor, Tensor]:
    """Return the variances of the sample gradients on the other layer of each.

    Parameters
    ----------
    pair : Pair
        The layers, of one unit.
    teacher : Teacher
        Of their labels.

    Returns
    -------
    of_outgoing, of_incoming : Tensor, shape (network,)
        Up to a factor: that on the incoming weights grows with the outgoing ones.
    """
    covariance = torch.diag_embed(teacher.inputs**2)
    noise = torch.diag_embed(teacher.noise**2)
    error = pair.outgoing @ pair.incoming - teacher.target
    moments = gradients_of(covariance, noise, error=error)
    mean = error @ covariance
    of_outgoing = pair.outgoing.mT @ (moments.outgoing - mean @ mean.mT) @ pair.outgoing
    of_incoming = pair.incoming @ (moments.incoming - mean.mT @ mean) @ pair.incoming.mT
    return of_outgoing[..., 0, 0], of_incoming[..., 0, 0]


def _half_traces(pair: Pair, teacher: Teacher) -> tuple[Tensor, Tensor]:
    """Return what each layer adds to the trace of the Hessian."""
    of_outgoing, of_incoming = _lengths(pair, teacher)
    return teacher.inputs.shape[-1] * of_outgoing, teacher.noise.shape[-1] * of_incoming


Forces = Callable[[Pair, Teacher], tuple[Tensor, Tensor]]
"""From layers to two amounts, which are equal at a point of their orbit."""

POINTS: Mapping[str, Forces] = {
    "equal lengths": _lengths,
    "noise equilibrium": noise_forces,
    "smallest trace": _half_traces,
}
"""Points of the orbit of the fresh network."""


def _half_trace(pair: Pair, teacher: Teacher) -> Tensor:
    """Return half the trace of the Hessian, shape (draw,)."""
    return sharpness(pair, torch.diag_embed(teacher.inputs**2))


def _at_rates(size: str, start: Pair, teacher: Teacher, steps: int) -> Tensor:
    """Return how sharp descents from a point end, shape (rate, draw)."""
    ended = []

    def observe(layers: Layers) -> dict[str, Tensor]:
        incoming, outgoing = layers
        return {"sharpness": _half_trace(Pair(outgoing, incoming), teacher)}

    for rate in RATES:
        _, observed = descend(
            [start.incoming, start.outgoing],
            teacher,
            Method(rate, BATCH),
            records=[steps],
            observe=observe,
            generator=stream("large rates", "batches", size),
        )
        ended.append(observed["sharpness"][:, -1])
    return torch.stack(ended)
