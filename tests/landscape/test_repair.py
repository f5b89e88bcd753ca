import math

import numpy as np
import pytest
import torch
from cases import Block, batch, lenet, mlp, network, randomised
from torch import nn
from torch.func import functional_call

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import cast, parameters
from symgeom.landscape.barriers import profile
from symgeom.landscape.path import LinearPath
from symgeom.landscape.problem import Problem
from symgeom.landscape.repairing import RepairedPath, hidden_layers, repair, unit_statistics
from symgeom.quotient.alignment import align
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
INPUTS = batch(60, 5, 3)[0]
IMAGES = batch(30, 64, 3)[0].unflatten(1, (1, 8, 8))


def dense(seed=0):
    return mlp(*WIDTHS, seed=seed)


def convolutional(seed=0):
    return randomised(lenet(), seed)


def residual(seed=0):
    def forward(self, x):
        first = torch.relu(self.stem(x))
        return self.out(torch.relu(first + self.b(torch.relu(self.a(first)))))

    layers = {
        "stem": nn.Linear(5, 4),
        "a": nn.Linear(4, 6),
        "b": nn.Linear(6, 4),
        "out": nn.Linear(4, 3),
    }
    return randomised(Block(forward, **layers), seed)


CASES = {
    "dense": (dense, INPUTS, ["0", "2"]),
    "convolutional": (convolutional, IMAGES, ["0", "3", "6", "8"]),
    "residual": (residual, INPUTS, ["stem", "a", "b"]),
}


def outputs_of(module, params, path, inputs):
    """Outputs of one layer, units first: an ordinary forward pass, watched."""
    kept = []
    hook = module.get_submodule(path).register_forward_hook(
        lambda _, __, output: kept.append(output)
    )
    functional_call(module, params, (inputs,))
    hook.remove()
    output = kept[0]
    return (output.movedim(1, 0).flatten(1) if output.ndim > 2 else output.T).detach().numpy()


def case(name):
    factory, inputs, layers = CASES[name]
    module = factory(0)
    ends = [parameters(factory(seed)) for seed in (1, 2)]
    return discover(module, inputs[:2]), module, ends, inputs, layers


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("t", [0.25, 0.5, 0.9])
def test_statistics_are_those_between_the_ends_in_every_layer(name, t):
    spec, module, ends, inputs, layers = case(name)
    middle = LinearPath(*ends)(t)
    found = repair(spec, module, network=middle, ends=ends, t=t, inputs=inputs)
    assert list(hidden_layers(spec, module)) == layers
    for path in layers:
        first, second, before, after = (
            outputs_of(module, params, path, inputs) for params in (*ends, middle, found)
        )
        for measure in (lambda x: x.mean(1), lambda x: x.std(1)):
            wanted = (1 - t) * measure(first) + t * measure(second)
            assert np.abs(measure(after) - wanted).max() < 1e-12
        assert np.abs(before.std(1) - wanted).max() > 1e-3
    head = next(name for name in reversed(found) if name.endswith("weight"))
    assert torch.equal(found[head], middle[head])
    assert {name: (x.shape, x.dtype) for name, x in found.items()} == {
        name: (x.shape, x.dtype) for name, x in middle.items()
    }


def test_one_layer_in_closed_form():
    """Means and deviations of w x + b from the mean and the covariance of the inputs."""
    spec, module, ends, inputs, _ = case("dense")
    t, x = 0.3, inputs.numpy()
    center, covariance = x.mean(0), np.cov(x.T, bias=True)

    def moments(params):
        weight, bias = params["0.weight"].numpy(), params["0.bias"].numpy()
        return weight @ center + bias, np.sqrt(np.einsum("ki,ij,kj->k", weight, covariance, weight))

    middle = LinearPath(*ends)(t)
    (mean, deviation), *others = (moments(params) for params in (middle, *ends))
    wanted_mean, wanted_deviation = ((1 - t) * a + t * b for a, b in zip(*others, strict=True))
    weight = middle["0.weight"].numpy() * (wanted_deviation / deviation)[:, None]
    found = repair(spec, module, network=middle, ends=ends, t=t, inputs=inputs)
    np.testing.assert_allclose(found["0.weight"], weight, rtol=1e-12)
    np.testing.assert_allclose(found["0.bias"], wanted_mean - weight @ center, rtol=0, atol=1e-13)
    measured = unit_statistics(spec, module, network=middle, inputs=inputs)["0"]
    np.testing.assert_allclose(measured.mean, mean, rtol=0, atol=1e-14)
    np.testing.assert_allclose(measured.deviation, deviation, rtol=1e-13)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_stay_as_they_are(name, dtype):
    spec, module, ends, inputs, _ = case(name)
    ends, inputs = [cast(end, dtype) for end in ends], inputs.to(dtype)
    path = RepairedPath(spec, module, LinearPath(*ends), inputs)
    for t, end in zip((0.0, 1.0), ends, strict=True):
        for tensor, expected in zip(path(t).values(), end.values(), strict=True):
            assert torch.allclose(tensor, expected, rtol=4 * torch.finfo(dtype).eps, atol=0)
    stacked, single = path(torch.tensor([0.0, 0.5])), path(0.5)
    assert all(torch.equal(stacked[name][1], single[name]) for name in single)


