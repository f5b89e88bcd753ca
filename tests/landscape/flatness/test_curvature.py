import math

import pytest
import torch
from cases import ARCHITECTURES, batch, mlp, mlp_spec, network, randomised
from references import dense_hessian
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, ravel
from symgeom.landscape.flatness.curvature import Effort, relative_curvature, torus_curvature
from symgeom.landscape.flatness.hessian import hessian_eigenvalues
from symgeom.landscape.flatness.local_energies import local_energy
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, sphere_coordinates, with_sphere_coordinates
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, identity, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
from symgeom.symmetry.sphere import normalise

WIDTHS = (4, 6, 3)
SPEC = mlp_spec(*WIDTHS)
PARAMS = network(*WIDTHS)
INPUTS, TARGETS = batch(71, 4, 3)
PROBLEM = Problem(mlp(*WIDTHS), INPUTS, TARGETS)
EFFORT = Effort(count=3, tolerance=1e-7, probes=30)


def mean_loss(params):
    return nn.functional.cross_entropy(
        torch.func.functional_call(mlp(*WIDTHS), params, (INPUTS,)), TARGETS
    )


def rescaled(spec, params, word="scales"):
    """Copy of the same function: units scaled, not moved."""
    element = random_element(spec.exact(), generator=stream(word), spread=1.0)
    return act(
        spec.exact(), GroupElement(identity(spec.exact()).permutations, element.scales), params
    )


def relative(params=PARAMS, problem=PROBLEM, **options):
    return relative_curvature(
        problem, params, generator=stream("start"), **{"effort": EFFORT, **options}
    )


def on_torus(params=PARAMS, problem=PROBLEM, spec=SPEC, **options):
    return torus_curvature(
        Torus(spec), problem, params, generator=stream("start"), **{"effort": EFFORT, **options}
    )


def check(found, matrix):
    """Compare eigenvalues and trace with a dense matrix."""
    expected = torch.linalg.eigvalsh(matrix).flip(0)
    assert torch.allclose(
        found.eigenvalues.values, expected[: len(found.eigenvalues.values)], rtol=1e-10
    )
    assert found.eigenvalues.converged
    assert abs(found.trace.trace - expected.sum()) < 4 * found.trace.standard_error


def test_relative_curvature_against_the_dense_hessian():
    weights = ravel(PARAMS)
    matrix = weights[:, None] * dense_hessian(mean_loss, PARAMS) * weights
    check(relative(), matrix)
    place = ravel(
        {
            name: torch.full_like(tensor, float(name.startswith("0.")))
            for name, tensor in PARAMS.items()
        }
    ).bool()
    check(relative(tensors=["0.weight", "0.bias"]), matrix[place][:, place])


def coordinates_in_a_chart(params, torus):
    """Rows of a canonical network around which spheres are charted, and the loss on the chart: rows turned, lengths kept."""
    rows = sphere_coordinates(torus.spec, params, bias_in_norm=torus.bias_in_norm)
    start = {name: torch.zeros_like(points) for name, points in rows.items()}

    def loss(chart):
        moved = {}
        for name, points in rows.items():
            unit, length = normalise(points), points.norm(dim=1, keepdim=True)
            along = chart[name] - (chart[name] * unit).sum(1, keepdim=True) * unit
            moved[name] = length * normalise(
                unit + along
            )  # a chart of second order: Absil and Malick (2012)
        return mean_loss(
            with_sphere_coordinates(torus.spec, params, moved, bias_in_norm=torus.bias_in_norm)
        )

    return start, loss


