r"""With which constant weight decay enters the noise equilibrium.

Eight inputs, two outputs, both of variance one: without decay the squared norms of the two layers
balance at the ratio 8 / 2, and decay of :math:`\gamma` moves it to

.. math:: \frac{\lVert W\rVert^2}{\lVert U\rVert^2} = \frac{8 + c}{2 + c}, \qquad c =
    \frac{S\gamma}{\eta} .

The ratio that SGD keeps therefore tells the constant.

References
----------
Ziyin et al. (2402.07193), theorem 5.2, which has :math:`2\gamma` in place of :math:`S\gamma/\eta`.
"""

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.linear.descent import Layers, Method, descend
from symgeom.models.noise.linear.starts import normal_layers
from symgeom.models.noise.linear.teacher import Teacher
from symgeom.models.noise.linear.two_layers import Pair, norm_ratio

CONSTANTS = (0.0, 2.0, 4.0, 8.0)
"""What decay is chosen for, in the noise equilibrium."""

INPUTS = 8
OUTPUTS = 2
RATE = 0.005
BATCH = 8

REPLICAS = 4
"""Networks of a draw, over which the ratio is averaged."""


def measure(steps: int, draws: int) -> Labelled:
    """Descend by SGD with several decays.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of starts and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Norms along the way, in closed form and as printed in the source.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["ratio_theory"].values.tolist()
    [4.0, 2.5, 2.0, 1.6]
    """
    records = even_records(steps)
    ratios = []
    for constant in CONSTANTS:
        ratios.append(_follow(constant, draws, records))
    constants = np.array(CONSTANTS)
    fine = np.linspace(constants.min(), constants.max(), 41)
    meaning = "squared norm, incoming over outgoing weights"
    in_theory = f"{meaning}, in closed form"
    as_printed = f"{meaning}, as printed in the source"
    printed = 2 * RATE / BATCH
    axes = ("constant", "draw", "record")
    arrays = {
        "ratio": LabelledArray(axes, torch.stack(ratios).numpy(), "1", meaning),
        "ratio_theory": LabelledArray("constant", _ratio(constants), "1", in_theory),
        "ratio_printed": LabelledArray("constant", _ratio(printed * constants), "1", as_printed),
        "outputs": LabelledArray((), OUTPUTS, "1", "number of outputs"),
        "ratio_curve": LabelledArray("fine_constant", _ratio(fine), "1", in_theory),
    }
    words = "batch × decay / learning rate"
    coordinates = {
        "constant": LabelledArray("constant", constants, "loss", words),
        "fine_constant": LabelledArray("fine_constant", fine, "loss", words),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    return arrays, coordinates


def _ratio(constant: np.ndarray) -> np.ndarray:
    """Return the ratio of norms that a constant brings about."""
    return (INPUTS + constant) / (OUTPUTS + constant)


def _follow(constant: float, draws: int, records: list[int]) -> Tensor:
    """Return the ratio of the norms along a descent, shape (draw, record)."""
    generator = stream("decay", "start")
    networks = draws * REPLICAS
    start = normal_layers([INPUTS, OUTPUTS, OUTPUTS], networks, generator=generator)
    ones = torch.ones(networks, INPUTS, dtype=torch.float64)
    target = 1.5 * torch.eye(OUTPUTS, INPUTS, dtype=torch.float64)
    teacher = Teacher(ones, target.repeat(networks, 1, 1), ones[:, :OUTPUTS])

    def observe(layers: Layers) -> dict[str, Tensor]:
        incoming, outgoing = layers
        return {"ratio": norm_ratio(Pair(outgoing, incoming))}

    _, observed = descend(
        start,
        teacher,
        Method(RATE, BATCH, constant * RATE / BATCH),
        records=records,
        observe=observe,
        generator=stream("decay", "batches", str(constant)),
    )
    return observed["ratio"].unflatten(0, (draws, REPLICAS)).mean(1)
