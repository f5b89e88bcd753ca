"""Gradient flow against closed forms, and its charges against the tolerances asked for."""

import math

import numpy as np
import pytest
import torch
from cases import mlp, mlp_spec
from scipy.integrate import quad
from torch import nn

from symgeom.dynamics.flow import FlowPlan, gradient_flow
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.landscape.problem import Problem

FAN_IN, UNITS, FAN_OUT = 10, 50, 5


def squares(outputs, targets):
    return ((outputs - targets) ** 2).mean(1)


def matrix_model(activation=nn.Identity):
    """Fit a random matrix by two layers without biases, on one sample per column; weights of
    standard deviation 0.1."""
    draw = stream("matrix model")
    targets = torch.randn(FAN_IN, FAN_OUT, generator=draw, dtype=torch.float64)
    module = mlp(FAN_IN, UNITS, FAN_OUT, activation=activation, bias=False)
    params = {
        name: 0.1 * torch.randn(tensor.shape, generator=draw, dtype=torch.float64)
        for name, tensor in module.named_parameters()
    }
    return Problem(module, torch.eye(FAN_IN, dtype=torch.float64), targets, squares), params


def scalar_model(target=1.5):
    """Return the landscape (target - u v)^2 / 2."""
    one = torch.ones(1, 1, dtype=torch.float64)
    return Problem(
        mlp(1, 1, 1, activation=nn.Identity, bias=False),
        one,
        target * one,
        lambda y, t: (y - t)[:, 0] ** 2 / 2,
    )


@pytest.mark.parametrize("method", ["RK45", "DOP853"])
def test_the_scalar_model_takes_the_time_of_its_closed_form(method):
    """With s = u v and Q = v^2 - u^2 conserved: ds/dt = (y - s) sqrt(Q^2 + 4 s^2)."""
    incoming, outgoing, target = 0.9, 0.2, 1.5
    params = {
        "0.weight": torch.tensor([[incoming]], dtype=torch.float64),
        "2.weight": torch.tensor([[outgoing]], dtype=torch.float64),
    }
    flow = gradient_flow(
        scalar_model(target), params, FlowPlan((0.3, 1.0, 2.0), method, tolerance=1e-10)
    )
    conserved = incoming**2 - outgoing**2
    products = (flow.parameters["0.weight"] * flow.parameters["2.weight"]).flatten().tolist()
    for time, product in zip(flow.time.tolist(), products, strict=True):
        took, _ = quad(
            lambda s: 1 / ((target - s) * math.hypot(conserved, 2 * s)),
            incoming * outgoing,
            product,
            epsabs=1e-13,
        )
        assert abs(took - time) < 1e-8


@pytest.mark.parametrize(
    ("method", "tolerance"), [("RK45", 1e-3), ("RK45", 1e-6), ("DOP853", 1e-6), ("DOP853", 1e-12)]
)
def test_charges_drift_by_less_than_the_tolerance(method, tolerance):
    problem, params = matrix_model()
    spec = mlp_spec(FAN_IN, UNITS, FAN_OUT, bias=False)
    flow = gradient_flow(problem, params, FlowPlan((0, 100.0, 400.0), method, tolerance), spec=spec)
    assert flow.status == "reached"
    assert flow.charge["hidden1"].shape == (3, UNITS)
    squares = sum(float(tensor.square().sum()) for tensor in params.values())
    total = flow.charge["hidden1"].sum(1)
    assert float((total - total[0]).abs().max()) / squares < tolerance
    assert flow.charge_error["hidden1"] < 10 * tolerance
    assert float(flow.loss[-1]) < 1e-2 * float(flow.loss[0])


@pytest.mark.parametrize("step", [0.5, 4.0])
def test_the_implicit_midpoint_rule_keeps_matrices_of_charges_to_rounding(step):
    problem, params = matrix_model()
    spec = mlp_spec(FAN_IN, UNITS, FAN_OUT, bias=False, scale="linear")
    flow = gradient_flow(
        problem, params, FlowPlan((40.0,), "implicit_midpoint", step=step), spec=spec
    )
    assert flow.charge["hidden1"].shape == (1, UNITS, UNITS)
    assert flow.charge_error["hidden1"] < 1e-13
    assert flow.unsolved == 0
    rough = gradient_flow(problem, params, FlowPlan((40.0,), "RK45", tolerance=1e-3), spec=spec)
    assert rough.charge_error["hidden1"] > 100 * flow.charge_error["hidden1"]


