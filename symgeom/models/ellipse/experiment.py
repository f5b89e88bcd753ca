"""Orbits, flow lines and descents of the ellipse, with and without a turn to the steepest point."""

import numpy as np
from numpy.typing import NDArray

from symgeom.ground.checks import SymgeomError
from symgeom.models.ellipse.theory import charge, decrease, descended, flow, loss, turned
from symgeom.models.labels import Labelled, LabelledArray

STARTS = 7
"""Points of one level set from which flow and descent start."""

LEVELS = 25
"""Level sets of which orbits are kept."""

ANGLES = 161
"""Points of a quarter of an orbit."""

REACH = 12.0
"""Logarithm of the tangent of the angle of the last point; the charge of an axis is infinite."""

LEAST = 1e-3
"""The lowest loss of an orbit; the highest, that of the starts, is 1."""

TURN = 10
"""After how many steps a descent is turned."""


def measure_ellipse(steepness: float, learning_rate: float, steps: int) -> Labelled:
    """Measure orbits and flow lines in one quadrant, and descend from points of one orbit.

    Parameters
    ----------
    steepness : float
        The curvature along the second weight over that along the first.
    learning_rate : float
        Of gradient descent.
    steps : int
        Of descent.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Places, charges and rates of decrease on orbits; losses and charges along flow and descent.

    Raises
    ------
    SymgeomError
        If a step would overshoot, which changes the quadrant.

    Examples
    --------
    >>> arrays, _ = measure_ellipse(4.0, 0.02, 5)
    >>> arrays["descent_loss"].values.shape  # with and without a turn, from every start
    (2, 7, 6)
    """
    if not 2 * learning_rate * steepness < 1:
        raise SymgeomError(
            f"Cannot descend an ellipse of steepness {steepness:g} at the learning rate "
            f"{learning_rate:g}: a step would overshoot the second weight. Give a rate below "
            f"{0.5 / steepness:g}."
        )
    angles = np.arctan(np.exp(np.linspace(-REACH, REACH, ANGLES)))
    levels = np.geomspace(LEAST, 1, LEVELS)
    outermost = np.stack([levels**0.5, np.zeros(LEVELS)], axis=-1)
    orbits = turned(outermost[:, None], angles, steepness)
    begun = np.linspace(0, np.pi / 2, STARTS + 2)[1:-1]
    starts = turned(np.array([1.0, 0.0]), begun, steepness)
    times = learning_rate * np.arange(steps + 1)
    flowed = flow(starts[:, None], times, steepness)
    followed = np.stack(
        [
            _descend(starts, learning_rate, steps, steepness, turn=turn)
            for turn in (None, min(TURN, steps))
        ]
    )
    return _arrays(orbits, flowed, followed, steepness), _coordinates(angles, levels, begun, times)


def _descend(
    starts: NDArray, rate: float, steps: int, steepness: float, *, turn: int | None
) -> NDArray:
    """Descend from all starts; before one step, all go to the steepest point of their orbit."""
    weights = starts
    visited = [weights]
    for step in range(steps):
        if step == turn:
            size = loss(weights, steepness)
            steepest = np.array([0.0, steepness**-0.5])
            weights = size[:, None] ** 0.5 * steepest
        weights = descended(weights, rate, steepness)
        visited.append(weights)
    return np.stack(visited, axis=1)


def _arrays(
    orbits: NDArray, flowed: NDArray, followed: NDArray, steepness: float
) -> dict[str, LabelledArray]:
    """Return what is measured of orbits, flow lines and descents."""
    on_orbits = ("level", "angle")
    on_flows = ("start", "step")
    on_descents = ("turn", *on_flows)
    weights_by_name = {"orbit": (on_orbits, orbits), "flow": (on_flows, flowed)}
    arrays = {}
    for name, (axes, weights) in weights_by_name.items():
        weight_axes = (*axes, "weight")
        arrays[f"{name}_weights"] = LabelledArray(weight_axes, weights, "weight", "where it is")
        arrays[f"{name}_charge"] = LabelledArray(axes, charge(weights, steepness), "1", "charge")
        arrays[f"{name}_loss"] = LabelledArray(axes, loss(weights, steepness), "1", "loss")
    arrays["orbit_decrease"] = LabelledArray(
        on_orbits,
        decrease(orbits, steepness),
        "1",
        "rate at which gradient flow lowers the loss, relative to it",
    )
    arrays["descent_loss"] = LabelledArray(
        on_descents, loss(followed, steepness), "1", "loss along gradient descent"
    )
    arrays["descent_charge"] = LabelledArray(
        on_flows, charge(followed[0], steepness), "1", "charge along gradient descent, not turned"
    )
    return arrays


def _coordinates(
    angles: NDArray, levels: NDArray, begun: NDArray, times: NDArray
) -> dict[str, LabelledArray]:
    """Return the labels of all axes."""
    turns = ["never", "once"]
    where = "angle where the ellipse is a circle"
    return {
        "weight": LabelledArray("weight", ["first", "second"], "1", "which weight"),
        "level": LabelledArray("level", levels, "1", "loss of the orbit"),
        "angle": LabelledArray("angle", angles, "rad", where),
        "start": LabelledArray("start", begun, "rad", f"{where}, of the start"),
        "time": LabelledArray("step", times, "1", "time of gradient flow"),
        "turn": LabelledArray("turn", turns, "1", "goes to the steepest point of its orbit"),
    }
