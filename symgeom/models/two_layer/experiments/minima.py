"""How sharp minima are: descents from several scales, and one linear minimum at other charges."""

import numpy as np
from numpy.typing import NDArray

from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.two_layer.activations import charges_of
from symgeom.models.two_layer.descent import Descent, descend
from symgeom.models.two_layer.experiments.schedule import slowness
from symgeom.models.two_layer.hessian import dense_eigenvalues, minimum_eigenvalues
from symgeom.models.two_layer.moments import INCOMING
from symgeom.models.two_layer.starts import Start, normal_start

OUTPUTS = 10
SAMPLES = 5
UNITS = 50
DEVIATIONS = (0.001, 0.3, 0.6, 0.9)
"""Standard deviations of the starts."""

MOVED = 1
"""The start whose linear minimum is moved to other charges."""

FACTORS = np.geomspace(0.25, 4, 17)
"""Factors of the incoming weights of the moved minimum."""

RATE = 0.1

UNIT = "1/weight^2"
MEANING = "of the Hessian of the summed squared error"


def measure_minima(steps: int) -> Labelled:
    """Descend from several scales to minima and take their Hessians.

    A linear minimum is also moved to other charges of one function.

    Parameters
    ----------
    steps : int
        Of descent; twice as many for the sigmoid. The authors' number is 4,000.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Eigenvalues, and charges at the start (figure 9).

    Examples
    --------
    >>> arrays, _ = measure_minima(1)
    >>> arrays["eigenvalue"].values.shape
    (4, 4, 750)
    """
    starts = [normal_start(OUTPUTS, SAMPLES, UNITS, deviation) for deviation in DEVIATIONS]
    targets = starts[0].targets
    descents = {name: _descend(name, starts, steps * slowness(name)) for name in INCOMING}
    eigenvalues = [_eigenvalues(name, targets, descent) for name, descent in descents.items()]
    charges = [descent.charge[:, 0].sum(-1) for descent in descents.values()]
    dimensions = [_orbit_dimension(name) for name in INCOMING]
    axes = ("activation", "scale")
    arrays = {
        "eigenvalue": LabelledArray(
            (*axes, "rank"), np.array(eigenvalues), UNIT, f"eigenvalues {MEANING}"
        ),
        "orbit_dimension": LabelledArray(
            "activation", dimensions, "1", "dimension of what symmetries reach"
        ),
        "sharp_charge": LabelledArray(
            axes, np.array(charges), "weight^2", "sum of all charges at the start"
        ),
    }
    linear = descents["identity"]
    arrays |= _moved_minimum(linear.outgoing[MOVED], linear.incoming[MOVED])
    coordinates = {
        "scale": LabelledArray(
            "scale", list(DEVIATIONS), "weight", "standard deviation of the start"
        )
    }
    return arrays, coordinates


def _descend(activation: str, starts: list[Start], steps: int) -> Descent:
    """Descend from all starts side by side."""
    return descend(
        activation,
        starts[0].targets,
        np.stack([start.outgoing for start in starts]),
        np.stack([start.incoming for start in starts]),
        learning_rates=[RATE] * len(starts),
        records=[0, steps],
    )


def _eigenvalues(activation: str, targets: NDArray, descent: Descent) -> list[NDArray]:
    """Return the eigenvalues where each descent ended."""
    eigenvalues = []
    for outgoing, incoming in zip(descent.outgoing, descent.incoming, strict=True):
        eigenvalues.append(dense_eigenvalues(activation, targets, outgoing, incoming))
    return eigenvalues


def _moved_minimum(outgoing: NDArray, incoming: NDArray) -> dict[str, LabelledArray]:
    """Return sharpness and charge of a linear minimum at other charges of its function."""
    largest = []
    charges = []
    for factor in FACTORS:
        moved_outgoing = outgoing / factor
        moved_incoming = incoming * factor
        largest.append(minimum_eigenvalues(moved_outgoing, moved_incoming)[-1])
        charges.append(charges_of("identity", moved_outgoing, moved_incoming).sum())
    return {
        "moved_eigenvalue": LabelledArray("moved", largest, UNIT, f"largest {MEANING}"),
        "moved_charge": LabelledArray("moved", charges, "weight^2", "sum of all charges"),
    }


def _orbit_dimension(activation: str) -> int:
    """Return the dimension of an orbit."""
    if activation == "identity":  # matrices, less those that leave a linear network as it is
        return UNITS**2 - max(UNITS - OUTPUTS, 0) * max(UNITS - SAMPLES, 0)
    if activation == "relu":  # one scale per unit
        return UNITS
    return 0
