r"""Compare points of the orbit of every minimum: networks of one function, at other scales.

A network as trained, the shortest of its orbit, that at the noise equilibrium without decay and the
flattest (:mod:`symgeom.dynamics.fibre.points`). Two controls are as far from the trained network as
the noise equilibrium: "random" in a direction drawn at random among the logarithms of all scales,
"shuffled" at the same scales, drawn anew within each group for its units.

Everything is measured at the trained network and carried along the orbit, on which the Hessian
keeps :math:`\theta_v \theta_w H_{vw}`. Traces are therefore exact, and an eigenvector at one point
is a good start at the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.dynamics.fibre.points import POINTS as NAMED
from symgeom.dynamics.noise import balance, gradient_variance, weight_factors
from symgeom.dynamics.noise.factors import divided_sum
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, cast, ravel
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal, is_linear_by_layer
from symgeom.landscape.flatness.eigenpairs import Product, refined_eigenpairs
from symgeom.landscape.flatness.hessian import hessian_vector_product, trainable
from symgeom.landscape.problem import Problem
from symgeom.study.cases import Case
from symgeom.study.labels import MINIMUM, Labelled, as_attributes, labelled, minima_dataset, names
from symgeom.study.named_arrays import NamedArrays
from symgeom.study.progress import progress
from symgeom.study.stored_networks import Minima
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import SymmetrySpec

CONTROLS = ("random", "shuffled")
"""Points that no balance leads to."""

POINTS = ("trained", *NAMED, *CONTROLS)
"""The points of an orbit."""

MEASURES = {
    "trace": ("nat/weight^2", "trace of the {matrix} of the training loss"),
    "eigenvalue": ("nat/weight^2", "largest eigenvalue of the Hessian of the training loss"),
    "gradient_variance": (
        "nat^2/weight^2",
        "variance of the sample gradients, summed over the weights",
    ),
    "squared_length": ("weight^2", "sum of all squared weights"),
    "distance": ("1", "length of the logarithms of all scales that lead there from the minimum"),
    "change": ("1", "largest change of an output, of the largest output"),
}
"""Units and meanings of what is measured at every point."""


def measure(case: Case, spec: SymmetrySpec, minima: Minima, options: Mapping) -> xr.Dataset:
    """Measure points of the orbit of every network.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as measured.
    minima : Minima
        The networks as trained; folded ones where batch norms are folded.
    options : mapping
        The section ``orbits`` of the configuration.

    Returns
    -------
    xr.Dataset
        What ``MEASURES`` names, over arm, seed and point; NaN where a network diverged. Nothing of
        networks without positive scales, or with batch norms whose statistics are measured anew.
        The attribute ``matrix`` says whether the trace is that of the Hessian.
    """
    problem = case.problems("float64", samples=options["samples"])["train"]
    moved = charged_groups(spec.exact().trained(problem.trainable), "positive")
    table = NamedArrays(minima.shape)
    measurable = bool(moved.groups) and not case.binary and not problem.batch_norm
    measurable = measurable and problem.task == "classes"
    matrix = "Hessian"
    if measurable:
        for name in MEASURES:
            table.begin(name, (len(POINTS),))
        if not is_linear_by_layer(problem, case.any_network()):
            matrix = "Gauss-Newton matrix"
    keys = list(minima.networks) if measurable else []
    with progress("move along orbits", len(keys)) as bar:
        for key in keys:
            params = case.prepared(minima.networks[key], "float64")
            orbit = _Orbit(spec.exact(), moved, problem, params, (case.name, *key))
            for name, row in orbit.measures(options["eigenvalue_tolerance"]).items():
                table.put(name, minima.index(key), row)
            bar.update()
    variables: Labelled = {}
    for name, values in table.items():
        units, meaning = MEASURES[name]
        meaning = meaning.format(matrix=matrix)
        variables[name] = labelled((*MINIMUM, "point"), values, units, meaning)
    return minima_dataset(
        minima.arms,
        minima.seeds,
        variables,
        coordinates=names("point", POINTS, "which network of the orbit"),
        attrs=as_attributes(options) | {"matrix": matrix},
    )


@dataclass(frozen=True, eq=False)
class _Orbit:
    """A network, and the networks that differ from it by the scales of some groups."""

    spec: SymmetrySpec
    moved: SymmetrySpec
    problem: Problem
    params: Parameters
    words: tuple[str, str, int]

    def measures(self, tolerance: float) -> dict[str, list[float]]:
        """Return what is measured at every point."""
        variance = gradient_variance(self.problem, self.params)
        curvature = gauss_newton_diagonal(self.problem, self.params)
        weights = {name: self.params[name] for name in trainable(self.problem, self.params)}
        squares = {name: tensor**2 for name, tensor in weights.items()}
        elements = self.elements(variance, curvature, squares)
        spectrum = _Spectrum(self.problem, self.params, self.words, tolerance)
        outputs = self.problem.outputs(self.params)
        rows: dict[str, list[float]] = {name: [] for name in MEASURES}
        for point in POINTS:
            element = elements[point]
            factors = weight_factors(self.moved, element, weights)
            there = act(self.spec, element, self.params)
            logarithms = _logarithms(self.moved, element)
            lengths = [float(there[name].square().sum()) for name in weights]
            difference = self.problem.outputs(there) - outputs
            change = difference.abs().max() / outputs.abs().max()
            rows["trace"].append(divided_sum(curvature, factors))
            rows["eigenvalue"].append(spectrum.top(ravel(factors)))
            rows["gradient_variance"].append(divided_sum(variance, factors))
            rows["squared_length"].append(sum(lengths))
            rows["distance"].append(_length(logarithms))
            rows["change"].append(float(change))
        return rows

    def elements(
        self, variance: Parameters, curvature: Parameters, squares: Parameters
    ) -> dict[str, GroupElement]:
        """Return what leads to every point."""
        noise = balance(self.moved, variance, {}).element
        logarithms = _logarithms(self.moved, noise)
        generator = stream("orbit", *self.words)
        random = {}
        shuffled = {}
        for name, values in logarithms.items():
            drawn = torch.randn(values.shape, generator=generator, dtype=torch.float64)
            random[name] = drawn * (values != 0)
            shuffled[name] = values[torch.randperm(len(values), generator=generator)]
        smallest = torch.finfo(torch.float64).tiny
        size = _length(logarithms) / max(_length(random), smallest)
        as_far = {name: size * values for name, values in random.items()}
        balanced = balance(self.moved, {}, squares)
        flattest = balance(self.moved, curvature, {})
        return {
            "trained": identity(self.moved),
            "balanced": balanced.element,
            "noise": noise,
            "flattest": flattest.element,
            "random": _element(as_far),
            "shuffled": _element(shuffled),
        }


class _Spectrum:
    """The top of the spectrum of the Hessian, at networks of one orbit, one after another."""

    def __init__(
        self, problem: Problem, params: Parameters, words: tuple[str, str, int], tolerance: float
    ) -> None:
        self.products: dict[torch.dtype, Product] = {}
        for dtype in (torch.float32, torch.float64):
            network = cast(params, dtype)
            self.products[dtype] = hessian_vector_product(problem.cast(dtype), network)
        self.generator = stream("spectrum along the orbit", *words)
        self.tolerance = tolerance
        self.weighted: Tensor | None = None

    def top(self, factors: Tensor) -> float:
        """Return the largest eigenvalue where the weights are multiplied by factors."""

        def operator(dtype: torch.dtype) -> Product:
            divisors = factors.to(dtype)
            return lambda vector: self.products[dtype](vector / divisors) / divisors

        pairs = refined_eigenpairs(
            operator,
            self._start(factors),
            count=1,
            tolerance=self.tolerance,
            generator=self.generator,
        )
        self.weighted = pairs.vectors[0] * factors
        if not pairs.converged:
            return np.nan
        return float(pairs.values[0])

    def _start(self, factors: Tensor) -> Tensor:
        """Return the eigenvector of the last network, carried along the orbit."""
        if self.weighted is not None:
            return self.weighted / factors
        drawn = torch.randn(len(factors), generator=self.generator, dtype=torch.float64)
        return drawn.to(factors)


def _logarithms(spec: SymmetrySpec, element: GroupElement) -> dict[str, Tensor]:
    """Return the logarithms of the scales of all groups."""
    return {group.name: element.scales[group.name].log() for group in spec.groups}


def _length(logarithms: Mapping[str, Tensor]) -> float:
    """Return the length of the logarithms of the scales of all groups together."""
    together = torch.cat(list(logarithms.values()))
    return float(torch.linalg.vector_norm(together))


def _element(logarithms: Mapping[str, Tensor]) -> GroupElement:
    """Return the element with such scales, whose units stay in their places."""
    order = {}
    scales = {}
    for name, values in logarithms.items():
        order[name] = torch.arange(len(values))
        scales[name] = values.exp()
    return GroupElement(order, scales)
