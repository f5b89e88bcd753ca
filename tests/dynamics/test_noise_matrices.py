import math

import pytest
import torch
from cases import Block, batch, randomised
from references import sample_gradients_one_by_one
from scipy.optimize import minimize
from torch import nn

from symgeom.dynamics.noise import (
    effective_batch_size,
    equilibrium_of_force,
    noise_equilibrium,
    noise_force,
    noise_force_of_batches,
    noise_gauge,
)
from symgeom.dynamics.noise.matrices import matrix_force
from symgeom.dynamics.noise.mixing import mixing
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, take

RECIPE = {"learning_rate": 0.1, "batch_size": 10, "weight_decay": 0.01}


def positive(size, rank, name):
    """Return a random matrix without negative eigenvalues."""
    root = torch.randn(size, rank, generator=stream(name), dtype=torch.float64)
    return root @ root.T


def attention():
    """One block: two heads, packed projections, layer norm, a perceptron, residuals."""

    def by_head(x):
        return x.unflatten(-1, (2, 2)).transpose(1, 2)

    def forward(self, x):
        x = self.embed(x.unsqueeze(-1))
        q, k, v = map(by_head, self.heads(self.norm(x)).chunk(3, -1))
        weights = torch.softmax(q @ k.transpose(-2, -1), -1)
        x = x + self.out((weights @ v).transpose(1, 2).flatten(2))
        x = x + self.down(torch.relu(self.up(x)))
        return self.last(x.mean(1))

    return Block(
        forward,
        embed=nn.Linear(1, 4),
        norm=nn.LayerNorm(4),
        heads=nn.Linear(4, 12),
        out=nn.Linear(4, 4),
        up=nn.Linear(4, 3),
        down=nn.Linear(3, 4),
        last=nn.Linear(4, 3),
    )


def iterated():
    """A linear layer that is applied twice: its matrix acts on both of its axes."""
    layers = {"first": nn.Linear(5, 3), "again": nn.Linear(3, 3), "last": nn.Linear(3, 3)}
    return Block(lambda self, x: self.last(self.again(self.again(self.first(x)))), **layers)


NETWORKS = {
    "two linear layers": lambda: nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 4)),
    "and a rectifier": lambda: nn.Sequential(
        nn.Linear(5, 3), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)
    ),
    "three linear layers": lambda: nn.Sequential(nn.Linear(5, 2), nn.Linear(2, 2), nn.Linear(2, 3)),
    "convolutions": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5)),
        nn.Conv1d(1, 3, 2),
        nn.Conv1d(3, 2, 2),
        nn.Flatten(),
        nn.Linear(6, 3),
    ),
    "attention": attention,
    "applied twice": iterated,
}

LINEAR_GROUPS = dict(zip(NETWORKS, (1, 1, 2, 2, 4, 1), strict=True))
"""How many groups of each network matrices mix: in attention two of each head."""


def case(name, samples=12):
    """Return the spec of what moves, the landscape and the weights of a network."""
    module = randomised(NETWORKS[name]())
    inputs, labels = batch(samples, 5, 3)
    spec = charged_groups(discover(module, inputs[:2], within_heads=True).exact())
    return spec, Problem(module, inputs, labels), parameters(module)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_matrix_solves_the_equation_of_the_balance(size):
    falling, growing = positive(size, size, "falling"), positive(size, size + 2, "growing")
    step = mixing(falling, growing)
    assert torch.allclose(step.matrix, step.matrix.T, rtol=0, atol=1e-14)
    square = step.matrix @ step.matrix
    residual = square @ growing @ square - falling
    assert float(residual.abs().max()) < 1e-12 * float(falling.abs().max())
    logarithms = torch.linalg.eigvalsh(square).flip(0).log() / 2
    torch.testing.assert_close(step.displacement, logarithms, rtol=0, atol=1e-12)
    along = step.directions @ square @ step.directions.T
    torch.testing.assert_close(along.diagonal().log() / 2, logarithms, rtol=0, atol=1e-12)


