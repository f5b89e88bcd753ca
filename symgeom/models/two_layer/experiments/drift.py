"""How losses and charges change along descents, by rate, precision, scale and charge."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.two_layer.activations import ACTIVATIONS
from symgeom.models.two_layer.descent import Descent, descend
from symgeom.models.two_layer.experiments.schedule import geometric_records, slowness
from symgeom.models.two_layer.moments import INCOMING
from symgeom.models.two_layer.starts import Start, normal_start

POINTWISE = tuple(INCOMING)
"""Activations that act entry by entry."""

HOMOGENEOUS = ("identity", "relu")
"""Activations whose units can be rescaled without a change of the function."""

SIZES = (5, 10, 50)
"""Outputs, samples and units of the descents."""

RATES = (0.1, 0.01, 0.001)
DEVIATION = 0.1
PRECISIONS: dict[str, type] = {"double": np.float64, "single": np.float32}


class Run(NamedTuple):
    """One descent.

    Attributes
    ----------
    rate : float
        Learning rate.
    deviation : float
        Standard deviation of the start.
    factor : float
        Factor of the incoming weights, by which the outgoing ones are divided.
    """

    rate: float
    deviation: float
    factor: float


PLAN = (
    *(Run(rate, DEVIATION, 1.0) for rate in RATES),
    *(Run(RATES[-1], deviation, 1.0) for deviation in (0.01, 1.0)),
    *(Run(RATES[-1], DEVIATION, factor) for factor in (0.25, 0.5, 2.0, 4.0)),
)
"""All descents: at several rates first, then from several scales, then from rescaled copies."""


def measure_drift(steps: int) -> Labelled:
    """Descend at several rates, in both precisions, from several scales and rescaled copies.

    Parameters
    ----------
    steps : int
        Of descent; twice as many for the sigmoid. The authors' number is 400,000.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Losses and charges along the way (figures 3 and 6).

    Examples
    --------
    >>> arrays, coordinates = measure_drift(3)
    >>> arrays["loss"].dimensions
    ('precision', 'activation', 'network', 'record')
    >>> arrays["loss"].values.shape
    (2, 4, 9, 4)
    """
    records = geometric_records(steps)
    shape = (len(PRECISIONS), len(POINTWISE), len(PLAN), len(records))
    loss = np.full(shape, np.nan)
    charge = np.full(shape, np.nan)
    change = np.full(shape, np.nan)
    size = np.full((len(POINTWISE), len(PLAN)), np.nan)
    recorded_steps = np.zeros((len(POINTWISE), len(records)), int)
    for a, activation in enumerate(POINTWISE):
        recorded_steps[a] = np.array(records) * slowness(activation)
        size[a] = [_size(activation, run) for run in PLAN]
        for p, precision in enumerate(PRECISIONS):
            runs = _runs(activation, precision)
            descent = _descend(activation, runs, recorded_steps[a], PRECISIONS[precision])
            loss[p, a, runs] = descent.loss
            charge[p, a, runs] = descent.charge.sum(-1, dtype=float)
            changes = np.abs(descent.charge - descent.charge[:, :1])
            change[p, a, runs] = changes.max(-1)
    axes = ("precision", "activation", "network", "record")
    arrays = {
        "step": LabelledArray(("activation", "record"), recorded_steps, "1", "steps of descent"),
        "loss": LabelledArray(axes, loss, "1", "mean squared error"),
        "charge": LabelledArray(axes, charge, "weight^2", "sum of all charges"),
        "largest_change": LabelledArray(
            axes, change, "weight^2", "largest change of the charge of a unit since the start"
        ),
        "size": LabelledArray(
            ("activation", "network"),
            size,
            "weight^2",
            "the sums that the charge is the difference of, added",
        ),
    }
    return arrays, _coordinates()


def _coordinates() -> dict[str, LabelledArray]:
    rates = [run.rate for run in PLAN]
    deviations = [run.deviation for run in PLAN]
    factors = [run.factor for run in PLAN]
    return {
        "activation": LabelledArray("activation", list(POINTWISE), "1", "activation"),
        "precision": LabelledArray("precision", list(PRECISIONS), "1", "of the arithmetic"),
        "learning_rate": LabelledArray("network", rates, "1", "learning rate"),
        "deviation": LabelledArray(
            "network", deviations, "weight", "standard deviation of the start"
        ),
        "factor": LabelledArray(
            "network",
            factors,
            "1",
            "factor of the incoming weights, and divisor of the outgoing ones",
        ),
    }


def _runs(activation: str, precision: str) -> list[int]:
    """Return which descents of the plan make sense, by their numbers."""
    numbers = range(len(RATES)) if precision == "single" else range(len(PLAN))
    if activation in HOMOGENEOUS:
        return list(numbers)
    return [number for number in numbers if PLAN[number].factor == 1]


def _start(run: Run) -> Start:
    start = normal_start(*SIZES, run.deviation)
    return Start(start.targets, start.outgoing / run.factor, start.incoming * run.factor)


def _size(activation: str, run: Run) -> float:
    """Return the sums that the charge is the difference of, added."""
    start = _start(run)
    received = ACTIVATIONS[activation].potential(start.incoming).sum()
    sent = (start.outgoing**2).sum()
    return float(received + sent)


def _descend(activation: str, runs: Sequence[int], records: NDArray, dtype: type) -> Descent:
    """Descend side by side."""
    starts = [_start(PLAN[number]) for number in runs]
    return descend(
        activation,
        starts[0].targets,
        np.stack([start.outgoing for start in starts]).astype(dtype),
        np.stack([start.incoming for start in starts]).astype(dtype),
        learning_rates=[PLAN[number].rate for number in runs],
        records=records.tolist(),
    )