def test_the_implicit_midpoint_rule_is_of_second_order():
    problem, params = matrix_model(nn.Tanh)
    exact = gradient_flow(problem, params, FlowPlan((20.0,), tolerance=1e-12)).parameters[
        "0.weight"
    ]
    errors = [
        float(
            (
                gradient_flow(
                    problem, params, FlowPlan((20.0,), "implicit_midpoint", step=step)
                ).parameters["0.weight"]
                - exact
            ).norm()
        )
        for step in (2.0, 1.0)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_steps_across_kinks_are_reported():
    problem, params = matrix_model(nn.ReLU)
    spec = mlp_spec(FAN_IN, UNITS, FAN_OUT, bias=False)
    adaptive = gradient_flow(problem, params, FlowPlan((5.0,), "RK45", tolerance=1e-6), spec=spec)
    assert adaptive.charge_error["hidden1"] < 1e-5
    implicit = gradient_flow(
        problem, params, FlowPlan((20.0,), "implicit_midpoint", step=4.0), spec=spec
    )
    assert implicit.unsolved > 0
    assert implicit.charge_error["hidden1"] > 1e-12


def test_a_flow_that_cannot_go_on_keeps_what_it_has():
    problem, params = matrix_model()
    flow = gradient_flow(problem, params, FlowPlan((0, 1.0, 1e6), tolerance=1e-12, evaluations=100))
    assert (flow.status, flow.evaluations, flow.time.tolist()) == (
        "evaluation limit",
        100,
        [0, 1.0],
    )
    assert flow.parameters["0.weight"].shape == (2, UNITS, FAN_IN)
    assert flow.charge == flow.charge_error == {}
    # w' = 4 w^3 is infinite at t = 1/8.
    unbounded = Problem(
        nn.Linear(1, 1, bias=False), torch.ones(1, 1), torch.zeros(1), lambda y, _: -(y[:, 0] ** 4)
    )
    burst = gradient_flow(
        unbounded, {"weight": torch.ones(1, 1)}, FlowPlan((0.1, 0.2), tolerance=1e-6)
    )
    assert burst.status in ("step too small", "not finite")
    assert burst.time.tolist() == [0.1]
    assert float(burst.parameters["weight"][0, 0, 0]) == pytest.approx((1 - 0.8) ** -0.5, rel=1e-4)


def test_a_flow_that_ends_at_once_is_empty():
    problem, params = matrix_model()
    flow = gradient_flow(
        problem,
        params,
        FlowPlan((1.0,), evaluations=1),
        spec=mlp_spec(FAN_IN, UNITS, FAN_OUT, bias=False),
    )
    assert (flow.status, flow.time.tolist(), flow.charge_error) == (
        "evaluation limit",
        [],
        {"hidden1": 0.0},
    )
    assert flow.loss.shape == (0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": ()}, "at times"),
        ({"times": (0, 2.0, 1.0)}, "increasing"),
        ({"times": (1.0,), "method": "Euler"}, "Euler"),
        ({"times": (1.0,), "tolerance": 0.0}, "tolerance 0.0"),
        ({"times": (1.0,), "method": "implicit_midpoint"}, "needs a positive step"),
    ],
)
def test_plans_that_make_no_sense_are_refused(options, message):
    with pytest.raises(SymgeomError, match=message):
        FlowPlan(**options)


def test_a_start_that_is_not_finite_is_refused():
    problem, params = matrix_model()
    with pytest.raises(SymgeomError, match="start of gradient flow"):
        gradient_flow(
            problem, params | {"0.weight": torch.full((UNITS, FAN_IN), torch.nan)}, FlowPlan((1.0,))
        )


def test_flow_is_the_limit_of_descent():
    problem, params = matrix_model(nn.Tanh)
    exact = gradient_flow(problem, params, FlowPlan((5.0,), tolerance=1e-10)).parameters
    errors = []
    for rate in (0.1, 0.05):
        theta = params
        for _ in range(round(5.0 / rate)):
            slope = problem.gradient(theta)
            theta = {name: theta[name] - rate * slope[name] for name in theta}
        errors.append(max(float((theta[name] - exact[name][0]).norm()) for name in theta))
    assert np.divide(*errors) == pytest.approx(2, rel=0.05)
