r"""Whether training sharpens or flattens: where networks start, and where their noise drives them.

Half the trace of the Hessian of two linear layers is :math:`hd_y(\sigma_W^2 + \sigma_U^2)\,
\mathrm{Tr}\,\Sigma_x` in the mean over starts with :math:`h` units and these variances, and has a
closed form at the noise equilibrium, so that the change follows from the initialisation and the
sizes. The labels are the inputs with isotropic noise.

Fewer units than inputs fit a part of the labels only; the rest is noise of another kind, which
decides with the labels' own where the norms balance.

References
----------
Ziyin et al. (2402.07193), section 5.2. Differs from the source: its Xavier initialisation has half
the variance of that of Glorot and Bengio, which turns the sign of the prediction; for fewer units
than inputs, its end is that of labels without a rest.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.gathering import gathered
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.linear.descent import Layers, Method, descend
from symgeom.models.noise.linear.starts import normal_layers
from symgeom.models.noise.linear.teacher import Teacher
from symgeom.models.noise.linear.two_layers import Pair, equilibrium, gradients_of, sharpness

SIZE = 10
"""Inputs and outputs."""

WIDTHS = (5, 10, 20)
"""Numbers of units."""

METHODS = {"SGD": Method(0.01, 10), "GD": Method(0.01)}


class Variance(NamedTuple):
    """The variance of the weights of a layer: a gain over a mean of its inputs and outputs.

    Attributes
    ----------
    gain : float
        Factor.
    both : bool
        Whether inputs and outputs are averaged, or inputs counted alone.
    """

    gain: float
    both: bool

    def of(self, inputs: int, outputs: int) -> float:
        """Return the variance for a layer."""
        return self.gain / ((inputs + outputs) / 2 if self.both else inputs)


INITIALISATIONS = {
    "Kaiming, ReLU": Variance(2.0, both=False),
    "Kaiming, linear": Variance(1.0, both=False),
    "Xavier": Variance(1.0, both=True),
    "Xavier, halved": Variance(0.5, both=True),
    "PyTorch": Variance(1 / 3, both=False),
}
"""By name: as PyTorch has them for ReLU and for linear layers, Glorot and Bengio's, the source's
Xavier, and what layers of PyTorch begin with."""


def measure(steps: int, draws: int) -> Labelled:
    """Descend from all initialisations at all widths.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of starts and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Sharpness along the way, and in closed form at the start and in the end.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["sharpness"].values.shape
    (2, 3, 5, 2, 5)
    """
    records = even_records(steps)
    counts = (len(WIDTHS), len(INITIALISATIONS), draws)
    runs = []
    for name in METHODS:
        of_widths = [_follow(name, width, records, draws) for width in WIDTHS]
        runs.append({"sharpness": torch.cat(of_widths)})
    unit = "loss / weight^2"
    meaning = "half the trace of the Hessian"
    axes = ("descent", "width", "initialisation", "draw", "record")
    arrays = gathered(runs, {"sharpness": (unit, meaning)}, dimensions=axes, networks=counts)
    at_start = [[start_sharpness(width, name) for name in INITIALISATIONS] for width in WIDTHS]
    in_the_end = [end_sharpness(width) for width in WIDTHS]
    arrays["start_theory"] = LabelledArray(axes[1:3], at_start, unit, f"{meaning}, mean of starts")
    printed = [2.0 * min(width, SIZE) * SIZE for width in WIDTHS]
    arrays["end_printed"] = LabelledArray("width", printed, unit, f"{meaning}, as in the source")
    arrays["end_theory"] = LabelledArray("width", in_the_end, unit, f"{meaning}, in the end")
    coordinates = {
        "descent": LabelledArray("descent", list(METHODS), "1", "how it is descended"),
        "width": LabelledArray("width", list(WIDTHS), "1", "number of units"),
        "initialisation": LabelledArray(
            "initialisation", list(INITIALISATIONS), "1", "variance of the weights at the start"
        ),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    return arrays, coordinates


def start_sharpness(width: int, initialisation: str) -> float:
    """Return the mean over starts of half the trace of the Hessian.

    Parameters
    ----------
    width : int
        Number of units.
    initialisation : str
        A key of :data:`INITIALISATIONS`.

    Returns
    -------
    float
        In closed form.

    Examples
    --------
    >>> start_sharpness(20, "Kaiming, linear")  # (10 + 20) * 10
    300.0
    """
    variance = INITIALISATIONS[initialisation]
    both = variance.of(SIZE, width) + variance.of(width, SIZE)
    return round(SIZE * SIZE * width * both, 9)


def end_sharpness(width: int) -> float:
    """Return half the trace of the Hessian at the noise equilibrium.

    Parameters
    ----------
    width : int
        Number of units.

    Returns
    -------
    float
        In closed form.

    Examples
    --------
    >>> round(end_sharpness(20), 6), round(end_sharpness(5), 1)
    (200.0, 102.1)
    """
    identity = torch.eye(SIZE, dtype=torch.float64)
    fitted = torch.diag((torch.arange(SIZE) < width).to(torch.float64))
    pair = equilibrium(fitted, gradients_of(identity, identity, error=fitted - identity))
    return float(sharpness(pair, identity))


def _follow(name: str, width: int, records: list[int], draws: int) -> Tensor:
    """Return the sharpness along descents, shape (initialisation and draw, record)."""
    drawn = normal_layers([SIZE, width, SIZE], draws, generator=stream("sharpening", width))
    start = []
    for layer in drawn:
        _, outputs, inputs = layer.shape
        scaled = []
        for variance in INITIALISATIONS.values():
            factor = (variance.of(inputs, outputs) * inputs) ** 0.5
            scaled.append(factor * layer)
        start.append(torch.cat(scaled))
    networks = len(start[0])
    identity = torch.eye(SIZE, dtype=torch.float64).expand(networks, SIZE, SIZE)
    ones = torch.ones(networks, SIZE, dtype=torch.float64)

    def observe(layers: Layers) -> dict[str, Tensor]:
        incoming, outgoing = layers
        return {"sharpness": sharpness(Pair(outgoing, incoming), identity)}

    _, observed = descend(
        start,
        Teacher(ones, identity, ones),
        METHODS[name],
        records=records,
        observe=observe,
        generator=stream("sharpening", name, width),
    )
    return observed["sharpness"]
