r"""Chart the valley between two minima, over the charge and the way from one to the other.

One coordinate is :math:`t`, the position on the geodesic between two minima from which permutations
and scales are removed. The other is the imbalance :math:`q` of all units, the charge over the
squared lengths of the balanced network (:mod:`symgeom.dynamics.fibre.walk`): along it the function
does not change, so that it is a coordinate along the valley where :math:`t` is one between minima.
What it changes is the trace of the Hessian, which is measured once at every :math:`t` and carried.

At every :math:`t` stand four points of the orbit as well: "balanced", "noise" and "flattest"
(:mod:`symgeom.dynamics.fibre.points`), and "trained", whose units have the imbalances of the
two trained networks, in between linearly. At the ends it is these networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre.points import POINTS as NAMED
from symgeom.dynamics.fibre.walk import balanced_sizes, unit_imbalances, walk_elements
from symgeom.dynamics.noise import balance, gradient_variance, weight_factors
from symgeom.dynamics.noise.factors import divided_sum
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, cast, stack
from symgeom.landscape.barriers import evaluate
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal, is_linear_by_layer
from symgeom.landscape.problem import Problem
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges, geodesic_between
from symgeom.study.labels import Labelled, as_attributes, labelled, names, pairs_dataset
from symgeom.study.named_arrays import NamedArrays
from symgeom.study.pairs import Pair, words_of
from symgeom.study.progress import progress
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, act
from symgeom.symmetry.spec import SymmetrySpec

POINTS = ("trained", *NAMED)
"""The points of every orbit."""

MEASURES = {
    "loss": (("t", "imbalance"), "nat", "training loss"),
    "error": (("t", "imbalance"), "1", "fraction of the training samples misclassified"),
    "trace": (("t", "imbalance"), "nat/weight^2", "trace of the {matrix} of the training loss"),
    "point_trace": (("t", "point"), "nat/weight^2", "the same at points of the orbit"),
    "point_imbalance": (("t", "point"), "1", "imbalance there, of the middle unit"),
}
"""Axes, units and meanings of what is measured of a pair."""


def measure(case: Case, gauges: Gauges, *, pairs: Sequence[Pair], options: Mapping) -> xr.Dataset:
    """Chart the valley between the networks of some pairs.

    Parameters
    ----------
    case : Case
        The case.
    gauges : Gauges
        The networks, as trained too, and what aligns the pairs.
    pairs : sequence of Pair
        The pairs.
    options : mapping
        The section ``valleys`` of the configuration.

    Returns
    -------
    xr.Dataset
        What ``MEASURES`` names, over pair; NaN where a network diverged. The attribute
        ``undefined`` names pairs without a geodesic, or on whose geodesic a network cannot be
        brought to the imbalances. Nothing of networks without positive scales,
        or with batch norms whose statistics are measured anew. The attribute ``matrix`` says
        whether the trace is that of the Hessian.
    """
    problem = case.problems("float64", samples=options["samples"])["train"]
    moved = charged_groups(gauges.spec.exact().trained(problem.trainable), "positive")
    axes = _axes(options)
    table = NamedArrays((len(pairs),))
    measurable = bool(moved.groups) and not case.binary and not problem.batch_norm
    matrix = "Hessian"
    if measurable:
        lengths = {**{name: len(values) for name, values in axes.items()}, "point": len(POINTS)}
        for name, (dims, _, _) in MEASURES.items():
            table.begin(name, tuple(lengths[dim] for dim in dims))
        if not is_linear_by_layer(problem, case.any_network()):
            matrix = "Gauss-Newton matrix"
    undefined: list[str] = []
    rows = list(enumerate(pairs)) if measurable else []
    with progress("chart valleys", len(rows)) as bar:
        for row, pair in rows:
            if gauges.has(pair):
                measured = _chart(gauges, moved, problem, pair, axes)
                for name, values in measured.items():
                    table.put(name, (row,), values)
                if not measured:
                    undefined.append(words_of(pair))
            bar.update()
    return pairs_dataset(
        pairs,
        _label(table, matrix),
        coordinates=_coordinates(axes),
        attrs=as_attributes(options) | {"matrix": matrix, "undefined": undefined},
    )


def _axes(options: Mapping) -> dict[str, NDArray]:
    """Return both coordinates; equal distances of imbalances are equal factors."""
    points = options["chart_points"]
    imbalances = options["imbalances"]
    low = np.arcsinh(min(imbalances))
    high = np.arcsinh(max(imbalances))
    return {"t": np.linspace(0, 1, points), "imbalance": np.sinh(np.linspace(low, high, points))}


def _chart(
    gauges: Gauges,
    moved: SymmetrySpec,
    problem: Problem,
    pair: Pair,
    axes: Mapping[str, NDArray],
) -> dict[str, NDArray]:
    """Measure a pair; nothing if it has no geodesic, or no scales lead to the imbalances."""
    path = geodesic_between(gauges.torus, gauges.ends_as_trained(pair))
    if path is None:
        return {}
    first, second = (cast(end, torch.float64) for end in gauges.ends(pair)["aligned"])
    before = unit_imbalances(moved, first)
    after = unit_imbalances(moved, second)
    rows: dict[str, list[NDArray]] = {name: [] for name in MEASURES}
    for t in axes["t"].tolist():
        trained = {name: (1 - t) * before[name] + t * after[name] for name in before}
        orbit = _Orbit(moved, problem, cast(path(t), torch.float64))
        try:
            measured = orbit.measures(axes["imbalance"], trained)
        except SymgeomError:
            return {}
        for name, values in measured.items():
            rows[name].append(values)
    return {name: np.stack(values) for name, values in rows.items()}


@dataclass(frozen=True, eq=False)
class _Orbit:
    """A network on the geodesic, and the networks that differ from it by the scales of units."""

    moved: SymmetrySpec
    problem: Problem
    params: Parameters

    def measures(self, imbalances: NDArray, trained: Mapping[str, Tensor]) -> dict[str, NDArray]:
        """Return what is measured of it."""
        curvature = gauss_newton_diagonal(self.problem, self.params)
        variance = gradient_variance(self.problem, self.params)
        sizes = balanced_sizes(self.moved, self.params)
        *walked, as_trained, balanced = walk_elements(
            self.moved, self.params, [*imbalances.tolist(), trained, 0.0]
        )
        points = [
            as_trained,
            balanced,
            balance(self.moved, variance, {}).element,
            balance(self.moved, curvature, {}).element,
        ]
        networks = [act(self.moved, element, self.params) for element in walked]
        loss, error = evaluate(self.problem, stack(networks)).cpu().numpy()
        return {
            "loss": loss,
            "error": error,
            "trace": np.array([self.trace(element, curvature) for element in walked]),
            "point_trace": np.array([self.trace(element, curvature) for element in points]),
            "point_imbalance": np.array([self.imbalance(element, sizes) for element in points]),
        }

    def trace(self, element: GroupElement, curvature: Parameters) -> float:
        """Return the trace at another network of the orbit, from the diagonal at this one."""
        factors = weight_factors(self.moved, element, curvature)
        return divided_sum(curvature, factors)

    def imbalance(self, element: GroupElement, sizes: Mapping[str, Tensor]) -> float:
        """Return the imbalance of the middle unit at another network of the orbit."""
        charge = charges(self.moved, act(self.moved, element, self.params))
        of_units = torch.cat([charge[name] / size for name, size in sizes.items()])
        return float(of_units.nanmedian())


def _label(arrays: Mapping[str, NDArray], matrix: str) -> Labelled:
    """Return the arrays with their units and meanings."""
    variables: Labelled = {}
    for name, values in arrays.items():
        dims, units, meaning = MEASURES[name]
        variables[name] = labelled(("pair", *dims), values, units, meaning.format(matrix=matrix))
    return variables


def _coordinates(axes: Mapping[str, NDArray]) -> Labelled:
    imbalance = "charges over squared lengths of the balanced network"
    return {
        "t": labelled("t", axes["t"], "1", "position along the geodesic"),
        "imbalance": labelled("imbalance", axes["imbalance"], "1", imbalance),
        **names("point", POINTS, "which network of the orbit"),
    }
