r"""Compare points of the orbit of every minimum: networks of one function, at other scales.

A network as trained, the shortest of its orbit, that at the noise equilibrium without decay and the
flattest (:mod:`symgeom.dynamics.fibre.points`). Two controls are as far from the trained network as
the noise equilibrium: "random" in a direction drawn at random among the logarithms of all scales,
"shuffled" at the same scales, drawn anew within each group for its units.

Everything is measured at the trained network and carried along the orbit, on which the Hessian
keeps :math:`\theta_v \theta_w H_{vw}`. Traces are therefore exact, and an eigenvector at one point
is a good start at the next.

Where matrices mix units (queries with keys and values with outputs of attention, linear layers),
they are moved along with the scales, and every point is measured anew. A matrix counts as the
logarithm of its symmetric part :math:`(M^\top M)^{1/2}`: what remains is a rotation, which changes
nothing that is measured. The control "random" draws such logarithms, "shuffled" exchanges their
units.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.dynamics.fibre.points import POINTS as NAMED
from symgeom.dynamics.fibre.points import element_with_matrices
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
from symgeom.study.symmetries import with_matrices
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
        networks without positive scales and matrices, with batch norms whose statistics are
        measured anew, or with several classes per sample: the attribute ``left_out`` says so. The
        attribute ``matrix`` says whether the trace is that of the Hessian.
    """
    problem = case.problems("float64", samples=options["samples"])["train"]
    moved = charged_groups(with_matrices(case, spec).exact().trained(problem.trainable))
    table = NamedArrays(minima.shape)
    obstacle = _obstacle(case, problem, moved)
    matrix = "Hessian"
    if not obstacle:
        for name in MEASURES:
            table.begin(name, (len(POINTS),))
        if not is_linear_by_layer(problem, case.any_network()):
            matrix = "Gauss-Newton matrix"
    keys = [] if obstacle else list(minima.networks)
    with progress("move along orbits", len(keys)) as bar:
        for key in keys:
            params = case.prepared(minima.networks[key], "float64")
            orbit = _Orbit(moved, problem, params, (case.name, *key))
            for name, row in orbit.measures(options["eigenvalue_tolerance"]).items():
                table.put(name, minima.index(key), row)
            bar.update()
    left_out = [f"points of orbits ({obstacle})"] if obstacle else []
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
        attrs=as_attributes(options) | {"matrix": matrix, "left_out": left_out},
    )


def _obstacle(case: Case, problem: Problem, moved: SymmetrySpec) -> str:
    """Say why the points of the orbits of a case cannot be found; empty if they can."""
    if case.binary:
        return "weights are signs, which no scale moves"
    if not moved.groups:
        return "no unit has a scale or a matrix that trains"
    if problem.batch_norm:
        return "the gradient of a sample depends on the others, as statistics are measured anew"
    if problem.task != "classes":
        return "samples have more answers than one class"
    return ""


@dataclass(frozen=True, eq=False)
class _Orbit:
    """A network, and the networks that differ from it by the scales of some groups."""

    moved: SymmetrySpec
    problem: Problem
    params: Parameters
    words: tuple[str, str, int]

    def measures(self, tolerance: float) -> dict[str, list[float]]:
        """Return what is measured at every point."""
        mixed = bool(charged_groups(self.moved, "linear").groups)
        measured = _Anew(self, tolerance) if mixed else _Carried(self, tolerance)
        elements = self.elements(measured.named())
        outputs = self.problem.outputs(self.params)
        rows: dict[str, list[float]] = {name: [] for name in MEASURES}
        for point in POINTS:
            element = elements[point]
            there = act(self.moved, element, self.params)
            logarithms = _logarithms(self.moved, element)
            names_of_weights = trainable(self.problem, self.params)
            lengths = [float(there[name].square().sum()) for name in names_of_weights]
            difference = self.problem.outputs(there) - outputs
            change = difference.abs().max() / outputs.abs().max()
            for name, value in measured.at(element, there).items():
                rows[name].append(value)
            rows["squared_length"].append(sum(lengths))
            rows["distance"].append(_length(logarithms))
            rows["change"].append(float(change))
        return rows

    def elements(self, named: Mapping[str, GroupElement]) -> dict[str, GroupElement]:
        """Return what leads to every point."""
        logarithms = _logarithms(self.moved, named["noise"])
        generator = stream("orbit", *self.words)
        random = {}
        shuffled = {}
        for name, values in logarithms.items():
            drawn = torch.randn(values.shape, generator=generator, dtype=torch.float64)
            order = torch.randperm(len(values), generator=generator)
            if values.ndim == 1:
                random[name] = drawn * (values != 0)
                shuffled[name] = values[order]
            else:
                random[name] = (drawn + drawn.T) / 2
                shuffled[name] = values[order][:, order]
        smallest = torch.finfo(torch.float64).tiny
        size = _length(logarithms) / max(_length(random), smallest)
        as_far = {name: size * values for name, values in random.items()}
        return {
            "trained": identity(self.moved),
            **named,
            "random": _element(as_far),
            "shuffled": _element(shuffled),
        }


