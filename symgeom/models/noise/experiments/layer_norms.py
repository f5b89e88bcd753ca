r"""The norms of the layers of deep linear networks, without decay, from two starts.

Noise gives all layers in the middle one norm, whatever the start; the first and the last one have
others, which follow from the inputs and from the noise of the labels. Gradient descent keeps the
differences of the start.

Inputs have variances that fall as :math:`1/k`, as those of pictures do.
:mod:`~symgeom.study.experiments.picture_layers` takes pictures.

References
----------
Ziyin et al. (2402.07193), figure 5 (on MNIST) and theorem 5.4, of which a corrected and the printed
form are compared with what SGD does.
"""

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.linear.deep import deep_equilibrium, printed_equilibrium
from symgeom.models.noise.linear.descent import Method, descend
from symgeom.models.noise.linear.norms import net_force, observe_norms
from symgeom.models.noise.linear.starts import normal_layers
from symgeom.models.noise.linear.teacher import Teacher

DEPTHS = (3, 4)
INPUTS = 8
OUTPUTS = 4
"""Outputs, and units of all layers."""

STRENGTH = 1.5
"""Singular values of the function."""

RATE = 0.006
BATCH = 2
METHODS = {"SGD": Method(RATE, BATCH), "GD": Method(RATE)}

STARTS = {"equal norms": (1.0,) * 4, "unequal norms": (0.5, 1.5, 0.6, 1.4)}
"""Squared norms of the layers at the start, relative to one another."""

NOISES = (0.5, 0.8, 1.2, 1.5)
"""Variances of the noise of the labels."""


def measure(steps: int, draws: int) -> Labelled:
    """Descend from both starts at both depths.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of starts, functions and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Norms along the way, in closed form and as printed, and how much of the force on each pair
        of layers remains.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["squared_norm"].values.shape, arrays["net_force"].values.shape
    ((2, 2, 2, 2, 5, 4), (2, 2, 2, 2, 3))
    """
    records = even_records(steps)
    shape = (len(METHODS), len(DEPTHS), len(STARTS), draws)
    norms = np.full((*shape, len(records), max(DEPTHS)), np.nan)
    forces = np.full((*shape, max(DEPTHS) - 1), np.nan)
    theory = np.full((2, len(DEPTHS), draws, max(DEPTHS)), np.nan)
    teacher = _teacher(draws)
    for number, depth in enumerate(DEPTHS):
        theory[:, number, :, :depth] = _theory(teacher, depth)
        for row, (name, method) in enumerate(METHODS.items()):
            of_both = _repeated(teacher)
            seen = stream("layer norms", "observed batches")
            _, observed = descend(
                _start(depth, draws),
                of_both,
                method,
                records=records,
                observe=observe_norms(of_both, BATCH, generator=seen),
                generator=stream("layer norms", name, depth),
            )
            of_starts = {name: values.unflatten(0, shape[2:]) for name, values in observed.items()}
            norms[row, number, ..., :depth] = of_starts["norm"].numpy()
            forces[row, number, ..., : depth - 1] = net_force(**of_starts, steps=steps, rate=RATE)
    path = ("descent", "depth", "start", "draw", "record", "layer")
    closed = ("form", "depth", "draw", "layer")
    pairs = (*path[:4], "pair")
    arrays = {
        "squared_norm": LabelledArray(path, norms, "weight^2", "squared norm of a layer"),
        "squared_norm_theory": LabelledArray(
            closed, theory, "weight^2", "squared norm of a layer, in closed form"
        ),
        "net_force": LabelledArray(
            pairs,
            forces,
            "1",
            "force of all batches of the second half on a layer and the next, net over gross",
        ),
    }
    coordinates = {
        "descent": LabelledArray("descent", list(METHODS), "1", "how it is descended"),
        "depth": LabelledArray("depth", list(DEPTHS), "1", "number of layers"),
        "start": LabelledArray("start", list(STARTS), "1", "how it starts"),
        "form": LabelledArray("form", ["corrected", "printed"], "1", "of theorem 5.4"),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    return arrays, coordinates


def _teacher(draws: int) -> Teacher:
    """Return functions of equal singular values, drawn anew."""
    generator = stream("layer norms", "function")
    shape = (draws, INPUTS, OUTPUTS)
    directions = torch.linalg.qr(torch.randn(shape, generator=generator, dtype=torch.float64)).Q
    ranks = torch.arange(1, INPUTS + 1, dtype=torch.float64)
    variances = 1 / ranks
    variances = INPUTS * variances / variances.sum()
    noises = torch.tensor(NOISES, dtype=torch.float64)
    return Teacher(
        variances.sqrt().expand(draws, INPUTS),
        STRENGTH * directions.mT,
        noises.sqrt().expand(draws, OUTPUTS),
    )


def _repeated(teacher: Teacher) -> Teacher:
    """Return the same teachers for every start."""
    count = len(STARTS)
    return Teacher(
        teacher.inputs.repeat(count, 1),
        teacher.target.repeat(count, 1, 1),
        teacher.noise.repeat(count, 1),
    )


def _start(depth: int, draws: int) -> list[Tensor]:
    """Return the same directions with the norms of every start."""
    widths = [INPUTS, *[OUTPUTS] * depth]
    generator = stream("layer norms", "start", depth)
    drawn = normal_layers(widths, draws, generator=generator)
    layers = []
    for number, layer in enumerate(drawn):
        factors = torch.tensor([shares[number] ** 0.5 for shares in STARTS.values()])
        scaled = factors.to(layer.dtype)[:, None, None, None] * layer
        layers.append(scaled.flatten(0, 1))
    return layers


def _theory(teacher: Teacher, depth: int) -> np.ndarray:
    """Return squared norms in the corrected and the printed form, shape (form, draw, layer)."""
    forms = []
    for closed_form in (deep_equilibrium, printed_equilibrium):
        of_draws = []
        for deviations, target, noise in zip(
            teacher.inputs, teacher.target, teacher.noise, strict=True
        ):
            inputs = torch.diag(deviations**2)
            layers = closed_form(target, inputs, torch.diag(noise**2), depth)
            of_draws.append([float((layer**2).sum()) for layer in layers])
        forms.append(of_draws)
    return np.array(forms)
