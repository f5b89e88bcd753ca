"""Walk along the valley from every network: measures of one function at several charges."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre import unsigned, walk_fibre
from symgeom.dynamics.flow import FlowPlan, gradient_flow
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, parameters
from symgeom.landscape.flatness.hessian import hessian_eigenvalues
from symgeom.landscape.problem import Problem
from symgeom.study.cases import Case
from symgeom.study.labels import Labelled, filled, labelled, minima_dataset, names
from symgeom.study.networks import Networks
from symgeom.study.progress import progress
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec

MOMENTS = ("start", "end")
MOMENT = ("arm", "seed", "moment")

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
    minima: Networks,
    *,
    name: str,
    arms: Mapping[str, bool],
    seeds: Sequence[int],
    options: Mapping,
) -> xr.Dataset:
    """Measure every network, as it started and as it was trained, at several imbalances.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as measured.
    minima : OnDemand
        The networks as trained, by arm and seed.
    name : str
        Name of the case, which the random streams of its starts have.
    arms : mapping of str to bool
        All arms, and whether their training was seen: else nobody knows where they started.
    seeds : sequence of int
        Of all arms.
    options : mapping
        The section ``valleys`` of the configuration.

    Returns
    -------
    xr.Dataset
        What ``MEASURES`` and ``UNITS`` name, over arm, seed and moment; nothing for networks
        without charges, or whose functions are not smooth.
    """
    problem = case.problems("float64", samples=options["samples"])["train"]
    arm_names = list(arms)
    shape = (len(arm_names), len(seeds), len(MOMENTS))
    arrays: dict[str, np.ndarray] = {}
    of_units: dict[str, np.ndarray] = {}
    charged = charged_groups(spec.exact()).groups
    measurable = bool(charged) and not case.binary and not problem.batch_norm
    with progress("walk the valleys", len(minima)) as bar:
        for (arm, seed), end in minima.items() if measurable else ():
            networks = {"end": end}
            if arms[arm]:
                start = parameters(case.start((name, arm, seed, 0)))
                networks = {"start": start, "end": end}
            for moment, network in networks.items():
                params = case.prepared(network, "float64")
                index = (arm_names.index(arm), seeds.index(seed), MOMENTS.index(moment))
                words = (name, arm, seed, moment)
                along = _along(spec, problem, params, options=options, words=words)
                for measured, curve in along.items():
                    filled(arrays, measured, shape=shape, index=index, values=curve)
                for measured, values in _unit_charges(spec, params).items():
                    filled(of_units, measured, shape=shape, index=index, values=values)
            bar.update()

    variables: Labelled = {}
    for measured, array in arrays.items():
        dims, units, meaning = MEASURES[measured]
        variables[measured] = labelled((*MOMENT, *dims), array, units, meaning)
    for measured, array in of_units.items():
        kind, _, group = measured.partition("_")
        meaning = UNITS[kind].format(group)
        variables[measured] = labelled((*MOMENT, group), array, "weight^2", meaning)
    imbalance = "charges over squared lengths of the balanced network"
    times = np.array(options["times"], float)
    coordinates = {
        **names("moment", MOMENTS, "before or after training"),
        "imbalance": labelled("imbalance", options["imbalances"], "1", imbalance),
        "time": labelled("time", times, "weight^2", "time of gradient flow"),
    }
    return minima_dataset(arm_names, seeds, variables, coordinates=coordinates)


def _along(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    *,
    options: Mapping,
    words: tuple[str, str, int, str],
) -> dict[str, np.ndarray]:
    """Return the measures at every imbalance; none of a network that cannot be brought there."""
    try:
        walked = walk_fibre(spec, params, options["imbalances"])
    except SymgeomError:
        return {}
    tolerance = options["eigenvalue_tolerance"]
    rows: list[dict[str, object]] = []
    for network in walked:
        row: dict[str, object] = dict(_at_rest(problem, network, params, tolerance, words))
        if words[-1] == "start" and options["times"]:
            row |= _in_flow(spec, problem, network, options)
        rows.append(row)
    own = _at_rest(problem, params, params, tolerance, words)
    measures = {"own_eigenvalue": np.array(own["eigenvalue"])}
    for measured in rows[0]:
        measures[measured] = np.array([row[measured] for row in rows])
    return measures


def _at_rest(
    problem: Problem,
    network: Parameters,
    params: Parameters,
    tolerance: float,
    words: tuple[str, str, int, str],
) -> dict[str, float]:
    """Measure a network that computes the same function as another one."""
    outputs = problem.outputs(params)
    moved = problem.outputs(network)
    gradient = problem.gradient(network)
    generator = stream("valley", *words)
    top = hessian_eigenvalues(problem, network, count=1, tolerance=tolerance, generator=generator)
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
    measured = {}
    for kind, values_of in {
        "charge": charges(spec, params),
        "size": charges(unsigned(spec), params),
    }.items():
        for group, values in values_of.items():
            measured[f"{kind}_{group}"] = values if values.ndim == 1 else values.diagonal()
    return measured