def test_matrices_far_from_one_are_balanced_with_all_their_digits():
    """Eigenvalues over ten orders of magnitude, against the mean of diagonal matrices."""
    falling = torch.tensor([1e5, 1.0, 1e-5], dtype=torch.float64)
    growing = torch.tensor([1e-4, 1.0, 1e3], dtype=torch.float64)
    turn = torch.linalg.qr(positive(3, 3, "turn"))[0]
    step = mixing((turn * falling) @ turn.T, (turn * growing) @ turn.T)
    expected = (falling / growing).log() / 4
    torch.testing.assert_close(step.displacement, expected, rtol=0, atol=1e-6)
    exact = mixing(falling.diag(), growing.diag())
    torch.testing.assert_close(exact.displacement, expected, rtol=0, atol=1e-14)


RANKS = [(5, 3, 5), (5, 3, 3), (5, 5, 2), (5, 1, 1), (5, 0, 3), (3, 0, 0), (6, 2, 2), (4, 4, 3)]


@pytest.mark.parametrize("ranks", RANKS)
def test_directions_without_a_balance_are_told_and_rest(ranks):
    size, falling_rank, growing_rank = ranks
    falling = positive(size, falling_rank, "falling")
    growing = positive(size, growing_rank, "growing")
    step = mixing(falling, growing)
    shared = int(torch.linalg.matrix_rank(growing @ falling, rtol=1e-10))
    counts = [
        int((step.displacement == math.inf).sum()),
        int(step.displacement.isfinite().sum()),
        int((step.displacement == -math.inf).sum()),
        int(step.displacement.isnan().sum()),
    ]
    neither = size - falling_rank - growing_rank + shared
    assert counts == [falling_rank - shared, shared, growing_rank - shared, neither]
    # Directions of growth feel only what falls, those that shrink only what grows.
    has_falling = torch.einsum("ki,ij,kj->k", step.directions, falling, step.directions) > 1e-10
    has_growing = torch.einsum("ki,ij,kj->k", step.directions, growing, step.directions) > 1e-10
    assert has_falling.tolist() == [True] * falling_rank + [False] * (size - falling_rank)
    expected = [False] * counts[0] + [True] * growing_rank + [False] * neither
    assert has_growing.tolist() == expected
    # Once there, nothing moves any more, and where all is one-sided nothing ever does.
    back = torch.linalg.inv(step.matrix)
    again = mixing(back @ falling @ back, step.matrix @ growing @ step.matrix)
    assert again.moved < 1e-12
    if not shared:
        assert torch.equal(step.matrix, torch.eye(size, dtype=torch.float64))


@pytest.mark.parametrize("name", NETWORKS)
def test_covariances_agree_with_a_loop_over_samples(name):
    spec, landscape, params = case(name, samples=25)
    force = matrix_force(spec, landscape, params)
    gradients = sample_gradients_one_by_one(landscape, params)
    linear = charged_groups(spec, "linear")
    assert len(linear.groups) == LINEAR_GROUPS[name]
    assert force.covariance.keys() == {group.name for group in linear.groups}
    for group in linear.groups:
        without = torch.zeros_like(force.without_block[group.name])
        for leg, covariance in zip(group.legs, force.covariance[group.name], strict=True):
            rows = torch.stack([take(g, leg, group.size) for g in gradients[leg.tensor]])
            apart = rows - rows.mean(0)
            expected = torch.einsum("nim,nkm->mik", apart, apart) / len(rows)
            if len(covariance) == 1:
                expected = expected.sum(0, keepdim=True)
            scale = float(expected.abs().max())
            atol = 1e-12 * scale + 1e-25  # biases of keys have no gradient
            torch.testing.assert_close(covariance, expected, rtol=1e-11, atol=atol)
            for block in range(len(without)):
                rest = torch.cat([apart[n::20] for n in range(20) if n != block])
                side = 0 if leg.power > 0 else 1
                without[block, side] += torch.einsum("nim,nkm->ik", rest, rest) / len(rest)
        torch.testing.assert_close(force.without_block[group.name], without)


def test_entries_are_told_apart_only_where_other_units_are_scaled():
    spec, landscape, params = case("and a rectifier")
    inner, bias, outer = matrix_force(spec, landscape, params).covariance["hidden1"]
    assert (len(inner), len(bias), len(outer)) == (1, 1, 4)


