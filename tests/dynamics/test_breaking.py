"""Where noise and a term that breaks the symmetry balance."""

import numpy as np
import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from scipy.optimize import brentq
from torch import Tensor, nn

from symgeom import Problem, SymgeomError, act, noise_equilibrium, noise_force, pairing
from symgeom.dynamics.noise import broken_equilibrium
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (4, 5, 3, 2)
SPEC = mlp_spec(*WIDTHS)
RECIPE = {"learning_rate": 0.05, "batch_size": 4}
STRENGTH = 2 * 4 / 0.05


def landscape(samples: int = 30) -> Problem:
    return Problem(mlp(*WIDTHS), *batch(samples, WIDTHS[0], WIDTHS[-1]))


def from_an_anchor(strength: float) -> object:
    """Return half the squared distance from another network."""
    anchor = network(*WIDTHS, seed=7)

    def penalty(params: dict[str, Tensor]) -> Tensor:
        apart = [((params[name] - anchor[name]) ** 2).sum() for name in anchor]
        return strength / 2 * torch.stack(apart).sum()

    return penalty


def decay(strength: float) -> object:
    return lambda params: strength / 2 * sum((tensor**2).sum() for tensor in params.values())


def test_weight_decay_is_a_special_case():
    problem, params = landscape(), network(*WIDTHS)
    broken = broken_equilibrium(SPEC, problem, params, decay(1e-3), **RECIPE)
    decayed = noise_equilibrium(SPEC, problem, params, **RECIPE, weight_decay=1e-3)
    assert broken.converged
    for name, displacement in broken.displacement.items():
        scales = decayed.joint.element.scales[name]
        torch.testing.assert_close(displacement, scales.log(), rtol=0, atol=1e-11)
        torch.testing.assert_close(broken.element.scales[name], displacement.exp())


@pytest.mark.parametrize("strength", [1e-3, 0.1])
def test_the_forces_on_every_unit_balance_there(strength: float):
    """Measured anew on the network that was moved: its noise, and the pull of the term."""
    problem, params, penalty = landscape(), network(*WIDTHS), from_an_anchor(strength)
    broken = broken_equilibrium(SPEC, problem, params, penalty, **RECIPE)
    there = act(SPEC.exact(), broken.element, params)
    variance = noise_force(SPEC, problem, there).variance
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in there.items()}
    slopes = torch.autograd.grad(penalty(leaves), list(leaves.values()))
    pulls = pairing(SPEC.exact(), there, dict(zip(leaves, slopes, strict=True)))
    for group in SPEC.exact().groups:
        powers = torch.tensor([float(leg.power) for leg in group.legs])[:, None]
        pushes = (powers * variance[group.name]).sum(0)
        scale = variance[group.name].sum(0) + STRENGTH * pulls[group.name].abs()
        assert ((pushes - STRENGTH * pulls[group.name]).abs() / scale).max() < 1e-9
    assert broken.converged


def test_a_single_unit_has_the_root_of_its_drift():
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    inputs = torch.tensor([[1.0], [2.0], [-1.0]], dtype=torch.float64)
    targets = torch.tensor([[0.5], [1.0], [0.3]], dtype=torch.float64)
    problem = Problem(net, inputs, targets, lambda outputs, y: ((outputs - y) ** 2).sum(1))
    legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    params = {"0.weight": torch.full((1, 1), 2.0), "1.weight": torch.full((1, 1), 0.4)}
    w, u, strength = 2.0, 0.4, 0.02
    gradient = 2 * (u * w * inputs - targets) * inputs
    spread = float(gradient.var(correction=0))

    def penalty(network: dict[str, Tensor]) -> Tensor:
        near = (network["0.weight"] - 3) ** 2 + torch.cosh(network["1.weight"])
        return strength * near.sum()

    def drift(x: float) -> float:
        up, down = w * np.exp(x), u * np.exp(-x)
        noise = spread * (down**2 - up**2)
        return noise - STRENGTH * strength * (2 * (up - 3) * up - np.sinh(down) * down)

    broken = broken_equilibrium(spec, problem, params, penalty, **RECIPE)
    assert float(broken.displacement["hidden1"]) == pytest.approx(brentq(drift, -5, 5, xtol=1e-14))