@pytest.mark.parametrize("bias_in_norm", [True, False])
def test_curvature_on_the_torus_against_explicit_coordinates(bias_in_norm):
    torus = Torus(SPEC, bias_in_norm)
    canonical = canonicalise(SPEC.exact(), PARAMS, bias_in_norm=bias_in_norm).parameters
    start, loss = coordinates_in_a_chart(canonical, torus)
    matrix = dense_hessian(loss, start)
    check(torus_curvature(torus, PROBLEM, PARAMS, effort=EFFORT, generator=stream("start")), matrix)
    # The slope along the lengths is part of it: without, the curvature would be another.
    gradient = sphere_coordinates(SPEC, PROBLEM.gradient(canonical), bias_in_norm=bias_in_norm)[
        "hidden1"
    ]
    assert (
        gradient * sphere_coordinates(SPEC, canonical, bias_in_norm=bias_in_norm)["hidden1"]
    ).sum(1).abs().max() > 1e-3


@pytest.mark.parametrize("measure", [relative, on_torus])
def test_rescaled_copies_have_the_same_curvature(measure):
    here, there = (measure(params) for params in (PARAMS, rescaled(SPEC, PARAMS)))
    assert torch.allclose(here.eigenvalues.values, there.eigenvalues.values, rtol=1e-10, atol=0)
    assert math.isclose(here.trace.trace, there.trace.trace, rel_tol=1e-10)
    raw = [
        hessian_eigenvalues(PROBLEM, params, count=1, generator=stream("start")).values
        for params in (PARAMS, rescaled(SPEC, PARAMS))
    ]
    assert not math.isclose(*raw, rel_tol=0.3)


@pytest.mark.parametrize("measure", [relative, on_torus])
def test_permuted_copies_have_the_same_eigenvalues(measure):
    copy = act(SPEC.exact(), random_element(SPEC.exact(), generator=stream("any")), PARAMS)
    here, there = (measure(params).eigenvalues.values for params in (PARAMS, copy))
    assert torch.allclose(here, there, rtol=1e-10, atol=0)


@pytest.mark.parametrize("measure", [relative, on_torus])
@pytest.mark.parametrize("name", ["strided, dilated", "residual", "batch norm kept"])
def test_other_architectures(measure, name):
    make, shape = ARCHITECTURES[name][:2]
    module = randomised(make(), 3)
    inputs = torch.randn(30, *shape, generator=stream(name), dtype=torch.float64)
    problem = Problem(
        module,
        inputs,
        torch.arange(30) % 2,
        batch_norm="carried" if name.startswith("batch") else None,
    )
    spec, params = discover(module, inputs[:2]), parameters(module)
    options = {"problem": problem, "effort": Effort(count=1, tolerance=1e-6, probes=2)}
    options |= {"spec": spec} if measure is on_torus else {}
    here, there = (measure(theta, **options) for theta in (params, rescaled(spec, params)))
    assert here.eigenvalues.converged
    assert torch.allclose(here.eigenvalues.values, there.eigenvalues.values, rtol=1e-8, atol=0)
    assert math.isclose(here.trace.trace, there.trace.trace, rel_tol=1e-8)
    assert here.eigenvalues.batch_norm == here.trace.batch_norm == problem.batch_norm


def test_signs_do_not_matter():
    spec = mlp_spec(*WIDTHS, scale="sign").exact()
    problem = Problem(mlp(*WIDTHS, activation=nn.Tanh), INPUTS, TARGETS)
    here, there = (relative(theta, problem) for theta in (PARAMS, rescaled(spec, PARAMS)))
    assert torch.allclose(here.eigenvalues.values, there.eigenvalues.values, rtol=1e-12, atol=0)
    assert math.isclose(here.trace.trace, there.trace.trace, rel_tol=1e-12)