@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("loss", ["squares", "cross entropy"])
def test_two_linear_layers_move_to_their_equilibrium_in_one_step(decay, loss):
    module = randomised(nn.Sequential(nn.Linear(5, 3, bias=False), nn.Linear(3, 4, bias=False)))
    inputs, labels = batch(60, 5, 4)
    landscape = Problem(module, inputs, labels)
    if loss == "squares":
        targets = torch.randn(60, 4, generator=stream("targets"), dtype=torch.float64)
        landscape = Problem(module, inputs, targets, lambda o, t: (o - t).square().sum(1))
    params = parameters(module)
    legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    spec = SymmetrySpec((UnitGroup("hidden1", 3, legs, scale="linear"),))
    recipe = RECIPE | {"weight_decay": decay}
    before = noise_equilibrium(spec, landscape, params, **recipe)
    step = GroupElement(identity(spec).permutations, {"hidden1": before.mixing["hidden1"].matrix})
    there = act(spec, step, params)
    outputs = landscape.outputs(params)
    change = (landscape.outputs(there) - outputs).abs().max() / outputs.abs().max()
    assert float(change) < 2e-15
    # Measured anew, by a loop over samples: all pairs of units are in balance.
    gradients = sample_gradients_one_by_one(landscape, there)
    incoming = gradients["0.weight"] - gradients["0.weight"].mean(0)
    outgoing = gradients["1.weight"] - gradients["1.weight"].mean(0)
    strength = 2 * decay * 10 / 0.1
    falling = torch.einsum("nim,nkm->ik", incoming, incoming) / 60
    falling += strength * there["1.weight"].T @ there["1.weight"]
    growing = torch.einsum("nmi,nmk->ik", outgoing, outgoing) / 60
    growing += strength * there["0.weight"] @ there["0.weight"].T
    residual = (falling - growing).abs().max() / falling.abs().max()
    assert float(residual) < 1e-12
    assert float(before.displacement["hidden1"].abs().max()) > 0.1
    after = noise_equilibrium(spec, landscape, there, **recipe)
    assert float(after.displacement["hidden1"].abs().max()) < 1e-12
    torch.testing.assert_close(
        before.joint.element.scales["hidden1"], step.scales["hidden1"], rtol=1e-12, atol=1e-12
    )


def free_energy(spec, landscape, params, decay):
    """Return, as a function of group elements, all variances and ``decay`` times all squares.

    It moves every sample's gradient by the inverse transpose of what moves the weights.
    """
    owned = {leg.tensor for group in spec.groups for leg in group.legs}
    gradients = {}
    for name, rows in sample_gradients_one_by_one(landscape, params).items():
        apart = (rows - rows.mean(0)) / len(rows) ** 0.5
        gradients[name] = apart.movedim(0, -1)
    bare = SymmetrySpec(spec.groups)
    rest = identity(spec).permutations

    def energy(scales):
        back = {
            name: torch.linalg.inv(scale).T if scale.ndim == 2 else 1 / scale
            for name, scale in scales.items()
        }
        weights = act(bare, GroupElement(rest, scales), params)
        moved = act(bare, GroupElement(rest, back), gradients)
        total = 0.0
        for name in owned:
            total = total + moved[name].square().sum() + decay * weights[name].square().sum()
        return total

    return energy


def smallest(spec, energy):
    """Minimise over the logarithms of all scales and over all symmetric matrices (BFGS)."""
    sizes = [g.size if g.scale == "positive" else g.size**2 for g in spec.groups]

    def scales_of(flat):
        scales = {}
        for group, part in zip(spec.groups, flat.split(sizes), strict=True):
            if group.scale == "positive":
                scales[group.name] = part.exp()
            else:
                square = part.view(group.size, group.size)
                scales[group.name] = torch.linalg.matrix_exp(square + square.T)
        return scales

    def value_and_slope(flat):
        start = torch.from_numpy(flat).requires_grad_()
        value = energy(scales_of(start))
        (slope,) = torch.autograd.grad(value, start)
        return value.item(), slope.numpy()

    start = torch.zeros(sum(sizes), dtype=torch.float64).numpy()
    lowest = minimize(value_and_slope, start, jac=True, method="BFGS", options={"gtol": 1e-8})
    return lowest.fun, scales_of(torch.from_numpy(lowest.x))


