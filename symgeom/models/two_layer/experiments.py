"""The experiments that were published of the two-layer model, with the controls that they lack.

Each returns named arrays and coordinates with their dimensions, values, units and meanings. What is
added to the source: double beside single precision; rescaled copies of one network, so that the
charge varies alone, where the authors vary the scale of the start and with it function, loss and
charge together; closed forms.

References
----------
Zhao et al. (2210.17216), figures 3 to 7 and 9. Seeds and sizes are theirs where they are known; the
starts of figures 4, 5 and 7 are our reconstruction.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from symgeom.ground.randomness import stream
from symgeom.models.two_layer.hessian import dense_eigenvalues, minimum_eigenvalues
from symgeom.models.two_layer.model import ACTIVATIONS, Descent, charges_of, descend
from symgeom.models.two_layer.moments import INCOMING, initial_moments
from symgeom.models.two_layer.starts import Start, normal_start, radial_start

Labelled = tuple[dict[str, tuple], dict[str, tuple]]
"""Arrays and coordinates by name: dimensions, values, unit, meaning."""

POINTWISE, HOMOGENEOUS = tuple(INCOMING), ("identity", "relu")
SIZES = (5, 10, 50)
"""Outputs, samples and units of the descents."""

RATES, DEVIATION = (0.1, 0.01, 0.001), 0.1
PLAN = [(rate, DEVIATION, 1.0) for rate in RATES]
PLAN += [(RATES[-1], deviation, 1.0) for deviation in (0.01, 1.0)]
PLAN += [(RATES[-1], DEVIATION, factor) for factor in (0.25, 0.5, 2.0, 4.0)]
"""Learning rate, deviation of the start, and the factor of incoming weights by which outgoing ones are divided."""

PRECISIONS = {"double": np.float64, "single": np.float32}
RADIAL_MEANS, RADIAL_RATE = (0.01, 0.1, 1.0, 10.0), 1e-5
SHARP_SIZES, SHARP_DEVIATIONS, SHARP_RATE, SHARP_STEPS = (
    (10, 5, 50),
    (0.001, 0.3, 0.6, 0.9),
    0.1,
    4000,
)
START_SIZES = ((100, 100, 100), (100, 100, 200), (200, 100, 100))


def drifts(steps: int) -> Labelled:
    """Descend at several rates, in both precisions; from starts of several scales; and from rescaled copies of one network.

    Parameters
    ----------
    steps : int
        Of descent; twice as many for the sigmoid. The authors' number is 400,000.

    Returns
    -------
    arrays, coordinates : dict of str to tuple
        Losses and charges along the way (figures 3 and 6).

    Examples
    --------
    >>> arrays, coordinates = drifts(3)
    >>> arrays["loss"][0], arrays["loss"][1].shape
    (('precision', 'activation', 'network', 'record'), (2, 4, 9, 4))
    """
    records, axes = _records(steps), ("precision", "activation", "network", "record")
    shape = (len(PRECISIONS), len(POINTWISE), len(PLAN), len(records))
    loss, charge, change = (np.full(shape, np.nan) for _ in range(3))
    sizes, done = np.full(shape[1:3], np.nan), np.zeros((len(POINTWISE), len(records)), int)
    for a, activation in enumerate(POINTWISE):
        done[a] = np.array(records) * _slowness(activation)
        sizes[a] = [_size(activation, *_rescaled(*plan[1:])) for plan in PLAN]
        for p, (precision, dtype) in enumerate(PRECISIONS.items()):
            known = range(len(RATES)) if precision == "single" else range(len(PLAN))
            chosen = [k for k in known if PLAN[k][2] == 1 or activation in HOMOGENEOUS]
            found = _descents(activation, [PLAN[k] for k in chosen], done[a], dtype)
            place = (p, a, chosen)
            loss[place], charge[place] = found.loss, found.charge.sum(-1, dtype=float)
            change[place] = np.abs(found.charge - found.charge[:, :1]).max(-1)
    arrays = {
        "step": (("activation", "record"), done, "1", "steps of descent"),
        "loss": (axes, loss, "1", "mean squared error"),
        "charge": (axes, charge, "weight^2", "sum of all charges"),
        "largest_change": (
            axes,
            change,
            "weight^2",
            "largest change of the charge of a unit since the start",
        ),
        "size": (
            axes[1:3],
            sizes,
            "weight^2",
            "the sums that the charge is the difference of, added",
        ),
    }
    rate, deviation, factor = zip(*PLAN, strict=True)
    return arrays, {
        "activation": ("activation", list(POINTWISE), "1", "activation"),
        "precision": ("precision", list(PRECISIONS), "1", "of the arithmetic"),
        "learning_rate": ("network", list(rate), "1", "learning rate"),
        "deviation": ("network", list(deviation), "weight", "standard deviation of the start"),
        "factor": (
            "network",
            list(factor),
            "1",
            "factor of the incoming weights, and divisor of the outgoing ones",
        ),
    }


def _records(steps: int, count: int = 60) -> list[int]:
    """Return steps that are about geometrically spaced, the first and the last one among them."""
    return sorted({0, *np.geomspace(1, steps, count).round().astype(int).tolist()})


def _slowness(activation: str) -> int:
    return 2 if activation == "sigmoid" else 1


def _rescaled(deviation: float, factor: float) -> Start:
    targets, outgoing, incoming = normal_start(*SIZES, deviation)
    return targets, outgoing / factor, incoming * factor


def _size(activation: str, targets: NDArray, outgoing: NDArray, incoming: NDArray) -> float:
    return float(ACTIVATIONS[activation].potential(incoming).sum() + (outgoing**2).sum())


def _descents(activation: str, plan: Sequence[tuple], records: NDArray, dtype: type) -> Descent:
    starts = [_rescaled(*rest) for _, *rest in plan]
    outgoing, incoming = (
        np.stack([start[side] for start in starts]).astype(dtype) for side in (1, 2)
    )
    rates = [rate for rate, *_ in plan]
    return descend(
        activation, starts[0][0], outgoing, incoming, learning_rates=rates, records=records.tolist()
    )


def radial(steps: int) -> Labelled:
    """Descend with the radial activation from one function at several charges.

    Parameters
    ----------
    steps : int
        Of descent, of the error over the length of the targets. The authors' number is 1,000,000.

    Returns
    -------
    arrays, coordinates : dict of str to tuple
        Losses along the way and charges at the start (figure 7).

    Examples
    --------
    >>> arrays, _ = radial(10)
    >>> bool(np.ptp(arrays["radial_loss"][1][:, 0]) < 1e-12)  # one function
    True
    """
    records = _records(steps)
    starts = [radial_start(*SIZES[:2], mean) for mean in RADIAL_MEANS]
    targets, sides = starts[0][0], [np.stack([start[side] for start in starts]) for side in (1, 2)]
    length = float(np.linalg.norm(targets))
    found = descend(
        "radial",
        targets,
        *sides,
        learning_rates=[RADIAL_RATE / length] * len(starts),
        records=records,
    )
    arrays = {
        "radial_loss": (
            ("mean", "radial_record"),
            found.loss / length,
            "1",
            "mean squared error over the length of the targets",
        ),
        "radial_charge": (
            "mean",
            found.charge[:, 0].sum(-1),
            "weight^2",
            "sum of all charges at the start",
        ),
    }
    return arrays, {
        "mean": ("mean", list(RADIAL_MEANS), "weight", "mean and deviation of the start"),
        "radial_step": ("radial_record", records, "1", "steps of descent"),
    }


def minima(steps: int) -> Labelled:
    """Descend from several scales to minima and take their Hessians; a linear minimum also at other charges of one function.

    Parameters
    ----------
    steps : int
        Of descent; twice as many for the sigmoid. The authors' number is 4,000.

    Returns
    -------
    arrays, coordinates : dict of str to tuple
        Eigenvalues, and charges at the start (figure 9).

    Examples
    --------
    >>> arrays, _ = minima(1)
    >>> arrays["eigenvalue"][1].shape
    (4, 4, 750)
    """
    values, charge = [], []
    starts = [normal_start(*SHARP_SIZES, deviation) for deviation in SHARP_DEVIATIONS]
    targets, sides = starts[0][0], [np.stack([start[side] for start in starts]) for side in (1, 2)]
    for activation in POINTWISE:
        records, rates = [0, steps * _slowness(activation)], [SHARP_RATE] * len(starts)
        found = descend(activation, targets, *sides, learning_rates=rates, records=records)
        ends = list(zip(found.outgoing, found.incoming, strict=True))
        values.append([dense_eigenvalues(activation, targets, *end) for end in ends])
        charge.append(found.charge[:, 0].sum(-1))
        if activation == "identity":
            outgoing, incoming = ends[1]
    moved = [(outgoing / factor, incoming * factor) for factor in np.geomspace(0.25, 4, 17)]
    axes, square = ("activation", "scale"), "of the Hessian of the summed squared error"
    arrays = {
        "eigenvalue": ((*axes, "rank"), np.array(values), "1/weight^2", f"eigenvalues {square}"),
        "orbit_dimension": (
            "activation",
            [_orbit(name) for name in POINTWISE],
            "1",
            "dimension of what symmetries reach",
        ),
        "sharp_charge": (axes, np.array(charge), "weight^2", "sum of all charges at the start"),
        "moved_eigenvalue": (
            "moved",
            [minimum_eigenvalues(*pair)[-1] for pair in moved],
            "1/weight^2",
            f"largest {square}",
        ),
        "moved_charge": (
            "moved",
            [charges_of("identity", *pair).sum() for pair in moved],
            "weight^2",
            "sum of all charges",
        ),
    }
    return arrays, {
        "scale": ("scale", list(SHARP_DEVIATIONS), "weight", "standard deviation of the start")
    }


def _orbit(activation: str) -> int:
    """Return the dimension of an orbit: matrices less those that fix a linear network, one scale per ReLU unit, else nothing."""
    outputs, samples, units = SHARP_SIZES
    return {
        "identity": units**2 - max(units - outputs, 0) * max(units - samples, 0),
        "relu": units,
    }.get(activation, 0)


def starts(draws: int) -> Labelled:
    """Draw starts with variances of one over the entries that are read, and compare the sum of the charges with its moments.

    Parameters
    ----------
    draws : int
        How many. The authors' number is 1,000.

    Returns
    -------
    arrays, coordinates : dict of str to tuple
        Sums, with their mean and variance in closed form (figures 4 and 5).

    Examples
    --------
    >>> arrays, _ = starts(2)
    >>> arrays["start_mean"][1][0].tolist()  # of linear networks
    [0.0, 100.0, -100.0]
    """
    totals = np.zeros((len(POINTWISE), len(START_SIZES), draws))
    expected = np.zeros((*totals.shape[:2], 2))
    for s, (outputs, samples, units) in enumerate(START_SIZES):
        generator = np.random.default_rng(
            stream("two layers", outputs, samples, units).initial_seed()
        )
        for draw in range(draws):
            u = generator.standard_normal((outputs, units)) / units**0.5
            v = generator.standard_normal((units, samples)) / samples**0.5
            totals[:, s, draw] = [charges_of(activation, u, v).sum() for activation in POINTWISE]
        expected[:, s] = [
            initial_moments(activation, outputs, samples, units) for activation in POINTWISE
        ]
    axes, words = (
        ("activation", "network_size"),
        "of the sum of all charges at the start, in closed form",
    )
    arrays = {
        "start_charge": ((*axes, "draw"), totals, "weight^2", "sum of all charges at the start"),
        "start_mean": (axes, expected[..., 0], "weight^2", f"mean {words}"),
        "start_variance": (axes, expected[..., 1], "weight^4", f"variance {words}"),
    }
    named = [f"{outputs}, {units}, {samples}" for outputs, samples, units in START_SIZES]
    return arrays, {"network_size": ("network_size", named, "1", "outputs, units, samples")}


EXPERIMENTS = {"steps": drifts, "radial_steps": radial, "sharp_steps": minima, "draws": starts}
"""All of them, by the option that says how long or how many."""
