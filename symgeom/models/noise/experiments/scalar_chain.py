r"""Several units between one input and one output: signs, and the trace of the Hessian.

The linear network :math:`f = \sum_j u_j w_j x` comes to :math:`u = \pm w`, so that all products
:math:`u_j w_j` get the sign of the target, while the signs of the weights themselves stay those of
the start. The trace of the Hessian is taken by differentiating the mean loss twice.

References
----------
Ziyin et al. (2402.07193), section 5.1, which prints the condition for the weights, and proposition
5.3, whose trace is half of that of the loss without a factor 1/2.
"""

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.functional import hessian

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.linear.descent import Layers, Method, descend
from symgeom.models.noise.linear.starts import normal_layers
from symgeom.models.noise.linear.teacher import Teacher
from symgeom.models.noise.linear.two_layers import Pair, sharpness

UNITS = 6
NETWORKS = 20
"""Networks of which a draw is the mean."""

TARGET = 1.5
METHOD = Method(0.02, 1)


def measure(steps: int, draws: int) -> Labelled:
    """Descend, and look at signs and at the Hessian.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of starts and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Fractions of equal signs along the way, and the trace in the end.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["trace"].values.shape
    (2,)
    """
    networks = draws * NETWORKS
    one = torch.ones(networks, 1, dtype=torch.float64)
    teacher = Teacher(one, TARGET * one[..., None], one)
    records = even_records(steps)
    layers, observed = descend(
        normal_layers([1, UNITS, 1], networks, generator=stream("scalar chain", "start")),
        teacher,
        METHOD,
        records=records,
        observe=_signs,
        generator=stream("scalar chain", "batches"),
    )
    incoming, outgoing = layers
    closed = sharpness(Pair(outgoing, incoming), torch.eye(1, dtype=torch.float64))
    axes = ("draw", "record")
    words = "fraction of pairs of units with equal signs"
    arrays = {
        "outgoing_signs": LabelledArray(
            axes, _of_draws(observed["outgoing"], draws), "1", f"{words} of the outgoing weight"
        ),
        "product_signs": LabelledArray(
            axes, _of_draws(observed["product"], draws), "1", f"{words} of the product of weights"
        ),
        "trace": LabelledArray(
            "draw", _of_draws(_traces(layers), draws), "1", "trace of the Hessian, differentiated"
        ),
        "trace_printed": LabelledArray("draw", _of_draws(closed, draws), "1", "as printed"),
    }
    return arrays, {"step": LabelledArray("record", records, "1", "steps of descent")}


def _signs(layers: Layers) -> dict[str, Tensor]:
    """Return in which fraction of pairs of units signs are equal, for every network."""
    incoming, outgoing = layers
    weights = outgoing[:, 0]
    fractions = {}
    for name, values in {"outgoing": weights, "product": weights * incoming[..., 0]}.items():
        signs = values.sign()
        equal = (signs[:, :, None] == signs[:, None]).sum((1, 2)) - UNITS
        fractions[name] = equal / (UNITS * (UNITS - 1))
    return fractions


def _traces(layers: Layers) -> Tensor:
    """Return the trace of the Hessian of the mean loss of every network."""
    weights = torch.cat([layer.flatten(1) for layer in layers], 1)

    def loss(flat: Tensor) -> Tensor:
        return (flat[:UNITS] @ flat[UNITS:] - TARGET) ** 2

    return torch.stack([hessian(loss, row).trace() for row in weights])


def _of_draws(values: Tensor, draws: int) -> NDArray:
    """Return the means over the networks of each draw."""
    return values.unflatten(0, (draws, NETWORKS)).double().mean(1).numpy()