@pytest.mark.parametrize(
    "name", ["and a rectifier", "three linear layers", "attention", "applied twice"]
)
def test_matrices_and_units_together_come_to_rest_where_a_minimiser_does(name):
    spec, landscape, params = case(name, samples=5)
    strength = 2 * 0.01 * 10 / 0.1
    before = noise_equilibrium(spec, landscape, params, **RECIPE)
    energy = free_energy(spec, landscape, params, strength)
    assert math.isclose(before.joint.before, float(energy(identity(spec).scales)), rel_tol=1e-12)
    lowest, scales = smallest(spec, energy)
    assert before.joint.after < lowest * (1 + 1e-13)
    assert math.isclose(before.joint.after, lowest, rel_tol=1e-9)
    for group in spec.groups:
        ours, theirs = before.joint.element.scales[group.name], scales[group.name]
        if group.scale == "linear":  # up to rotations
            ours, theirs = ours.T @ ours, theirs.T @ theirs
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    there = act(spec, before.joint.element, params)
    outputs = landscape.outputs(params)
    change = (landscape.outputs(there) - outputs).abs().max() / outputs.abs().max()
    assert float(change) < 1e-14
    after = noise_equilibrium(spec, landscape, there, **RECIPE)
    for group in spec.groups:
        assert float(before.displacement[group.name].abs().max()) > 1e-2
        assert float(after.displacement[group.name].abs().max()) < 1e-11
    assert math.isclose(after.joint.before, before.joint.after, rel_tol=1e-12)


def test_covariances_that_are_too_many_to_be_kept_apart_are_measured_again(monkeypatch):
    spec, landscape, params = case("and a rectifier")
    at_once = noise_equilibrium(spec, landscape, params, **RECIPE).joint
    monkeypatch.setattr("symgeom.dynamics.noise.matrices.ENTRY_BYTES", 0)
    assert {len(x) for x in matrix_force(spec, landscape, params).covariance["hidden1"]} == {1}
    in_turns = noise_equilibrium(spec, landscape, params, **RECIPE).joint
    assert in_turns.sweeps > at_once.sweeps
    for name, scale in at_once.element.scales.items():
        torch.testing.assert_close(in_turns.element.scales[name], scale, rtol=1e-10, atol=1e-11)


def test_over_wide_layers_have_directions_that_shrink_for_ever():
    """Four units between five inputs and two outputs: two of them make nothing."""
    module = randomised(nn.Sequential(nn.Linear(5, 4, bias=False), nn.Linear(4, 2, bias=False)))
    inputs, labels = batch(40, 5, 2)
    targets = torch.nn.functional.one_hot(labels, 2).double()
    landscape = Problem(module, inputs, targets, lambda o, t: (o - t).square().sum(1))
    spec = charged_groups(discover(module, inputs[:2]).exact())
    params = parameters(module)
    before = noise_equilibrium(spec, landscape, params, **RECIPE)
    assert before.verdicts()["hidden1"] == ("balances", "balances", "shrinks", "shrinks")
    assert before.phases()["hidden1"][2:] == ("shrinks", "shrinks")
    assert before.displacement["hidden1"][2:].tolist() == [-math.inf, -math.inf]
    assert before.standard_error["hidden1"].isnan().tolist() == [False, False, True, True]
    # These are the units that the outgoing weights do not see.
    unseen = before.mixing["hidden1"].directions[2:]
    assert float((params["1.weight"] @ unseen.T).abs().max()) < 1e-12
    there = act(spec, before.joint.element, params)
    torch.testing.assert_close(landscape.outputs(there), landscape.outputs(params))
    after = noise_equilibrium(spec, landscape, there, **RECIPE)
    assert float(after.displacement["hidden1"][:2].abs().max()) < 1e-12
    assert after.joint.sweeps == 1


