r"""Why warm-up helps: a rank-one factorisation from starts of several sharpnesses.

Two linear layers with one unit learn a target of norm 1 from normal inputs, with normal noise on
the labels. Kaiming's start has a long outgoing and a short incoming weight, and is therefore so
sharp that SGD with a large learning rate diverges. With a small one, noise balances the lengths;
after that the large one is stable. If warm-up helps for this reason, balancing the lengths at the
start, which changes no output, must help as much. Whatever the start, SGD ends at half a trace of
the Hessian of :math:`2 \sqrt{d_x d_y}` times the norm of the target.

References
----------
Ziyin et al. (2402.07193), section 5.2 and figure 4. Differs from the source: sizes are ours, those
of the source are not printed; Kaiming's outgoing weights have the variance of one over their
inputs; beside the printed start, whose variance is one over inputs and outputs together, there is
that of Xavier, twice as large, from which the sharpness falls and does not rise.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.linear.descent import Layers, Method, descend
from symgeom.models.noise.linear.teacher import Teacher
from symgeom.models.noise.linear.two_layers import Pair, sharpness

SIZE = 100
"""Inputs, and outputs."""

BATCH = 10
LARGE = Method(0.008, BATCH)
SMALL = Method(0.001, BATCH)
NOISELESS = Method(0.008)


class Arm(NamedTuple):
    """How a network starts and descends.

    Attributes
    ----------
    outgoing, incoming : float
        Variances of the weights at the start.
    method : Method
        How it descends after warm-up.
    warm_up : float
        The share of the steps in which it descends with the small learning rate first.
    balanced : bool
        Whether the two layers are made equally long first, by a factor and its inverse.
    """

    outgoing: float
    incoming: float
    method: Method
    warm_up: float = 0.0
    balanced: bool = False


KAIMING = (1.0, 1 / SIZE)
XAVIER = 2 / (SIZE + 1)
PRINTED = 1 / (SIZE + 1)

ARMS = {
    "Kaiming": Arm(*KAIMING, LARGE),
    "Kaiming, short warm-up": Arm(*KAIMING, LARGE, warm_up=0.25),
    "Kaiming, warm-up": Arm(*KAIMING, LARGE, warm_up=0.5),
    "Kaiming, balanced first": Arm(*KAIMING, LARGE, balanced=True),
    "Kaiming, no noise": Arm(*KAIMING, NOISELESS),
    "Xavier": Arm(XAVIER, XAVIER, LARGE),
    "Xavier as printed": Arm(PRINTED, PRINTED, LARGE),
}


def measure(steps: int, draws: int) -> Labelled:
    """Descend by all arms, and follow the sharpness.

    Parameters
    ----------
    steps : int
        Of descent, half of them for warm-up, or a quarter where that is short.
    draws : int
        Of starts, targets and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Sharpness along the way, and in closed form.

    Examples
    --------
    >>> arrays, _ = measure(6, 2)
    >>> arrays["sharpness"].values.shape
    (7, 2, 7)
    """
    teacher = _teacher(draws)
    records = even_records(steps)
    followed = []
    for name, arm in ARMS.items():
        generator = stream("warm-up", name)
        switch = records[round(arm.warm_up * (len(records) - 1))]
        early_records = [record for record in records if record <= switch]
        late_records = [record - switch for record in records if record > switch]
        start = start_of(arm, draws)
        layers, early = _follow(start, teacher, SMALL, early_records, generator)
        _, late = _follow(layers, teacher, arm.method, late_records, generator)
        followed.append(torch.cat([early, late], 1))
    arrays = {
        "sharpness": LabelledArray(
            ("arm", "draw", "record"),
            torch.stack(followed).numpy(),
            "1",
            "half the trace of the Hessian; NaN once the descent diverged",
        ),
        "sharpness_theory": LabelledArray((), 2.0 * SIZE, "1", "the same at the noise equilibrium"),
    }
    coordinates = {
        "arm": LabelledArray("arm", list(ARMS), "1", "how it starts and descends"),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    return arrays, coordinates


def _teacher(draws: int) -> Teacher:
    """Return targets of rank one and norm 1."""
    generator = stream("warm-up", "targets")
    left = torch.randn((draws, SIZE, 1), generator=generator, dtype=torch.float64)
    right = torch.randn((draws, 1, SIZE), generator=generator, dtype=torch.float64)
    ones = torch.ones((draws, SIZE), dtype=torch.float64)
    length = left.norm(dim=(1, 2), keepdim=True) * right.norm(dim=(1, 2), keepdim=True)
    return Teacher(ones, left @ right / length, ones)


def start_of(arm: Arm, draws: int) -> list[Tensor]:
    """Return the layers at the start: the same normal numbers for every arm.

    Parameters
    ----------
    arm : Arm
        Says how long they are.
    draws : int
        Of starts.

    Returns
    -------
    list of Tensor, shapes (draw, 1, input) and (draw, output, 1)
        Incoming and outgoing weights.

    Examples
    --------
    >>> [tuple(layer.shape) for layer in start_of(ARMS["Xavier"], 2)]
    [(2, 1, 100), (2, 100, 1)]
    """
    generator = stream("warm-up", "start")
    incoming = torch.randn((draws, 1, SIZE), generator=generator, dtype=torch.float64)
    outgoing = torch.randn((draws, SIZE, 1), generator=generator, dtype=torch.float64)
    incoming = arm.incoming**0.5 * incoming
    outgoing = arm.outgoing**0.5 * outgoing
    if arm.balanced:
        ratio = outgoing.norm(dim=(1, 2), keepdim=True) / incoming.norm(dim=(1, 2), keepdim=True)
        incoming = ratio.sqrt() * incoming
        outgoing = outgoing / ratio.sqrt()
    return [incoming, outgoing]


def _follow(
    start: Layers,
    teacher: Teacher,
    method: Method,
    records: list[int],
    generator: torch.Generator,
) -> tuple[list[Tensor], Tensor]:
    """Return the layers in the end, and their sharpness on the way, shape (draw, record)."""
    inputs = torch.diag_embed(teacher.inputs**2)

    def observe(layers: Layers) -> dict[str, Tensor]:
        incoming, outgoing = layers
        return {"sharpness": sharpness(Pair(outgoing, incoming), inputs)}

    layers, observed = descend(
        start, teacher, method, records=records, observe=observe, generator=generator
    )
    values = observed["sharpness"]
    return layers, torch.where(values.isfinite(), values, torch.nan)
