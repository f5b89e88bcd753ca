"""Measures of one function at several charges."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre.walk import unsigned, walk_fibre
from symgeom.dynamics.flow import FlowPlan, gradient_flow
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.hessian import hessian_eigenvalues
from symgeom.landscape.problem import Problem
from symgeom.symmetry.spec import SymmetrySpec


def along(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    *,
    options: Mapping,
    words: tuple,
    flow: bool,
) -> dict[str, np.ndarray]:
    """Return the measures at every imbalance; none for a network that cannot be brought there."""
    try:
        places = walk_fibre(spec, params, options["imbalances"])
    except SymgeomError:
        return {}
    rows = [
        _at_rest(problem, place, params, options["eigenvalue_tolerance"], words)
        for place in (*places, params)
    ]
    own = {"own_eigenvalue": np.array(rows.pop()["eigenvalue"])}
    if flow and options["times"]:
        rows = [
            row | _in_flow(spec, problem, place, options)
            for row, place in zip(rows, places, strict=True)
        ]
    return own | {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _at_rest(
    problem: Problem, place: Parameters, params: Parameters, tolerance: float, words: tuple
) -> dict[str, float]:
    outputs, moved, slope = problem.outputs(params), problem.outputs(place), problem.gradient(place)
    top = hessian_eigenvalues(
        problem, place, count=1, tolerance=tolerance, generator=stream("valley", *words)
    )
    return {
        "eigenvalue": float(top.values[0]),
        "rate": float(sum(part.square().sum() for part in slope.values()) / problem.loss(place)),
        "squared_length": float(sum(place[name].square().sum() for name in slope)),
        "change": float((moved - outputs).abs().max() / outputs.abs().max()),
    }


def _in_flow(
    spec: SymmetrySpec, problem: Problem, place: Parameters, options: Mapping
) -> dict[str, object]:
    plan = FlowPlan(
        options["times"],
        method="RK45",
        tolerance=options["flow_tolerance"],
        evaluations=options["evaluations"],
    )
    flow, losses = gradient_flow(problem, place, plan, spec=spec), np.full(len(plan.times), np.nan)
    losses[: len(flow.loss)] = flow.loss
    return {"flow_loss": losses, "flow_drift": max(flow.charge_error.values(), default=np.nan)}


def own_charges(spec: SymmetrySpec, params: Parameters) -> dict[str, Tensor]:
    """Return the charge of every unit, and the sum that it is the difference of."""
    found = {"charge": charges(spec, params), "size": charges(unsigned(spec), params)}
    named = {
        f"{kind}_{name}": values
        for kind, groups in found.items()
        for name, values in groups.items()
    }
    return {
        name: values if values.ndim == 1 else values.diagonal() for name, values in named.items()
    }
