import math

import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.flatness.worst_case import sharpness
from symgeom.landscape.problem import Problem
from symgeom.symmetry.group import GroupElement, act, identity, random_element

WIDTHS = (4, 6, 5, 3)
SPEC = mlp_spec(*WIDTHS).exact()
PARAMS = network(*WIDTHS)
PROBLEM = Problem(mlp(*WIDTHS), *batch(71, 4, 3))


def quadratic(curvatures, place):
    """The loss 1/2 sum c_i w_i^2 at one place."""

    def sample_loss(outputs, targets):
        return len(curvatures) / 2 * targets * outputs.squeeze(1) ** 2

    size = len(curvatures)
    inputs, targets = (
        torch.eye(size, dtype=torch.float64),
        torch.tensor(curvatures, dtype=torch.float64),
    )
    problem = Problem(nn.Linear(size, 1, bias=False), inputs, targets, sample_loss)
    return problem, {"weight": torch.tensor([place], dtype=torch.float64)}


def worst_in_ball(curvatures, gradient, radius):
    """Maximum of g.e + 1/2 sum c_i e_i^2 over the ball: e_i = g_i / (m - c_i) with the multiplier m
    above all curvatures.
    """
    below, above = max(curvatures), max(curvatures) + 1e6
    for _ in range(200):
        middle = (below + above) / 2
        length = math.hypot(*(g / (middle - c) for g, c in zip(gradient, curvatures, strict=True)))
        below, above = (middle, above) if length > radius else (below, middle)
    step = [g / (above - c) for g, c in zip(gradient, curvatures, strict=True)]
    return sum(g * e + c * e * e / 2 for g, c, e in zip(gradient, curvatures, step, strict=True))


@pytest.mark.parametrize("radius", [0.1, 1.0, 20.0])
def test_ascent_solves_the_trust_region_problem(radius):
    curvatures, place = [0.5, 2.0, 1.0, 3.0], [1.0, -0.4, 2.0, 0.1]
    gradient = [c * w for c, w in zip(curvatures, place, strict=True)]
    found = sharpness(*quadratic(curvatures, place), radius=radius, steps=200).increase
    exact = worst_in_ball(curvatures, gradient, radius)
    assert math.isclose(found[-1], exact, rel_tol=1e-6)
    assert (found.diff() >= 0).all()
    once = [g * radius / math.hypot(*gradient) for g in gradient]
    assert math.isclose(
        found[0],
        sum(g * e + c * e * e / 2 for g, c, e in zip(gradient, curvatures, once, strict=True)),
    )
    assert found[0] < found[-1]


def test_adaptive_ascent_solves_the_trust_region_problem_in_relative_coordinates():
    curvatures, place = [0.5, 2.0, 1.0, 3.0], [1.0, -0.4, 2.0, 0.1]
    relative = [c * w * w for c, w in zip(curvatures, place, strict=True)]
    found = sharpness(*quadratic(curvatures, place), radius=0.7, adaptive=True, steps=200)
    # In u = e / |w| the curvatures are c w^2, and so are the gradients, up to signs.
    assert math.isclose(found.increase[-1], worst_in_ball(relative, relative, 0.7), rel_tol=1e-6)
    assert found.adaptive


def test_a_maximum_inside_the_ball():
    found = sharpness(*quadratic([-1.0], [1.0]), radius=3.0, steps=200).increase
    assert found[0] < 0  # the far side of the ball is lower
    assert math.isclose(found[-1], 0.5, rel_tol=1e-2)


def test_adaptive_sharpness_does_not_see_the_gauge():
    element = random_element(SPEC, generator=stream("scales"), spread=1.0)
    copy = act(SPEC, element, PARAMS)
    here, there = (
        sharpness(PROBLEM, theta, radius=0.2, adaptive=True, steps=4).increase
        for theta in (PARAMS, copy)
    )
    assert torch.allclose(here, there, rtol=1e-11, atol=0)
    small = GroupElement(
        identity(SPEC).permutations,
        {group.name: torch.full((group.size,), 0.02) for group in SPEC.groups},
    )
    here, there = (
        sharpness(PROBLEM, theta, radius=0.2, steps=5).increase
        for theta in (PARAMS, act(SPEC, small, PARAMS))
    )
    assert there[-1] > 5 * here[-1]


def test_signs_do_not_matter_either():
    spec = mlp_spec(*WIDTHS, scale="sign").exact()
    problem = Problem(mlp(*WIDTHS, activation=nn.Tanh), *batch(71, 4, 3))
    copy = act(spec, random_element(spec, generator=stream("signs")), PARAMS)
    here, there = (
        sharpness(problem, theta, radius=0.2, adaptive=True, steps=3).increase
        for theta in (PARAMS, copy)
    )
    assert torch.allclose(here, there, rtol=1e-12, atol=0)


def test_one_layer():
    found = sharpness(PROBLEM, PARAMS, radius=0.3, tensors=["4.weight", "4.bias"])
    gradient = PROBLEM.gradient(PARAMS)
    length = math.sqrt(sum(float(gradient[name].square().sum()) for name in found.tensors))
    moved = {name: PARAMS[name] + 0.3 / length * gradient[name] for name in found.tensors}
    assert math.isclose(
        found.increase, PROBLEM.loss({**PARAMS, **moved}) - PROBLEM.loss(PARAMS), rel_tol=1e-12
    )
    assert found.increase < sharpness(PROBLEM, PARAMS, radius=0.3).increase


def test_zero_weights_stay_zero_in_the_adaptive_ball():
    problem, params = quadratic([1.0, 5.0], [2.0, 0.0])
    found = sharpness(problem, params, radius=0.5, adaptive=True, steps=20).increase
    assert math.isclose(found[-1], (3.0**2 - 2.0**2) / 2)


def test_no_gradient_no_step():
    assert sharpness(*quadratic([1.0, 2.0], [0.0, 0.0]), radius=1.0, steps=3).increase.tolist() == [
        0,
        0,
        0,
    ]


def test_single_precision():
    single = sharpness(
        PROBLEM.cast(torch.float32), cast(PARAMS, torch.float32), radius=0.2, steps=3
    ).increase
    assert torch.allclose(
        single, sharpness(PROBLEM, PARAMS, radius=0.2, steps=3).increase, rtol=1e-4
    )


def test_statistics_of_batch_norms_follow_the_policy():
    module, (inputs, targets) = (
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)).double(),
        batch(30, 4, 3),
    )
    params = parameters(module)
    carried = sharpness(Problem(module, inputs, targets, batch_norm="carried"), params, radius=0.2)
    recompute = Problem(module, inputs, targets, batch_norm="recompute", training_inputs=inputs)
    found = sharpness(recompute, params, radius=0.2)
    assert (carried.batch_norm, found.batch_norm) == ("carried", "recompute")
    # Normalised inputs do not depend on the length of the weights before them: the gradient there
    # is along the sphere.
    gradient = recompute.gradient(params)
    assert (
        abs((gradient["0.weight"] * params["0.weight"]).sum()) < 1e-4 * gradient["0.weight"].norm()
    )
    assert found.increase > 0


def test_a_diverged_network_has_no_sharpness():
    broken = {**PARAMS, "2.bias": PARAMS["2.bias"] * torch.nan}
    assert sharpness(PROBLEM, broken, radius=0.1, steps=2).increase.isnan().all()


@pytest.mark.parametrize(("radius", "steps"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_no_ball(radius, steps):
    with pytest.raises(
        SymgeomError, match=f"within radius {radius} in {steps} steps: give a positive radius"
    ):
        sharpness(PROBLEM, PARAMS, radius=radius, steps=steps)