def test_relative_curvature_predicts_the_local_energy():
    module, names = mlp(4, 3, activation=nn.Tanh), ["0.weight", "0.bias"]
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters(module).items()}
    options = {
        "max_iter": 100,
        "tolerance_grad": 1e-10,
        "tolerance_change": 0,
        "line_search_fn": "strong_wolfe",
    }
    problem, solver = (
        Problem(module, INPUTS, TARGETS),
        torch.optim.LBFGS(leaves.values(), **options),
    )

    def close():
        solver.zero_grad()
        loss = problem.loss(leaves)
        loss.backward()
        return loss

    solver.step(close)
    minimum = {name: tensor.detach() for name, tensor in leaves.items()}
    assert all(problem.gradient(minimum)[name].abs().max() < 1e-6 for name in names)
    trace = relative(minimum, problem, effort=Effort(probes=300)).trace
    sigma = 0.02
    increase = local_energy(
        problem, minimum, amplitudes=[sigma], draws=1000, generator=stream("noise")
    ).loss_increase
    assert math.isclose(increase, sigma**2 / 2 * trace.trace, rel_tol=0.1)


def test_the_head_alone_is_a_sphere_of_its_length():
    # Of two opposite weights of length r the loss is log(1 + exp(-sqrt(2) r cos a)) at the angle a from the best direction.
    length = 2.0
    head = UnitGroup("head", 1, (Leg("weight", 0, block=2),), permute=False, exact_for="error")
    problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    network = {"weight": torch.tensor([[-1.0], [1.0]]) * length / math.sqrt(2)}
    found = on_torus(network, problem, SymmetrySpec((head,)), effort=Effort(probes=2)).eigenvalues
    score = math.sqrt(2) * length
    assert math.isclose(found.values, score / (1 + math.exp(score)), rel_tol=1e-6)


def test_curvature_of_one_layer_on_the_torus():
    canonical = canonicalise(SPEC.exact(), PARAMS).parameters
    torus = Torus(SPEC)
    start, loss = coordinates_in_a_chart(canonical, torus)
    first = start["hidden1"]
    matrix = dense_hessian(lambda part: loss({**start, **part}), {"hidden1": first})
    check(on_torus(tensors=["0.weight", "0.bias"]), matrix)


def test_single_precision_is_cast():
    for measure in (relative, on_torus):
        single = measure(
            cast(PARAMS, torch.float32), PROBLEM.cast(torch.float32), effort=Effort(probes=2)
        )
        exact = measure(effort=Effort(probes=2))
        assert torch.allclose(single.eigenvalues.values, exact.eigenvalues.values, rtol=1e-5)


@pytest.mark.parametrize("measure", [relative, on_torus])
def test_a_diverged_network_has_no_curvature(measure):
    found = measure({**PARAMS, "2.bias": PARAMS["2.bias"] * torch.nan})
    assert found.eigenvalues.values.isnan().all()
    assert not found.eigenvalues.converged
    assert found.trace.trace.isnan()


@pytest.mark.parametrize("measure", [relative, on_torus])
def test_recomputed_statistics_are_refused(measure):
    module = (
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 3))
        .double()
        .eval()
    )
    problem = Problem(module, INPUTS, TARGETS, batch_norm="recompute", training_inputs=INPUTS)
    options = {"spec": discover(module, INPUTS[:2])} if measure is on_torus else {}
    with pytest.raises(SymgeomError, match="whose batch norms use recomputed statistics"):
        measure(parameters(module), problem, **options)


def test_nothing_on_a_sphere():
    with pytest.raises(
        SymgeomError, match=r"none of the tensors \['2.weight', '2.bias'\] lies on a sphere"
    ):
        on_torus(spec=SPEC.exact(), tensors=["2.weight", "2.bias"])


def test_too_many_eigenvalues():
    with pytest.raises(
        SymgeomError, match="Cannot find 7 eigenvalues of a Hessian of 6 parameters"
    ):
        relative(tensors=["0.bias"], effort=Effort(count=7))


def test_vectors_are_those_of_the_network_in_its_order():
    backwards = dict(reversed(PARAMS.items()))
    assert torch.allclose(
        relative(backwards).eigenvalues.values, relative().eigenvalues.values, rtol=1e-10
    )
    assert torch.allclose(
        on_torus(backwards).eigenvalues.values, on_torus().eigenvalues.values, rtol=1e-10
    )
