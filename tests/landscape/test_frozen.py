"""What a network freezes is a constant of its landscape: nothing differentiates or displaces it."""

from unittest import mock

import pytest
import torch
from cases import Block, batch, mlp, mlp_spec, network, randomised
from torch import Tensor, nn

from symgeom.dynamics.flow import FlowPlan, gradient_flow
from symgeom.dynamics.laws import check_laws
from symgeom.dynamics.noise import gradient_variance, noise_force
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, stack
from symgeom.landscape.batchnorm import fold_batchnorm
from symgeom.landscape.chain import ChainPlan, optimise_path
from symgeom.landscape.flatness.hessian import hessian_eigenvalues
from symgeom.landscape.flatness.local_energies import local_energy
from symgeom.landscape.flatness.margin import layer_margins
from symgeom.landscape.flatness.parts import layers
from symgeom.landscape.flatness.worst_case import sharpness
from symgeom.landscape.path import PolygonalPath
from symgeom.landscape.problem import Problem
from symgeom.symmetry.discovery import discover

WIDTHS = (5, 6, 4, 3)
FROZEN = {"0.weight", "0.bias"}
TRAINED = ("2.weight", "2.bias", "4.weight", "4.bias")


def landscape(module: nn.Module | None = None) -> Problem:
    if module is None:
        module = mlp(*WIDTHS, activation=nn.Tanh)
        module[0].requires_grad_(False)
    return Problem(module, *batch(20, 5, 3))


def test_derivatives_leave_it_out():
    problem = landscape()
    params = parameters(problem.module)
    whole = landscape(mlp(*WIDTHS, activation=nn.Tanh))
    gradient = problem.gradient(params)
    assert problem.trainable == TRAINED
    assert tuple(gradient) == TRAINED
    for name, tensor in gradient.items():
        torch.testing.assert_close(tensor, whole.gradient(params)[name])
    assert all(set(rows) == set(TRAINED) for rows in problem.sample_gradients(params))
    variance = gradient_variance(problem, params)
    assert set(variance) == set(TRAINED)
    for name, tensor in variance.items():
        torch.testing.assert_close(tensor, gradient_variance(whole, params)[name])


def test_the_hessian_is_of_what_trains():
    problem = landscape()
    params = parameters(problem.module)
    options = {"count": 2, "tolerance": 1e-6}
    default = hessian_eigenvalues(problem, params, generator=stream("start"), **options)
    block = hessian_eigenvalues(
        landscape(mlp(*WIDTHS, activation=nn.Tanh)),
        params,
        generator=stream("start"),
        tensors=TRAINED,
        **options,
    )
    torch.testing.assert_close(default.values, block.values)
    with pytest.raises(SymgeomError, match=r"no trainable ones named \['0.weight'\]"):
        hessian_eigenvalues(
            problem, params, generator=stream("start"), tensors=["0.weight"], **options
        )


def test_noise_and_worst_cases_leave_it_alone():
    problem = landscape()
    params = parameters(problem.module)
    assert set(sharpness(problem, params, radius=0.1).tensors) == set(TRAINED)
    parts = layers(problem, params)
    assert list(parts) == ["2", "4"]
    assert layer_margins(problem, params, parts, quantiles=[0.5]).shape == (2, 1)
    # With all that trains at zero, noise in proportion to the weights changes nothing.
    still = {n: t if n in FROZEN else torch.zeros_like(t) for n, t in params.items()}
    energy = local_energy(problem, still, amplitudes=[1.0], draws=3, generator=stream("noise"))
    assert set(energy.tensors) == set(TRAINED)
    assert float(energy.loss_increase.abs().max()) == 0


def test_gradient_flow_leaves_it_alone():
    problem = landscape()
    params = parameters(problem.module)
    flow = gradient_flow(problem, params, FlowPlan((0, 0.1)))
    for name, tensor in flow.parameters.items():
        assert torch.equal(tensor[-1], params[name]) is (name in FROZEN), name