def test_weak_and_strong_terms_are_expansions():
    """The error of either falls as the square of what it is an expansion in."""
    problem, params = landscape(), network(*WIDTHS)
    for name, strengths in (("weak", (1e-6, 1e-7)), ("strong", (1e3, 1e4))):
        errors = []
        for strength in strengths:
            broken = broken_equilibrium(SPEC, problem, params, from_an_anchor(strength), **RECIPE)
            assert broken.converged
            expansion = getattr(broken, name)
            apart = [expansion[g] - broken.displacement[g] for g in expansion]
            errors.append(float(torch.cat(apart).abs().max()))
        assert 50 < errors[0] / errors[1] < 200
        assert errors[0] < 1e-2


def test_descent_ends_there_and_neither_at_that_of_noise_nor_at_that_of_the_term():
    """Many networks of two weights take many steps on few samples; labels stay noisy."""
    random = np.random.default_rng(0)
    x, noise = random.normal(size=64), random.normal(size=64)
    y, rate, strength, runs = x + noise, 0.01, 0.02, 100
    w, u = np.full(runs, 1.6), np.full(runs, 0.6)
    sums = np.zeros(2)
    for step in range(10_000):
        index = random.integers(64, size=runs)
        common = 2 * (u * w * x[index] - y[index]) * x[index]
        slope_w = common * u + strength * (w - 2)
        slope_u = common * w + strength * (u - 0.2)
        w, u = w - rate * slope_w, u - rate * slope_u
        if step >= 5000:
            sums += [w.mean(), u.mean()]
    w_mean, u_mean = sums / 5000
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    columns = [torch.as_tensor(values)[:, None] for values in (x, y)]
    problem = Problem(net, *columns, lambda outputs, t: ((outputs - t) ** 2).sum(1))
    legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    params = {"0.weight": torch.tensor([[w_mean]]), "1.weight": torch.tensor([[u_mean]])}
    recipe = {"learning_rate": rate, "batch_size": 1}

    def penalty(network: dict[str, Tensor]) -> Tensor:
        apart = (network["0.weight"] - 2) ** 2 + (network["1.weight"] - 0.2) ** 2
        return strength / 2 * apart.sum()

    broken = broken_equilibrium(spec, problem, params, penalty, **recipe)
    alone = noise_equilibrium(spec, problem, params, **recipe)
    displacement = float(broken.displacement["hidden1"])
    assert abs(displacement) < 0.03
    assert abs(float(alone.displacement["hidden1"])) > 0.1
    assert abs(float(broken.strong["hidden1"])) > 0.1


def test_what_has_no_equilibrium_says_so():
    problem, params = landscape(), network(*WIDTHS)
    runaway = broken_equilibrium(
        SPEC, problem, params, lambda network: -100 * (network["0.weight"] ** 4).sum(), **RECIPE
    )
    assert not runaway.converged
    flat = broken_equilibrium(
        SPEC, problem, params, lambda network: 1e-9 * (network["4.bias"] ** 2).sum(), **RECIPE
    )
    assert flat.converged
    assert all(part.isnan().all() for part in flat.strong.values())
    for name, part in flat.weak.items():
        torch.testing.assert_close(part, flat.displacement[name], rtol=0, atol=1e-10)
    for wrong in (lambda network: network["4.bias"], lambda network: torch.tensor(torch.nan)):
        with pytest.raises(SymgeomError, match="returns one finite number"):
            broken_equilibrium(SPEC, problem, params, wrong, **RECIPE)
    with pytest.raises(SymgeomError, match="Cannot weigh decay against noise"):
        broken_equilibrium(SPEC, problem, params, decay(1.0), learning_rate=0.0, batch_size=4)
