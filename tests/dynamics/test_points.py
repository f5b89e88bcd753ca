"""Points of an orbit: the shortest network, the noise equilibrium, the flattest, and a gauge."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import Block, batch, lenet, mlp, mlp_spec, network, randomised, self_attention
from scipy.optimize import minimize
from torch import nn
from torch.func import jacrev

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre import move_on_fibre, move_to_point
from symgeom.dynamics.fibre.points import POINTS
from symgeom.dynamics.noise import gradient_variance, noise_gauge, weight_factors
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal, is_linear_by_layer
from symgeom.landscape.flatness.hessian import hessian_eigenvalues
from symgeom.landscape.problem import Problem
from symgeom.learning.networks import build
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, compose, identity, inverse, random_element

WIDTHS = (5, 7, 6, 3)


def attention() -> nn.Module:
    """Return attention, a layer of rectified units beside a residual stream, and a mean."""

    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        stream = self.embed(x)
        stream = stream + self.attend(stream)
        stream = stream + self.down(torch.relu(self.up(stream)))
        return self.read(stream.mean(1))

    return Block(
        forward,
        embed=nn.Linear(3, 4),
        attend=self_attention(4, 2),
        up=nn.Linear(4, 6),
        down=nn.Linear(6, 4),
        read=nn.Linear(4, 3),
    )


NETWORKS = {
    "mlp": (lambda: mlp(*WIDTHS), (5,)),
    "convolutions": (lenet, (1, 8, 8)),
    "attention": (attention, (6, 3)),
}


@pytest.fixture(params=NETWORKS)
def case(request):
    build, shape = NETWORKS[request.param]
    module = randomised(build())
    inputs = torch.randn(16, *shape, generator=stream("points"), dtype=torch.float64)
    _, targets = batch(16, 1, 3)
    params = cast(parameters(module), torch.float64)
    return discover(module, inputs[:2]), Problem(module, inputs, targets), params


def rescaling(spec, name, spread=0.5):
    """Draw scales of units with positive ones."""
    exact = spec.exact()
    drawn = random_element(exact, generator=stream(name), spread=spread)
    scaled = {group.name for group in exact.groups if group.scale == "positive"}
    scales = {
        name: drawn.scales[name] if name in scaled else one
        for name, one in identity(exact).scales.items()
    }
    return GroupElement(identity(exact).permutations, scales)


def sum_of(amounts):
    return sum(float(tensor.sum()) for tensor in amounts.values())


def sums_at(problem, params):
    """Return the three sums that the points minimise."""
    squares = {name: params[name].square() for name in problem.trainable}
    return {
        "balanced": sum_of(squares),
        "noise": sum_of(gradient_variance(problem, params)),
        "flattest": sum_of(gauss_newton_diagonal(problem, params)),
    }


def test_every_point_has_the_least_of_its_sum_and_the_same_function(case):
    spec, problem, params = case
    outputs = problem.outputs(params)
    networks = {point: move_to_point(spec, problem, params, point)[0] for point in POINTS}
    there = {point: sums_at(problem, moved) for point, moved in networks.items()}
    here = sums_at(problem, params)
    for point, moved in networks.items():
        change = (problem.outputs(moved) - outputs).abs().max()
        assert float(change) < 1e-13 * float(outputs.abs().max())
        others = [sums[point] for sums in there.values()]
        assert there[point][point] == min(others) < here[point]
        beside = act(spec.exact(), rescaling(spec, "beside", spread=0.01), moved)
        assert sums_at(problem, beside)[point] > there[point][point]


def test_the_balanced_point_is_where_all_charges_vanish():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    problem = Problem(mlp(*WIDTHS), *batch(20, 5, 3))
    target = {name: 0 * values for name, values in charges(spec, params).items()}
    expected, _ = move_on_fibre(spec, params, target)
    balanced, element = move_to_point(spec, problem, params, "balanced")
    torch.testing.assert_close(balanced, dict(expected), rtol=1e-11, atol=0)
    torch.testing.assert_close(act(spec, element, params), balanced, rtol=0, atol=0)


def test_the_flattest_point_is_that_of_the_whole_hessian():
    """Found anew by a descent in the scales, from second derivatives that are all written out."""
    widths = (3, 4, 3, 2)
    spec, params = mlp_spec(*widths), network(*widths)
    problem = Problem(mlp(*widths), *batch(25, 3, 2))
    blocks = jacrev(jacrev(problem.loss))(params)
    diagonal = {
        name: blocks[name][name].reshape(tensor.numel(), -1).diagonal().view(tensor.shape)
        for name, tensor in params.items()
    }

    def trace(logarithms):
        first, second = torch.tensor(logarithms).split([4, 3])
        total = 0.0
        for name, exponent in (
            ("0.weight", first[:, None]),
            ("0.bias", first),
            ("2.weight", second[:, None] - first),
            ("2.bias", second),
            ("4.weight", -second),
            ("4.bias", torch.zeros(2)),
        ):
            total += float((diagonal[name] * (-2 * exponent).exp()).sum())
        return total

    least = minimize(trace, np.zeros(7), method="BFGS", options={"gtol": 1e-9})
    flattest, element = move_to_point(spec, problem, params, "flattest")
    scales = [element.scales["hidden1"], element.scales["hidden2"]]
    assert trace(torch.cat(scales).log().numpy()) == pytest.approx(least.fun, rel=1e-12)
    assert sum_of(gauss_newton_diagonal(problem, flattest)) == pytest.approx(least.fun, rel=1e-12)


def test_noise_and_curvature_are_carried_along_the_orbit(case):
    whole, problem, params = case
    spec = charged_groups(whole.exact(), "positive")  # matrices mix what is carried
    element = move_to_point(spec, problem, params, "noise")[1]
    moved = act(spec, element, params)
    for measured in (gradient_variance, gauss_newton_diagonal):
        here = measured(problem, params)
        factors = weight_factors(spec, element, here)
        carried = {name: tensor / factors[name] ** 2 for name, tensor in here.items()}
        torch.testing.assert_close(carried, measured(problem, moved), rtol=1e-9, atol=1e-14)
    ones = {name: torch.ones_like(tensor) for name, tensor in params.items()}
    assert_equal = torch.testing.assert_close
    assert_equal(act(spec, element, ones), weight_factors(spec, element, ones))


def test_attention_alone_is_not_linear_in_its_weights(case):
    _, problem, params = case
    has_softmax = any(name.startswith("attend.") for name in params)
    assert is_linear_by_layer(problem, params) != has_softmax


def test_rescaled_copies_have_one_representative_in_the_noise_gauge(case):
    spec, problem, params = case
    gauge = noise_gauge(spec, problem, params)
    drawn = random_element(spec.exact(), generator=stream("copies"))
    copy = noise_gauge(spec, problem, act(spec.exact(), drawn, params))
    order = GroupElement(drawn.permutations, identity(spec.exact()).scales)
    permuted = act(spec.exact(), order, gauge.parameters)
    linear = {leg.tensor for group in spec.groups if group.scale == "linear" for leg in group.legs}
    for name, tensor in permuted.items():
        if name not in linear:  # the bases of a permuted basis are others
            torch.testing.assert_close(copy.parameters[name], tensor, rtol=1e-9, atol=1e-11)
    outputs = problem.outputs(params)
    change = (problem.outputs(copy.parameters) - outputs).abs().max()
    assert float(change) < 1e-12 * float(outputs.abs().max())
    torch.testing.assert_close(act(spec, gauge.element, params), gauge.parameters)
    options = {"count": 1, "tolerance": 1e-7, "generator": stream("top")}
    if not linear:
        tops = [hessian_eigenvalues(problem, one.parameters, **options) for one in (gauge, copy)]
        assert float(tops[0].values) == pytest.approx(float(tops[1].values), rel=1e-9)


def test_a_unit_that_no_sample_reaches_is_canonical_in_the_noise_gauge():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    params["0.bias"][2] = -1e3
    problem = Problem(mlp(*WIDTHS), *batch(20, 5, 3))
    copy = act(spec.exact(), rescaling(spec, "dead"), params)
    networks = [noise_gauge(spec, problem, one).parameters for one in (params, copy)]
    torch.testing.assert_close(*networks, rtol=1e-9, atol=1e-11)
    incoming = torch.cat([networks[0]["0.weight"][2], networks[0]["0.bias"][2:3]])
    assert float(torch.linalg.vector_norm(incoming)) == pytest.approx(1)


@pytest.fixture(scope="module")
def minimum():
    """A network that has learnt the labels of a random network, and its landscape."""
    widths = (10, 16, 16, 4)
    inputs = torch.randn(240, 10, generator=stream("inputs"), dtype=torch.float64)
    with torch.no_grad():
        targets = mlp(10, 16, 4, seed=7)(inputs).argmax(1)
    module = mlp(*widths)
    generator = stream("batches")
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for _ in range(500):
        drawn = torch.randint(len(targets), (40,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(inputs[drawn]), targets[drawn]).backward()
        optimizer.step()
    trained = cast(parameters(module), torch.float64)
    return mlp_spec(*widths), Problem(mlp(*widths), inputs, targets), trained


def traces(spec, problem, params):
    networks = {point: move_to_point(spec, problem, params, point)[0] for point in POINTS}
    networks["here"] = params
    return {name: sum_of(gauss_newton_diagonal(problem, moved)) for name, moved in networks.items()}


def test_at_a_minimum_the_noise_equilibrium_is_next_to_the_flattest_point(minimum):
    spec, problem, params = minimum
    assert float(problem.loss(params)) < 0.01
    trace = traces(spec, problem, params)
    assert trace["flattest"] < trace["noise"] < 1.1 * trace["flattest"]
    assert trace["noise"] < 0.9 * trace["here"] < trace["here"] < trace["balanced"]


def test_with_wrong_labels_the_noise_equilibrium_is_no_flat_point(minimum):
    """The noise is that of one sample in twenty that the network is sure to get wrong."""
    spec, problem, params = minimum
    wrong = torch.arange(len(problem.targets)) % 20 == 0
    labels = torch.where(wrong, (problem.targets + 1) % 4, problem.targets)
    trace = traces(spec, replace(problem, targets=labels), params)
    assert trace["noise"] > 1.25 * trace["flattest"]


def test_what_has_no_such_point_is_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    problem = Problem(mlp(*WIDTHS), *batch(20, 5, 3))
    with pytest.raises(SymgeomError, match="point of an orbit 'flat': choose"):
        move_to_point(spec, problem, params, "flat")
    summed = replace(problem, sample_loss=lambda outputs, _: outputs.sum(1))
    assert move_to_point(spec, summed, params, "noise")
    with pytest.raises(SymgeomError, match="known for the cross entropy of classes only"):
        move_to_point(spec, summed, params, "flattest")


def test_the_gauge_leads_there_from_wherever_it_starts():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    problem = Problem(mlp(*WIDTHS), *batch(20, 5, 3))
    exact = spec.exact()
    away = rescaling(spec, "elsewhere")
    gauge = noise_gauge(spec, problem, params)
    back = noise_gauge(spec, problem, act(exact, away, params))
    same = compose(exact, back.element, away)
    both = compose(exact, same, inverse(exact, gauge.element))
    for scales in both.scales.values():
        torch.testing.assert_close(scales, torch.ones_like(scales), rtol=1e-9, atol=0)


@pytest.mark.parametrize("point", ["balanced", "flattest"])
def test_with_matrices_a_point_is_where_its_sum_is_least(point: str):
    widths = {"tokens": 5, "width": 4, "depth": 1, "heads": 2, "hidden": 3}
    module = randomised(
        build("transformer", input_shape=(2,), classes=3, options=widths, generator=stream("n"))
    )
    inputs = torch.arange(12).reshape(6, 2) % 5
    problem = Problem(module, inputs, torch.arange(6) % 3)
    params = cast(parameters(module), torch.float64)
    spec = discover(module, inputs[:2], within_heads=True).exact()

    def total(network):
        if point == "balanced":
            return sum_of({name: network[name] ** 2 for name in network})
        return sum_of(gauss_newton_diagonal(problem, network))

    moved, _ = move_to_point(spec, problem, params, point)
    outputs = problem.outputs(params)
    torch.testing.assert_close(problem.outputs(moved), outputs, rtol=1e-9, atol=1e-9)
    least = total(moved)
    assert least < total(params)
    drawn = random_element(spec, generator=stream("step"), spread=1e-3)
    step = GroupElement(identity(spec).permutations, drawn.scales)
    for element in (step, inverse(spec, step)):  # to first order, either way
        assert least <= total(act(spec, element, moved)) < least * (1 + 1e-4)
