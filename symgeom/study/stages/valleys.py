"""Walk along the valley from every network: measures of one function at several charges."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre import unsigned, walk_fibre
from symgeom.dynamics.flow import FlowPlan, gradient_flow
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.hessian import hessian_eigenvalues
from symgeom.landscape.problem import Problem
from symgeom.study.cases import Case
from symgeom.study.labels import MOMENT, MOMENTS, Labelled, labelled, minima_dataset, names
from symgeom.study.named_arrays import NamedArrays
from symgeom.study.pairs import Key
from symgeom.study.progress import progress
from symgeom.study.stored_networks import Minima
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec

MEASURES = {
    "own_eigenvalue": ((), "nat/weight^2", "the same of the network as it is"),
    "eigenvalue": (
        ("imbalance",),
        "nat/weight^2",
        "largest eigenvalue of the Hessian of the training loss",
    ),
    "rate": (
        ("imbalance",),
        "1/weight^2",
        "squared gradient over loss: the rate at which gradient flow would lower the loss",
    ),
    "squared_length": (("imbalance",), "weight^2", "sum of all squared weights"),
    "change": (("imbalance",), "1", "largest change of an output, of the largest output"),
    "flow_loss": (
        ("imbalance", "time"),
        "nat",
        "training loss after so much gradient flow",
    ),
    "flow_drift": (
        ("imbalance",),
        "1",
        "largest change of a charge in the flow, of the sum of squares that it is a difference of",
    ),
}
"""Further axes, units and meanings of what is measured along the valley."""

UNITS = {
    "charge": "charges of {}, of a linear group the diagonal",
    "size": "sums of which the charges of {} are differences",
}
"""Meanings of what is measured of the units of each group."""


def measure(
    case: Case,
    spec: SymmetrySpec,
    minima: Minima,
    *,
    trained: Collection[str],
    options: Mapping,
) -> xr.Dataset:
    """Measure every network, as it started and as it was trained, at several imbalances.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as measured.
    minima : Minima
        The networks as trained.
    trained : collection of str
        The arms whose training was seen: of others nobody knows where they started.
    options : mapping
        The section ``valleys`` of the configuration.

    Returns
    -------
    xr.Dataset
        What ``MEASURES`` and ``UNITS`` name, over arm, seed and moment; nothing for networks
        without charges, or whose functions are not smooth.
    """
    problem = case.problems("float64", samples=options["samples"])["train"]
    shape = (*minima.shape, len(MOMENTS))
    along_valley = NamedArrays(shape)
    of_units = NamedArrays(shape)
    charged = charged_groups(spec.exact()).groups
    measurable = bool(charged) and not case.binary and not problem.batch_norm
    keys = list(minima.networks) if measurable else []
    with progress("walk the valleys", len(keys)) as bar:
        for key in keys:
            for moment, network in _moments(case, key, minima, trained).items():
                params = case.prepared(network, "float64")
                index = (*minima.index(key), MOMENTS.index(moment))
                walk = _Walk(spec, problem, params, moment, (case.name, *key, moment))
                for name, values in walk.measures(options).items():
                    along_valley.put(name, index, values)
                for name, charge in _unit_charges(spec, params).items():
                    of_units.put(name, index, charge)
            bar.update()
    if measurable and not keys:  # an untrained network shows which arrays there would have been
        moment = "start" if set(minima.arms) & set(trained) else "end"
        words = (case.name, "untrained", 0, moment)
        walk = _Walk(spec, problem, case.any_network(), moment, words)
        along_valley.begin_all(walk.measures(options))
        of_units.begin_all(_unit_charges(spec, walk.params))
    imbalance = "charges over squared lengths of the balanced network"
    times = np.array(options["times"], float)
    coordinates = {
        **names("moment", MOMENTS, "before or after training"),
        "imbalance": labelled("imbalance", options["imbalances"], "1", imbalance),
        "time": labelled("time", times, "weight^2", "time of gradient flow"),
    }
    variables = {**_label_measures(along_valley), **_label_units(of_units)}
    return minima_dataset(minima.arms, minima.seeds, variables, coordinates=coordinates)


def _moments(
    case: Case, key: Key, minima: Minima, trained: Collection[str]
) -> dict[str, Parameters]:
    """Return a network as it started, if that is known, and as it was trained."""
    arm, seed = key
    networks: dict[str, Parameters] = {}
    if arm in trained:
        networks["start"] = case.start(arm, seed)
    networks["end"] = minima.networks[key]
    return networks


def _label_measures(arrays: Mapping[str, np.ndarray]) -> Labelled:
    variables: Labelled = {}
    for name, array in arrays.items():
        dims, units, meaning = MEASURES[name]
        variables[name] = labelled((*MOMENT, *dims), array, units, meaning)
    return variables


def _label_units(arrays: Mapping[str, np.ndarray]) -> Labelled:
    variables: Labelled = {}
    for name, array in arrays.items():
        kind, _, group = name.partition("_")
        meaning = UNITS[kind].format(group)
        variables[name] = labelled((*MOMENT, group), array, "weight^2", meaning)
    return variables


@dataclass(frozen=True, eq=False)
class _Walk:
    """A network, and the walk along its valley: networks that compute the same function."""

    spec: SymmetrySpec
    problem: Problem
    params: Parameters
    moment: str
    words: tuple[str, str, int, str]

    def measures(self, options: Mapping) -> dict[str, np.ndarray]:
        """Return the measures at every imbalance; none if the network cannot be brought there."""
        try:
            walked = walk_fibre(self.spec, self.params, options["imbalances"])
        except SymgeomError:
            return {}
        tolerance = options["eigenvalue_tolerance"]
        flows = self.moment == "start" and bool(options["times"])
        rows: list[dict[str, object]] = []
        for network in walked:
            row: dict[str, object] = dict(self.at_rest(network, tolerance))
            if flows:
                row |= _in_flow(self.spec, self.problem, network, options)
            rows.append(row)
        unmoved = self.at_rest(self.params, tolerance)
        measures = {"own_eigenvalue": np.array(unmoved["eigenvalue"])}
        for name in rows[0]:
            measures[name] = np.array([row[name] for row in rows])
        return measures

    def at_rest(self, network: Parameters, tolerance: float) -> dict[str, float]:
        """Measure one of the networks."""
        problem = self.problem
        outputs = problem.outputs(self.params)
        moved = problem.outputs(network)
        gradient = problem.gradient(network)
        generator = stream("valley", *self.words)
        top = hessian_eigenvalues(
            problem, network, count=1, tolerance=tolerance, generator=generator
        )
        squared_gradient = sum(part.square().sum() for part in gradient.values())
        squared_length = sum(network[name].square().sum() for name in gradient)
        largest_change = (moved - outputs).abs().max() / outputs.abs().max()
        return {
            "eigenvalue": float(top.values[0]),
            "rate": float(squared_gradient / problem.loss(network)),
            "squared_length": float(squared_length),
            "change": float(largest_change),
        }


def _in_flow(
    spec: SymmetrySpec, problem: Problem, network: Parameters, options: Mapping
) -> dict[str, object]:
    """Measure the loss along gradient flow, and how well the charges are conserved on it."""
    plan = FlowPlan(
        options["times"],
        method="RK45",
        tolerance=options["flow_tolerance"],
        evaluations=options["evaluations"],
    )
    flow = gradient_flow(problem, network, plan, spec=spec)
    losses = np.full(len(plan.times), np.nan)
    losses[: len(flow.loss)] = flow.loss
    return {"flow_loss": losses, "flow_drift": max(flow.charge_error.values(), default=np.nan)}


def _unit_charges(spec: SymmetrySpec, params: Parameters) -> dict[str, Tensor]:
    """Return the charge of every unit, and the sum that it is the difference of."""
    sums_of = {"charge": charges(spec, params), "size": charges(unsigned(spec), params)}
    measured = {}
    for kind, of_groups in sums_of.items():
        for group, values in of_groups.items():
            measured[f"{kind}_{group}"] = values if values.ndim == 1 else values.diagonal()
    return measured