def test_the_variance_between_aligned_networks_collapses_and_is_repaired():
    widths = (20, 64, 64, 64, 5)
    module, inputs = mlp(*widths, bias=False), batch(200, 20, 5)[0]
    spec = discover(module, inputs[:2])
    start, end = (network(*widths, seed=seed, bias=False) for seed in (1, 2))
    path = LinearPath(start, act(spec, align(spec, start, end).element, end))
    ends, middle = (path(0.0), path(1.0)), path(0.5)
    repaired = repair(spec, module, network=middle, ends=ends, t=0.5, inputs=inputs)

    def share(params, layer):
        """Mean over the units of the deviation, as a part of the ends'."""
        now, first, second = (outputs_of(module, p, layer, inputs).std(1) for p in (params, *ends))
        return (now / ((first + second) / 2)).mean()

    before, after = (
        [share(params, layer) for layer in ("0", "2", "4")] for params in (middle, repaired)
    )
    assert 0.9 > before[0] > before[1] > before[2]
    assert before[2] < 0.75, before
    assert after == pytest.approx([1, 1, 1], rel=1e-12)


def test_a_layer_without_bias_has_its_deviations_repaired_only():
    module = mlp(*WIDTHS, bias=False)
    ends = [network(*WIDTHS, seed=seed, bias=False) for seed in (1, 2)]
    middle = LinearPath(*ends)(0.5)
    found = repair(
        discover(module, INPUTS[:2]), module, network=middle, ends=ends, t=0.5, inputs=INPUTS
    )
    first, second, before, after = (
        outputs_of(module, params, "0", INPUTS) for params in (*ends, middle, found)
    )
    np.testing.assert_allclose(after.std(1), (first.std(1) + second.std(1)) / 2, rtol=1e-12)
    np.testing.assert_allclose(
        after.mean(1) / after.std(1), before.mean(1) / before.std(1), rtol=1e-10
    )


def test_a_unit_that_does_not_vary_is_shifted_and_not_rescaled():
    spec, module, ends, inputs, _ = case("dense")
    middle = LinearPath(*ends)(0.5)
    middle["0.weight"][3] = 0
    middle["2.weight"][4], middle["2.bias"][4] = (
        1e-30 * middle["2.weight"][4],
        1.0,
    )  # varies by less than rounding
    found = repair(spec, module, network=middle, ends=ends, t=0.5, inputs=inputs)
    assert torch.equal(found["0.weight"][3], middle["0.weight"][3])
    assert torch.equal(found["2.weight"][4], middle["2.weight"][4])
    for layer, unit in (("0", 3), ("2", 4)):
        first, second, after = (
            outputs_of(module, params, layer, inputs)[unit] for params in (*ends, found)
        )
        assert math.isclose(after.mean(), (first.mean() + second.mean()) / 2, rel_tol=1e-12)


def test_a_repaired_path_can_be_profiled():
    spec, module, ends, inputs, _ = case("dense")
    problem, t = Problem(module, *batch(40, 5, 3)), torch.tensor([0.0, 0.5, 1.0])
    path = LinearPath(*ends)
    found = profile(problem, RepairedPath(spec, module, path, inputs), t)
    networks = [
        repair(spec, module, network=path(x), ends=ends, t=x, inputs=inputs) for x in t.tolist()
    ]
    assert found.loss.tolist() == [problem.loss(params) for params in networks]
    assert found.loss[1] != profile(problem, path, t).loss[1]


def test_mistakes():
    spec, module, ends, inputs, _ = case("dense")
    options = {"network": ends[0], "ends": tuple(ends), "t": 0.5, "inputs": inputs}
    with pytest.raises(SymgeomError, match="an end with its reference: tensors missing"):
        repair(spec, module, **options | {"ends": (ends[0], {})})
    normed = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))
    with pytest.raises(
        SymgeomError,
        match=r"with batch norm \('1' is the first of 1\): measure its statistics anew",
    ):
        hidden_layers(spec, normed)
    with pytest.raises(
        SymgeomError, match=r"without hidden units .* the groups of its spec are \['head'\]"
    ):
        hidden_layers(SymmetrySpec(spec.groups[-1:]), module)


def used_twice(self, x):
    return self.out(torch.relu(self.a(torch.relu(self.a(torch.relu(self.stem(x)))))))


def tied(self, x):
    return self.out(torch.relu(self.b(torch.relu(self.a(torch.relu(self.stem(x)))))))


@pytest.mark.parametrize("forward", [used_twice, tied])
def test_a_weight_that_is_used_twice(forward):
    layers = {"stem": nn.Linear(5, 4), "a": nn.Linear(4, 4), "out": nn.Linear(4, 3)}
    layers |= {"b": nn.Linear(4, 4)} if forward is tied else {}
    module = Block(forward, **layers).double()
    if forward is tied:
        module.b.weight = module.a.weight  # known by the name of the first only
    params = parameters(module)
    legs = tuple(Leg(f"{path}.weight", 0) for path in layers if path != "out")
    spec = SymmetrySpec((UnitGroup("hidden1", 4, legs),))
    with pytest.raises(
        SymgeomError, match="Cannot repair layer '[ab]' Linear.*: its weight is used twice"
    ):
        repair(spec, module, network=params, ends=(params, params), t=0.5, inputs=INPUTS)