def test_without_noise_or_weights_nothing_moves():
    module = randomised(NETWORKS["two linear layers"]())
    spec = charged_groups(discover(module, torch.ones(2, 5).double()).exact())
    inputs, labels = batch(1, 5, 3)
    landscape = Problem(module, inputs.repeat(4, 1), labels.repeat(4))
    params = parameters(module)
    alike = noise_equilibrium(spec, landscape, params, learning_rate=0.1, batch_size=1)
    assert alike.verdicts()["hidden1"] == ("never moves",) * 3
    assert alike.phases()["hidden1"] == ("never moves",) * 3
    assert bool(alike.standard_error["hidden1"].isnan().all())
    assert torch.equal(alike.joint.element.scales["hidden1"], torch.eye(3).double())
    # Weight decay alone balances the products of the weights.
    decayed = noise_equilibrium(spec, landscape, params, **RECIPE)
    there = act(spec, decayed.joint.element, params)
    incoming = there["0.weight"] @ there["0.weight"].T + torch.outer(*[there["0.bias"]] * 2)
    outgoing = there["1.weight"].T @ there["1.weight"]
    torch.testing.assert_close(incoming, outgoing, rtol=1e-11, atol=1e-12)
    assert decayed.phases()["hidden1"] == ("decay-dominated, slow",) * 3


def test_apart_units_are_one_and_the_same_with_matrices_and_with_scales():
    """Pairs of weights that never meet: a matrix has nothing to mix."""
    module = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)).double()
    inputs = torch.eye(3).double().repeat(20, 1)
    noise = torch.randn(60, generator=stream("labels"), dtype=torch.float64)
    targets = inputs * noise.unsqueeze(1)
    landscape = Problem(module, inputs, targets, lambda o, t: (o - t).square().sum(1))
    params = {
        "0.weight": torch.tensor([3.0, 1.0, 0.5]).double().diag(),
        "1.weight": torch.tensor([0.2, 0.7, 0.9]).double().diag(),
    }
    legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    by_kind = {}
    for scale in ("positive", "linear"):
        spec = SymmetrySpec((UnitGroup("hidden1", 3, legs, scale=scale),))
        by_kind[scale] = noise_equilibrium(spec, landscape, params, **RECIPE)
    order = by_kind["positive"].displacement["hidden1"].argsort(descending=True)
    for quantity in ("displacement", "standard_error", "finite_steps", "noise_share", "steps"):
        units = getattr(by_kind["positive"], quantity)["hidden1"][order]
        combinations = getattr(by_kind["linear"], quantity)["hidden1"]
        torch.testing.assert_close(combinations, units, rtol=1e-10, atol=1e-12)
    scales = by_kind["positive"].joint.element.scales["hidden1"]
    matrix = by_kind["linear"].joint.element.scales["hidden1"]
    torch.testing.assert_close(matrix, scales.diag(), rtol=1e-12, atol=1e-12)


def test_frozen_layers_leave_their_linear_group_out():
    spec, landscape, params = case("two linear layers")
    module = landscape.module
    module[0].bias.requires_grad_(False)
    frozen = Problem(module, landscape.inputs, landscape.targets)
    assert noise_equilibrium(spec, frozen, params, **RECIPE).displacement == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("and a rectifier", "after 1 visits of every group some still"),
        ("three linear layers", "after 1 turns of the linear groups"),
    ],
)
def test_a_balance_that_does_not_settle_says_so(name, message, monkeypatch):
    spec, landscape, params = case(name)
    monkeypatch.setattr("symgeom.dynamics.noise.together.ROUNDS", 1)
    if name == "three linear layers":
        monkeypatch.setattr("symgeom.dynamics.noise.together.TOLERANCE", 1e9)
        monkeypatch.setattr("symgeom.dynamics.noise.together._Orbit.settle", lambda *_: True)
    with pytest.raises(SymgeomError, match=message):
        noise_equilibrium(spec, landscape, params, **RECIPE)


