"""All experiments, by the option of a study that says how long or how many."""

from collections.abc import Callable

from symgeom.models.labels import Labelled
from symgeom.models.two_layer.experiments.drift import measure_drift
from symgeom.models.two_layer.experiments.initial_charges import draw_charges
from symgeom.models.two_layer.experiments.minima import measure_minima
from symgeom.models.two_layer.experiments.radial import descend_radially

EXPERIMENTS: dict[str, Callable[[int], Labelled]] = {
    "steps": measure_drift,
    "radial_steps": descend_radially,
    "sharp_steps": measure_minima,
    "draws": draw_charges,
}
