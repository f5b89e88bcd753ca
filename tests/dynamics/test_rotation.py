"""Rotations of a layer: no charge, and an angular momentum that stays at zero."""

import pytest
import torch
from torch import Tensor, nn

from symgeom import (
    Problem,
    SymgeomError,
    angular_momentum,
    charges,
    discover,
    parameters,
)
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

LEGS = (Leg("0.weight", 0), Leg("0.bias", 0), Leg("2.weight", 1, power=-1))
WIDTHS = (5, 4, 3)


class Radial(nn.Module):
    """Bends the length of the vector of all units, and leaves its direction."""

    def forward(self, hidden: Tensor) -> Tensor:
        squares = (hidden**2).sum(1, keepdim=True)
        return hidden * (1 + squares).rsqrt()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def landscape(activation: nn.Module) -> tuple[Problem, dict[str, Tensor]]:
    module = nn.Sequential(
        nn.Linear(WIDTHS[0], WIDTHS[1]), activation, nn.Linear(WIDTHS[1], WIDTHS[2])
    ).double()
    inputs = torch.randn(12, WIDTHS[0], generator=seeded(1), dtype=torch.float64)
    targets = torch.randint(WIDTHS[2], (12,), generator=seeded(2))
    params = {}
    for name, tensor in parameters(module).items():
        params[name] = torch.randn(tensor.shape, generator=seeded(3), dtype=tensor.dtype)
    return Problem(module, inputs, targets), params


def spec_of(activation: nn.Module, problem: Problem) -> SymmetrySpec:
    """Discover what can be discovered; describe a radial layer by hand."""
    if isinstance(activation, nn.Identity):
        return discover(problem.module, problem.inputs)
    return SymmetrySpec((UnitGroup("hidden1", WIDTHS[1], LEGS, "none"),))


def size(momenta: dict[str, Tensor]) -> float:
    return float(momenta["hidden1"].abs().max())


LAYERS = {"linear": nn.Identity(), "radial": Radial()}
PLANES = [(0, 1), (1, 3), (0, 2)]


def turned(params: dict[str, Tensor], rotation: Tensor) -> dict[str, Tensor]:
    return {
        "0.weight": rotation @ params["0.weight"],
        "0.bias": rotation @ params["0.bias"],
        "2.weight": params["2.weight"] @ rotation.T,
        "2.bias": params["2.bias"],
    }


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_single_samples_have_no_angular_momentum(name: str):
    problem, params = landscape(LAYERS[name])
    spec = spec_of(LAYERS[name], problem)
    rotation, _ = torch.linalg.qr(torch.randn(4, 4, generator=seeded(4), dtype=torch.float64))
    there = turned(params, rotation)
    torch.testing.assert_close(problem.outputs(there), problem.outputs(params))
    for gradients in problem.sample_gradients(params):
        for sample in range(12):
            slope = {weight: tensor[sample] for weight, tensor in gradients.items()}
            lengths = [tensor.norm() for tensor in (*slope.values(), *params.values())]
            momenta = angular_momentum(spec, params, slope, groups=["hidden1"])
            assert size(momenta) < 1e-14 * float(max(lengths)) ** 2
    # The generators of three planes, one after the other: the same by the chain rule.
    gradient = problem.gradient(params)
    for first, second in PLANES:
        plane = torch.zeros(4, 4, dtype=torch.float64)
        plane[first, second], plane[second, first] = 1.0, -1.0
        along = {weight: turned(params, plane)[weight] for weight in gradient}
        along["2.bias"] = torch.zeros(3, dtype=torch.float64)
        slopes = [(gradient[weight] * along[weight]).sum() for weight in gradient]
        assert abs(float(sum(slopes))) < 1e-14
        charge = [(params[weight] * along[weight]).sum() for weight in gradient]
        assert abs(float(sum(charge))) < 1e-13  # theta A theta: there is no charge


