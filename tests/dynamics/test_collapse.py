"""Whether SGD collapses: exact exponents of a model, and steps of SGD beside invariant sets."""

import itertools
import math

import numpy as np
import pytest
import torch
from cases import batch, mlp, network
from torch import nn
from torch.func import functional_call, jacrev

from symgeom import Problem, SymgeomError, discover
from symgeom.dynamics.collapse import (
    CollapseExponent,
    NoisySteps,
    collapse_exponent,
    equal_units,
    unit_at_zero,
)
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

PAIR = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))),))
WIDTHS = (3, 4, 2)


def squares(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return ((outputs - targets) ** 2).sum(1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def two_weights(x: list[float], y: list[float]) -> Problem:
    """Return the landscape of (u w x - y)^2."""
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    columns = [torch.tensor(values, dtype=torch.float64)[:, None] for values in (x, y)]
    return Problem(net, *columns, squares)


def perceptron(activation: type[nn.Module], samples: int) -> tuple[SymmetrySpec, Problem, dict]:
    """Return a network that regresses, with biases that are not zero."""
    module = mlp(*WIDTHS, activation=activation)
    inputs, _ = batch(samples, WIDTHS[0], WIDTHS[-1])
    targets = torch.randn(samples, WIDTHS[-1], generator=seeded(5), dtype=torch.float64)
    params = network(*WIDTHS, seed=3)
    return discover(module, inputs), Problem(module, inputs, targets, squares), params


SETS = {
    "sign set, tanh": (nn.Tanh, lambda spec: unit_at_zero(spec, "hidden1", 1)),
    "permutation set, tanh": (nn.Tanh, lambda spec: equal_units(spec, "hidden1", 0, 2)),
    "opposite units, tanh": (nn.Tanh, lambda spec: equal_units(spec, "hidden1", 0, 2, sign=-1)),
    "sign set, relu": (nn.ReLU, lambda spec: unit_at_zero(spec, "hidden1", 1)),
    "permutation set, relu": (nn.ReLU, lambda spec: equal_units(spec, "hidden1", 0, 2)),
}


@pytest.mark.parametrize(("size", "weight_decay"), [(1, 0.0), (2, 0.2)])
def test_the_model_of_two_weights_has_its_exact_exponent(size: int, weight_decay: float):
    """At zero both weights grow by 1 + 2 rate mean(xy), or shrink together: all batches by hand."""
    x, y, rate = [1.0, -2.0, 1.5, 0.5], [1.0, 1.2, 0.3, -0.6], 0.4
    products = np.multiply(x, y)
    means = np.array([np.mean(drawn) for drawn in itertools.product(products, repeat=size)])
    factors = [1 - rate * weight_decay + sign * 2 * rate * means for sign in (1, -1)]
    exact = max(np.log(np.abs(of_batches)).mean() for of_batches in factors)
    steps = 50
    measured = collapse_exponent(
        two_weights(x, y),
        {"0.weight": torch.ones(1, 1), "1.weight": torch.ones(1, 1)},
        unit_at_zero(PAIR, "hidden1", 0),
        rule=NoisySteps(learning_rate=rate, batch_size=size, weight_decay=weight_decay),
        steps=steps,
        generator=seeded(),
    )
    assert measured.distance == math.sqrt(2)
    low, high = measured.interval(0.999)
    assert low < exact < high
    # The same product of two by two matrices, of the same batches.
    draws = seeded()
    numbers = [torch.randn(1, 1, generator=draws, dtype=torch.float64) for _ in range(16)]
    vectors = torch.cat(numbers).reshape(8, 2, 1)
    total = torch.zeros(8, dtype=torch.float64)
    for step in range(steps):
        index = torch.randint(4, (8, size), generator=draws)
        pull = 2 * rate * torch.as_tensor(products)[index].mean(1)
        rest = torch.full_like(pull, 1 - rate * weight_decay)
        rows = torch.stack([rest, pull, pull, rest], 1).reshape(8, 2, 2)
        grown = rows @ vectors
        lengths = grown.norm(dim=1, keepdim=True)
        if step >= steps // 5:
            total += (lengths / vectors.norm(dim=1, keepdim=True)).log().flatten()
        vectors = grown / lengths
    torch.testing.assert_close(measured.growth, total / 40, rtol=1e-10, atol=1e-12)


def test_noise_decides_against_the_mean_loss():
    """Of a unit that the mean loss repels from zero, large steps on single samples leave none."""
    problem = two_weights([1.0, 1.0], [1.2, -0.75])
    nothing = {"0.weight": torch.zeros(1, 1), "1.weight": torch.zeros(1, 1)}
    verdicts = []
    for rate, size in ((0.02, 8), (0.55, 1)):
        measured = collapse_exponent(
            problem,
            nothing,
            unit_at_zero(PAIR, "hidden1", 0),
            rule=NoisySteps(learning_rate=rate, batch_size=size),
            steps=100,
            generator=seeded(),
        )
        verdicts.append(measured.verdict())
    assert verdicts == ["escapes", "collapses"]


@pytest.mark.parametrize("name", SETS)
def test_displacements_grow_as_those_of_descent_do(name: str):
    """One sample leaves nothing to chance: the same steps, taken by hand from beside the set."""
    activation, make = SETS[name]
    spec, problem, params = perceptron(activation, samples=1)
    invariant = make(spec)
    rate, decay, momentum, steps = 0.05, 0.02, 0.5, 40
    rule = NoisySteps(rate, 1, weight_decay=decay, momentum=momentum, moves=True)
    arguments = {"rule": rule, "steps": steps, "generator": seeded()}
    measured = collapse_exponent(problem, params, invariant, **arguments)
    first = seeded()  # what the first run draws for its displacement
    noise = {}
    for weight, tensor in params.items():
        noise[weight] = torch.randn(tensor.shape, generator=first, dtype=tensor.dtype)
    away, start = invariant.normal(noise), invariant.projected(params)
    beside = {weight: tensor + 1e-8 * away[weight] for weight, tensor in start.items()}
    velocity = {weight: torch.zeros_like(tensor) for weight, tensor in beside.items()}
    lengths = []
    for _ in range(steps):
        for weight, slope in problem.gradient(beside).items():
            velocity[weight] = momentum * velocity[weight] + slope + decay * beside[weight]
            beside[weight] = beside[weight] - rate * velocity[weight]
        parts = [tensor.flatten() for tensor in invariant.normal(beside).values()]
        parts += [
            rate * momentum * tensor.flatten() for tensor in invariant.normal(velocity).values()
        ]
        lengths.append(torch.cat(parts).norm().log().item())
    growth = (lengths[-1] - lengths[7]) / (steps - 8)
    assert growth == pytest.approx(float(measured.growth[0]), abs=1e-6)
    assert abs(growth) > 1e-4


@pytest.mark.parametrize("name", ["sign set, tanh", "permutation set, relu"])
def test_noisy_steps_beside_a_set_grow_at_the_exponent(name: str):
    """Mini-batches of two, drawn anew, from a network that rests: explicit dense matrices."""
    activation, make = SETS[name]
    spec, problem, params = perceptron(activation, samples=12)
    invariant = make(spec)
    rule = NoisySteps(learning_rate=0.1, batch_size=2, weight_decay=0.01)
    measured = collapse_exponent(
        problem, params, invariant, rule=rule, steps=80, generator=seeded()
    )
    start = invariant.projected(params)
    names = list(start)
    shapes = [start[weight].shape for weight in names]
    flat = torch.cat([start[weight].flatten() for weight in names])

    def loss(vector: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        parts = vector.split([shape.numel() for shape in shapes])
        weights = {w: part.reshape(s) for w, part, s in zip(names, parts, shapes, strict=True)}
        outputs = functional_call(problem.module, weights, problem.inputs[index])
        return squares(outputs, problem.targets[index]).mean()

    singles = [torch.tensor([sample]) for sample in range(12)]
    twice = jacrev(jacrev(loss))
    hessians = torch.stack([twice(flat, single) for single in singles])
    generator = seeded(1)
    growths = []
    for _ in range(8):
        noise = {}
        for weight in names:
            noise[weight] = torch.randn(start[weight].shape, generator=generator).double()
        vector = torch.cat([invariant.normal(noise)[weight].flatten() for weight in names])
        logarithms = []
        for _ in range(400):
            mean = hessians[torch.randint(12, (2,), generator=generator)].mean(0)
            vector = vector - 0.1 * (mean @ vector + 0.01 * vector)
            logarithms.append(vector.norm().log().item())
            vector = vector / vector.norm()
        growths.append(torch.tensor(logarithms[100:]).mean())
    dense = CollapseExponent(torch.stack(growths), 0.0)
    low, high = measured.interval(0.999)
    least, most = dense.interval(0.999)
    assert max(low, least) < min(high, most)
    assert measured.verdict() == dense.verdict() != "undecided"


def test_mirrors_leave_the_function_and_split_networks_in_two():
    for name, (activation, make) in SETS.items():
        spec, problem, params = perceptron(activation, samples=5)
        invariant = make(spec)
        twice = invariant.mirrored(invariant.mirrored(params))
        both = {
            w: part + invariant.normal(params)[w] for w, part in invariant.projected(params).items()
        }
        for weight, tensor in params.items():
            torch.testing.assert_close(twice[weight], tensor)
            torch.testing.assert_close(both[weight], tensor)
        if name != "sign set, relu":  # a mirror of what is near the set alone
            image = problem.outputs(invariant.mirrored(params))
            torch.testing.assert_close(image, problem.outputs(params))
        inside = invariant.projected(params)
        slope = invariant.normal(problem.gradient(inside))
        assert max(float(tensor.abs().max()) for tensor in slope.values()) < 1e-14


def test_what_is_no_invariant_set_is_refused():
    spec, problem, params = perceptron(nn.ReLU, samples=5)
    with pytest.raises(
        SymgeomError, match=r"units \[4\] of 'hidden1': it has 4. Count from 0 to 3"
    ):
        unit_at_zero(spec, "hidden1", 4)
    with pytest.raises(SymgeomError, match="make units 1 and 1 of 'hidden1' equal: they must be"):
        equal_units(spec, "hidden1", 1, 1)
    with pytest.raises(SymgeomError, match="sign -1: its scale is 'positive'"):
        equal_units(spec, "hidden1", 0, 1, sign=-1)
    with pytest.raises(SymgeomError, match="Unknown sign of two equal units"):
        equal_units(spec, "hidden1", 0, 1, sign=2)
    with pytest.raises(SymgeomError, match="unit group"):
        unit_at_zero(spec, "head", 0)  # exact for the error alone
    gelu, _, _ = perceptron(nn.GELU, samples=5)
    with pytest.raises(SymgeomError, match="put a unit of 'hidden1' to zero: its scale is 'none'"):
        unit_at_zero(gelu, "hidden1", 0)
    without_bias = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    wrong = SymmetrySpec((UnitGroup("hidden1", 4, without_bias),))
    rule = NoisySteps(learning_rate=0.1, batch_size=2)
    arguments = {"rule": rule, "steps": 10, "generator": seeded()}
    with pytest.raises(SymgeomError, match="leads out of it. Correct the spec"):
        collapse_exponent(problem, params, equal_units(wrong, "hidden1", 0, 1), **arguments)
    frozen = mlp(*WIDTHS)
    for name, tensor in frozen.named_parameters():
        tensor.requires_grad_(name == "2.bias")
    still = Problem(frozen, problem.inputs, problem.targets, squares)
    with pytest.raises(SymgeomError, match="all weights of its units are frozen"):
        collapse_exponent(still, params, equal_units(spec, "hidden1", 0, 1), **arguments)


def test_wrong_steps_are_refused():
    with pytest.raises(SymgeomError, match="learning rate 0.0, weight decay 0.0 and momentum 0.0"):
        NoisySteps(learning_rate=0.0, batch_size=2)
    with pytest.raises(SymgeomError, match="number of samples of a mini-batch"):
        NoisySteps(learning_rate=0.1, batch_size=0)
    with pytest.raises(SymgeomError, match="momentum 1.0"):
        NoisySteps(learning_rate=0.1, batch_size=2, momentum=1.0)
    spec, problem, params = perceptron(nn.Tanh, samples=5)
    zero = unit_at_zero(spec, "hidden1", 0)
    rule = NoisySteps(learning_rate=0.1, batch_size=2)
    with pytest.raises(SymgeomError, match="number of steps of a run"):
        collapse_exponent(problem, params, zero, rule=rule, steps=9, generator=seeded())


def test_verdicts_follow_the_interval():
    for shift, verdict in ((-1.0, "collapses"), (1.0, "escapes"), (0.0, "undecided")):
        growth = shift + torch.tensor([-0.1, 0.1, -0.2, 0.2])
        exponent = CollapseExponent(growth, 0.0)
        assert exponent.verdict() == verdict
        assert exponent.mean == pytest.approx(shift, abs=1e-7)
    with pytest.raises(SymgeomError, match="coverage of an interval"):
        exponent.interval(1.5)
    assert CollapseExponent(torch.tensor([math.nan, 0.1]), 0.0).verdict() == "undecided"