@pytest.mark.parametrize("small", [0, 10**6])
def test_bends_leave_it_alone(small):
    problem = landscape()
    networks = [stack([network(*WIDTHS, activation=nn.Tanh, seed=seed)]) for seed in range(3)]
    plan = ChainPlan(epochs=2, batch_size=8, learning_rate=0.1, evaluate_every=2, points=5)
    with mock.patch("symgeom.landscape.chain.steps.SMALL", small):
        chains = optimise_path(
            problem, PolygonalPath(networks), plan=plan, generators=[stream("chain")]
        )
    for name, tensor in chains.path.points[1].items():
        assert torch.equal(tensor, networks[1][name]) is (name in FROZEN), name


def test_only_groups_that_train_as_a_whole_have_a_noise_force():
    module = mlp(5, 6, 4, 3)
    module[0].requires_grad_(False)
    problem = landscape(module)
    spec = mlp_spec(5, 6, 4, 3)
    force = noise_force(spec, problem, parameters(module)).variance
    assert set(force) == {"hidden2"}
    whole = noise_force(spec, landscape(mlp(5, 6, 4, 3)), parameters(module)).variance
    torch.testing.assert_close(force["hidden2"], whole["hidden2"])


def test_a_law_needs_the_gradient_on_every_leg():
    module = mlp(5, 6, 4, 3)
    module[0].requires_grad_(False)
    options = {"inputs": batch(4, 5, 3)[0], "generator": stream("laws")}
    first, second = check_laws(mlp_spec(5, 6, 4, 3), module, parameters(module), **options)
    assert (first.holds, second.holds) == (False, True)
    assert first.reason == "'0.weight' is frozen: a law needs the gradient on every leg"


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        ((), {"0.weight", "0.bias", "3.weight", "3.bias"}),
        (("0",), {"0.weight", "0.bias", "3.weight", "3.bias"}),
        (("1",), {"0.weight", "0.bias", "3.weight", "3.bias"}),
        (("0", "1"), {"3.weight", "3.bias"}),
        (("3",), {"0.weight", "0.bias"}),
    ],
)
def test_a_folded_layer_trains_if_anything_in_it_did(freeze, expected):
    module = randomised(
        nn.Sequential(nn.Linear(5, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    )
    for path in freeze:
        module.get_submodule(path).requires_grad_(False)
    folded = fold_batchnorm(module, torch.zeros(2, 5, dtype=torch.float64))
    assert set(landscape(folded.module).trainable) == expected


def refuses_batches(self: Block, x: Tensor) -> Tensor:
    if len(x) > 1:
        raise KeyError("batch")
    return self.a(x)


def refuses_all(self: Block, x: Tensor) -> Tensor:
    raise NotImplementedError


class Inner(nn.Module):
    """A layer of the user's own that fails."""

    def forward(self, x: Tensor) -> Tensor:
        raise AttributeError("no such layer")


DOORS = {
    "a problem": lambda module: landscape(module),
    "a loss": lambda module: landscape(module).loss(parameters(module)),
    "an error": lambda module: landscape(module).error(parameters(module)),
    "a gradient": lambda module: landscape(module).gradient(parameters(module)),
    "curvature": lambda module: hessian_eigenvalues(
        landscape(module), parameters(module), count=1, generator=stream("start")
    ),
    "laws": lambda module: check_laws(
        mlp_spec(5, 6, 3), module, parameters(module), inputs=batch(4, 5, 3)[0],
        generator=stream("laws"),
    ),
    "discovery": lambda module: discover(module, batch(4, 5, 3)[0]),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Block(refuses_batches, a=nn.Linear(5, 3)), r"its forward raises KeyError: 'batch'"),
        (Block(refuses_all, a=nn.Linear(5, 3)), r"its forward raises NotImplementedError"),
        (nn.Sequential(nn.Linear(5, 3), Inner()), r"layer '1' \(Inner\) raises AttributeError: no"),
        (nn.Sequential(nn.Linear(4, 3)), r"layer '0' Linear\(.*\) cannot take \(\d+, 5\) \(mat"),
    ],
)
def test_a_module_that_fails_is_named_with_its_cause(door, module, message):
    if door == "a problem" and module.__dict__.get("function") is refuses_batches:
        assert DOORS[door](module.double())  # one sample passes
        return
    with pytest.raises(SymgeomError, match=rf"network \({type(module).__name__}\).*{message}") as e:
        DOORS[door](module.double())
    assert e.value.__cause__ is not None