@pytest.mark.parametrize("name", LAYERS)
def test_steps_of_descent_have_none_and_those_of_adam_do(name: str):
    problem, params = landscape(LAYERS[name])
    spec = spec_of(LAYERS[name], problem)
    ends = {}
    for optimizer in ("sgd", "heavy ball", "adam"):
        weights = {weight: tensor.clone().requires_grad_() for weight, tensor in params.items()}
        leaves = list(weights.values())
        if optimizer == "adam":
            method = torch.optim.Adam(leaves, lr=0.01)
        else:
            momentum = 0.9 if optimizer == "heavy ball" else 0.0
            method = torch.optim.SGD(leaves, lr=0.05, momentum=momentum, weight_decay=0.01)
        largest = 0.0
        draws = seeded(5)
        for _ in range(30):
            before = {weight: tensor.detach().clone() for weight, tensor in weights.items()}
            gradient = problem.gradient(before, index=torch.randint(12, (3,), generator=draws))
            for weight, tensor in weights.items():
                tensor.grad = gradient[weight]
            method.step()
            step = {weight: tensor.detach() - before[weight] for weight, tensor in weights.items()}
            largest = max(largest, size(angular_momentum(spec, before, step, groups=["hidden1"])))
        ends[optimizer] = largest
    assert max(ends["sgd"], ends["heavy ball"]) < 1e-14
    assert ends["adam"] > 1e-3


def test_a_heavy_ball_loses_its_angular_momentum_at_a_known_rate():
    """Whatever the noise: what it has is multiplied by the momentum in every step."""
    problem, params = landscape(LAYERS["radial"])
    spec = spec_of(LAYERS["radial"], problem)
    velocity = {}
    for weight, tensor in params.items():
        velocity[weight] = torch.randn(tensor.shape, generator=seeded(6), dtype=tensor.dtype)
    start = angular_momentum(spec, params, velocity, groups=["hidden1"])["hidden1"]
    draws = seeded(7)
    for _ in range(20):
        index = torch.randint(12, (2,), generator=draws)
        for weight, slope in problem.gradient(params, index=index).items():
            velocity[weight] = 0.8 * velocity[weight] + slope
        params = {weight: tensor - 0.05 * velocity[weight] for weight, tensor in params.items()}
    now = angular_momentum(spec, params, velocity, groups=["hidden1"])["hidden1"]
    torch.testing.assert_close(now, 0.8**20 * start, rtol=1e-9, atol=1e-14)
    assert size({"hidden1": start}) > 0.1


def test_the_matrix_of_charges_turns_with_the_units():
    """Its eigenvalues are charges of the function; rotations add none."""
    problem, params = landscape(LAYERS["linear"])
    spec = discover(problem.module, problem.inputs)
    assert [group.scale for group in spec.exact().groups] == ["linear"]
    rotation, _ = torch.linalg.qr(torch.randn(4, 4, generator=seeded(8), dtype=torch.float64))
    charge = charges(spec, params)["hidden1"]
    moved = charges(spec, turned(params, rotation))["hidden1"]
    torch.testing.assert_close(moved, rotation @ charge @ rotation.T)


def test_other_layers_have_angular_momenta_and_unknown_ones_are_named():
    problem, params = landscape(nn.Tanh())
    spec = SymmetrySpec((UnitGroup("hidden1", 4, LEGS, "sign"),))
    gradient = problem.gradient(params)
    assert angular_momentum(spec, params, gradient) == {}
    broken = angular_momentum(spec, params, gradient, groups=["hidden1"])
    assert size(broken) > 1e-3  # a pointwise activation
    torch.testing.assert_close(broken["hidden1"], -broken["hidden1"].T)
    assert size(angular_momentum(spec, params, {}, groups=["hidden1"])) == 0
    with pytest.raises(SymgeomError, match="Unknown unit group 'hidden2'"):
        angular_momentum(spec, params, gradient, groups=["hidden2"])
