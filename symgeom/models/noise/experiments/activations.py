r"""Whether noise aligns layers that have no symmetry: autoencoders with several activations.

A layer of units learns to reproduce normal inputs in :math:`\mathbb R^{40}` from noisy labels,
where the noise of one output has five times the variance of the others. The linear network has the
law of :mod:`symgeom.models.noise.alignment`; ReLU and leaky ReLU have a part of its symmetry, one
factor for each unit, and tanh and swish have none. Each activation is descended by SGD, on samples
that never come again, and without noise, by gradient descent on a fixed set of them.

References
----------
Ziyin et al. (2402.07193), figures 6 and 9. Width, rate, batch and start are ours: they are not
printed.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.alignment import (
    ACTIVATIONS,
    cosine,
    off_diagonal_correlation,
    residual_losses,
    sides,
)
from symgeom.models.noise.descent import Batch, Weights, descend_losses, slopes_of

INPUTS = 40
UNITS = 20
LOUD = 5.0
"""Variance of the noise of the first label; that of the others is 1."""

RATE = 0.005
BATCH = 10
SAMPLES = 500
"""Samples of gradient descent."""

METHODS = ("SGD", "GD")


def measure(steps: int, draws: int) -> Labelled:
    """Descend networks of all activations, and compare the two sides of their units.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of starts and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        The matrices of the first draw, and two numbers of all draws, at the start and the end.

    Examples
    --------
    >>> arrays, _ = measure(2, 2)
    >>> arrays["cosine"].values.shape
    (5, 2, 2, 2)
    """
    followed: dict[str, list[Tensor]] = {"cosine": [], "off_diagonal": [], "matrix": []}
    for activation in ACTIVATIONS:
        for method in METHODS:
            for name, values in _follow(activation, method, steps, draws).items():
                followed[name].append(values)
    shape = (len(ACTIVATIONS), len(METHODS))
    stacked = {name: torch.stack(values).unflatten(0, shape) for name, values in followed.items()}
    axes = ("activation", "descent", "draw", "moment")
    words = "of the covariance of the units' inputs and the noise of the labels seen from them"
    matrices = stacked["matrix"][:, :, 0, 1].numpy()
    arrays = {
        "cosine": LabelledArray(axes, stacked["cosine"].numpy(), "1", f"cosine {words}"),
        "off_diagonal": LabelledArray(
            axes, stacked["off_diagonal"].numpy(), "1", f"correlation beside the diagonal {words}"
        ),
        "matrix": LabelledArray(
            ("activation", "descent", "side", "unit", "other_unit"),
            matrices,
            "weight^2",
            "the two matrices of the first draw, in the end",
        ),
    }
    coordinates = {
        "activation": LabelledArray("activation", list(ACTIVATIONS), "1", "of the units"),
        "descent": LabelledArray("descent", list(METHODS), "1", "with or without noise"),
        "moment": LabelledArray("moment", ["start", "end"], "1", "of descent"),
        "side": LabelledArray("side", ["incoming", "outgoing"], "1", "of the units"),
    }
    return arrays, coordinates


def _follow(activation: str, method: str, steps: int, draws: int) -> dict[str, Tensor]:
    """Return what becomes of one activation by one method, over draws and both moments."""
    noise = torch.ones(INPUTS, dtype=torch.float64)
    noise[0] = LOUD
    inputs_covariance = torch.eye(INPUTS, dtype=torch.float64)
    noise_covariance = torch.diag(noise)

    def observe(weights: Weights) -> dict[str, Tensor]:
        of_inputs, of_noise = sides(weights, inputs_covariance, noise_covariance)
        return {
            "cosine": cosine(of_inputs, of_noise),
            "off_diagonal": off_diagonal_correlation(of_inputs, of_noise),
            "matrix": torch.stack([of_inputs, of_noise], 1),
        }

    losses = residual_losses(ACTIVATIONS[activation])
    _, observed = descend_losses(
        _start(draws),
        slopes_of(losses, _batches(method, draws, noise.sqrt())),
        learning_rate=RATE,
        records=[0, steps],
        observe=observe,
    )
    return observed


def _start(draws: int) -> dict[str, Tensor]:
    """Return normal weights, of a variance of one over what a layer reads."""
    generator = stream("activations", "start")
    incoming = torch.randn((draws, UNITS, INPUTS), generator=generator).double()
    outgoing = torch.randn((draws, INPUTS, UNITS), generator=generator).double()
    return {"incoming": incoming / INPUTS**0.5, "outgoing": outgoing / UNITS**0.5}


def _batches(method: str, draws: int, deviations: Tensor) -> Callable[[], Batch]:
    """Return what makes batches: new samples for SGD, and the same ones for gradient descent."""
    generator = stream("activations", method)

    def draw(samples: int = BATCH) -> Batch:
        normal = torch.randn((2, draws, samples, INPUTS), generator=generator).double()
        inputs, errors = normal
        return inputs, inputs + errors * deviations

    if method == "SGD":
        return draw
    everything = draw(SAMPLES)
    return lambda: everything