def pair_of_layers():
    module = randomised(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
    legs = (Leg("0.weight", 0), Leg("0.bias", 0), Leg("1.weight", 1, power=-1))
    spec = SymmetrySpec((UnitGroup("hidden1", 3, legs, scale="linear"),))
    return spec, Problem(module, *batch(9, 4, 2)), parameters(module)


def test_matrices_of_mini_batches_are_the_covariances_of_their_gradients():
    spec, landscape, params = pair_of_layers()
    batches = 10
    force = noise_force_of_batches(
        spec, landscape, params, batch_size=3, batches=batches, generator=stream("batches")
    )
    generator = stream("batches")
    rows = []
    for _ in range(batches):
        index = torch.randperm(9, generator=generator)[:3]
        torch.randint(2**62, (), generator=generator)  # the seed of what layers draw
        rows.append(landscape.gradient(params, index=index))
    inner = torch.stack([torch.cat([g["0.weight"], g["0.bias"][:, None]], 1) for g in rows])
    outer = torch.stack([g["1.weight"].T for g in rows])
    size = effective_batch_size(3, samples=9)
    covariances = force.matrices.covariance["hidden1"]
    of_sides = (covariances[0][0] + covariances[1][0], covariances[2][0])
    for side, (gradients, found) in enumerate(zip((inner, outer), of_sides, strict=True)):
        folds = gradients.view(5, 2, *gradients.shape[1:])
        apart = folds - folds.mean(1, keepdim=True)
        total = torch.einsum("fbim,fbkm->fik", apart, apart)
        torch.testing.assert_close(found, size * total.sum(0) / 5)
        mean = gradients.mean(0)
        drift = mean @ mean.T - total.sum(0) / (5 * batches)
        torch.testing.assert_close(force.matrices.drift["hidden1"][side], drift)
        without = size * (total.sum(0) - total) / 4
        torch.testing.assert_close(force.matrices.without_block["hidden1"][:, side], without)


def test_mini_batches_balance_linear_layers_where_their_own_noise_does():
    """At the equilibrium the same mini-batches say that it is one."""
    spec, landscape, params = pair_of_layers()
    drawn = {"batch_size": 3, "batches": 12}
    force = noise_force_of_batches(spec, landscape, params, **drawn, generator=stream("any"))
    recipe = {"learning_rate": 0.1, "batch_size": 3, "weight_decay": 0.01}
    found = equilibrium_of_force(spec, params, force, **recipe)
    assert found.verdicts()["hidden1"] == ("balances", "balances", "shrinks")  # three for two
    assert float(found.displacement["hidden1"].abs().min()) > 1e-3
    there = act(spec, found.joint.element, params)
    again = noise_force_of_batches(spec, landscape, there, **drawn, generator=stream("any"))
    rest = equilibrium_of_force(spec, there, again, **recipe)
    assert float(rest.displacement["hidden1"][:2].abs().max()) < 1e-12


def test_a_force_that_is_known_says_of_attention_what_the_samples_say():
    spec, landscape, params = case("attention")
    expected = noise_equilibrium(spec, landscape, params, **RECIPE)
    found = equilibrium_of_force(spec, params, noise_force(spec, landscape, params), **RECIPE)
    assert found.displacement.keys() == expected.displacement.keys()
    assert found.loss_steps == expected.loss_steps
    for name, displacement in expected.displacement.items():
        assert torch.equal(found.displacement[name], displacement)
        torch.testing.assert_close(
            found.joint.element.scales[name], expected.joint.element.scales[name]
        )


def test_linear_groups_that_share_weights_need_the_samples():
    spec, landscape, params = case("three linear layers")
    force = noise_force(spec, landscape, params)
    with pytest.raises(SymgeomError, match="must be measured again after each turn"):
        equilibrium_of_force(spec, params, force, **RECIPE)


def test_the_gauge_of_a_linear_group_is_one_up_to_rotations():
    _, landscape, params = pair_of_layers()
    spec = discover(landscape.module, landscape.inputs)
    matrix = torch.randn(3, 3, generator=stream("mixed"), dtype=torch.float64)
    rest = identity(spec)
    element = GroupElement(rest.permutations, {**rest.scales, "hidden1": matrix})
    lengths = []
    for copy in (params, act(spec, element, params)):
        gauge = noise_gauge(spec, landscape, copy)
        incoming = (gauge.parameters["0.weight"], gauge.parameters["0.bias"][:, None])
        lengths.append(torch.linalg.svdvals(torch.cat(incoming, 1)))
        outputs = landscape.outputs(gauge.parameters)
        torch.testing.assert_close(outputs, landscape.outputs(params))
        there = noise_equilibrium(
            spec, landscape, gauge.parameters, learning_rate=0.1, batch_size=1
        )
        moves = there.displacement["hidden1"]
        assert float(moves[moves.isfinite()].abs().max()) < 1e-8
    torch.testing.assert_close(*lengths, rtol=1e-8, atol=0)