class _Carried:
    """What was measured at a network, wherever the scales of its units lead."""

    def __init__(self, orbit: _Orbit, tolerance: float) -> None:
        problem = orbit.problem
        params = orbit.params
        self.moved = orbit.moved
        self.variance = gradient_variance(problem, params)
        self.curvature = gauss_newton_diagonal(problem, params)
        self.weights = {name: params[name] for name in trainable(problem, params)}
        self.spectrum = _Spectrum(problem, params, orbit.words, tolerance)

    def named(self) -> dict[str, GroupElement]:
        """Return what leads to the points that have a name."""
        squares = {name: tensor**2 for name, tensor in self.weights.items()}
        return {
            "balanced": balance(self.moved, {}, squares).element,
            "noise": balance(self.moved, self.variance, {}).element,
            "flattest": balance(self.moved, self.curvature, {}).element,
        }

    def at(self, element: GroupElement, _: Parameters) -> dict[str, float]:
        """Return what is measured where an element leads."""
        factors = weight_factors(self.moved, element, self.weights)
        return {
            "trace": divided_sum(self.curvature, factors),
            "eigenvalue": self.spectrum.top(ravel(factors)),
            "gradient_variance": divided_sum(self.variance, factors),
        }


class _Anew:
    """What is measured at every network anew, where matrices mix units."""

    def __init__(self, orbit: _Orbit, tolerance: float) -> None:
        self.orbit = orbit
        self.tolerance = tolerance

    def named(self) -> dict[str, GroupElement]:
        """Return what leads to the points that have a name."""
        orbit = self.orbit
        elements = {}
        for point in NAMED:
            elements[point] = element_with_matrices(orbit.moved, orbit.problem, orbit.params, point)
        return elements

    def at(self, _: GroupElement, there: Parameters) -> dict[str, float]:
        """Return what is measured at a network."""
        problem = self.orbit.problem
        spectrum = _Spectrum(problem, there, self.orbit.words, self.tolerance)
        variance = gradient_variance(problem, there)
        one = {name: torch.ones_like(there[name]) for name in variance}
        return {
            "trace": divided_sum(gauss_newton_diagonal(problem, there), one),
            "eigenvalue": spectrum.top(ravel(one)),
            "gradient_variance": divided_sum(variance, one),
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
    """Return the logarithms of the scales of all groups, of matrices that of the symmetric part."""
    logarithms = {}
    for group in spec.groups:
        scales = element.scales[group.name]
        if group.scale == "positive":
            logarithms[group.name] = scales.log()
        else:
            values, vectors = torch.linalg.eigh(scales.T @ scales)
            logarithms[group.name] = (vectors * values.log() / 2) @ vectors.T
    return logarithms


def _length(logarithms: Mapping[str, Tensor]) -> float:
    """Return the length of the logarithms of the scales of all groups together."""
    together = torch.cat([values.flatten() for values in logarithms.values()])
    return float(torch.linalg.vector_norm(together))


def _element(logarithms: Mapping[str, Tensor]) -> GroupElement:
    """Return the element with such scales and matrices, whose units stay in their places."""
    order = {}
    scales = {}
    for name, values in logarithms.items():
        order[name] = torch.arange(len(values))
        scales[name] = values.exp() if values.ndim == 1 else torch.linalg.matrix_exp(values)
    return GroupElement(order, scales)
