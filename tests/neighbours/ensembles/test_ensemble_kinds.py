"""The members of every kind of ensemble."""

import math

import pytest
import torch
from cases import batch, mlp, network
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, stack, unstack
from symgeom.landscape.chain import ChainPlan
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action import data_dependent_action
from symgeom.neighbours.ensembles import (
    KINDS,
    ensemble_members,
    mean_prediction,
    member_log_probabilities,
    orbit,
    random_displacements,
)
from symgeom.neighbours.ensembles import EnsembleMaterial as Material
from symgeom.neighbours.ensembles.orbit import drawn_elements, orbit_moves
from symgeom.neighbours.ensembles.portions import shared_tensors
from symgeom.quotient.alignment import align
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, simplex_point
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act

ROUNDING = 1e-12
"""Of sums of a few numbers near 1, in float64."""

WIDTHS = (5, 8, 6, 3)
INPUTS, TARGETS = batch(40, WIDTHS[0], WIDTHS[-1])
MODULE = mlp(*WIDTHS)
SPEC = discover(MODULE, INPUTS)
TORUS = Torus(SPEC)
PROBLEM = Problem(MODULE, INPUTS, TARGETS)


def aligned(count: int) -> list[dict[str, torch.Tensor]]:
    """Return canonical networks, all aligned to the first."""
    networks = [canonicalise(SPEC, network(*WIDTHS, seed=seed)).parameters for seed in range(count)]
    others = []
    for other in networks[1:]:
        element = align(SPEC, networks[0], other, generator=stream("align")).element
        others.append(act(SPEC, element, other))
    return [networks[0], *others]


VERTICES = aligned(4)


def material(networks: int = 1, **options: object) -> Material:
    """Return aligned networks as material."""
    return Material(TORUS, PROBLEM, VERTICES[:networks], **options)


def made(kind: str, ingredients: Material) -> dict[str, torch.Tensor]:
    """Return the members of a kind."""
    return ensemble_members(kind, ingredients, generator=stream("members"))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_stacked_networks_in_the_precision_of_the_networks(name: str):
    kind = KINDS[name]
    for dtype in (torch.float64, torch.float32):
        vertices = [cast(vertex, dtype) for vertex in VERTICES]
        few = vertices[: kind.networks_needed(3)]
        plan = ChainPlan(epochs=1, points=3)
        ingredients = Material(TORUS, PROBLEM.cast(dtype), few, count=3, plan=plan)
        members = made(name, ingredients)
        assert {tensor.dtype for tensor in members.values()} == {dtype}
        assert {len(tensor) for tensor in members.values()} == {1 if kind.one_network else 3}
        predictions = member_log_probabilities(ingredients.problem, members)
        assert predictions.isfinite().all()
    again = made(name, ingredients)
    assert all(torch.equal(again[key], members[key]) for key in members)


def test_the_linear_orbit_predicts_what_the_network_predicts():
    alone = member_log_probabilities(PROBLEM, stack(VERTICES[:1]))
    for groups in ((), ("hidden1",), ("hidden2",)):
        members = made("linear_orbit", material(count=6, scale=0.5, groups=groups))
        predictions = member_log_probabilities(PROBLEM, members)
        torch.testing.assert_close(mean_prediction(predictions), alone[0], rtol=0, atol=ROUNDING)
        moved = {name for name in members if not torch.equal(members[name][0], members[name][1])}
        layers = {"": "024", "hidden1": "02", "hidden2": "24"}["".join(groups)]
        assert {name[0] for name in moved} == set(layers)
    still = made("linear_orbit", material(count=2, scale=0.0))
    assert all(torch.equal(still[name][0], VERTICES[0][name]) for name in still)


def test_a_linear_layer_has_an_orbit_of_matrices():
    module = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)).double()
    problem = Problem(module, INPUTS, TARGETS)
    params = {name: tensor.detach() for name, tensor in module.named_parameters()}
    ingredients = Material(Torus(discover(module, INPUTS)), problem, [params], count=4, scale=1.0)
    members = made("linear_orbit", ingredients)
    predictions = member_log_probabilities(problem, members)
    alone = member_log_probabilities(problem, stack([params]))
    torch.testing.assert_close(predictions, alone.expand_as(predictions), rtol=0, atol=1e-10)
    assert (members["0.weight"][0] - params["0.weight"]).abs().max() > 0.1


def test_without_continuous_symmetries_there_is_no_linear_orbit():
    module = mlp(*WIDTHS, activation=nn.Tanh)
    problem = Problem(module, INPUTS, TARGETS)
    torus = Torus(discover(module, INPUTS))
    with pytest.raises(SymgeomError, match="needs unit groups with positive scales or matrices"):
        made("linear_orbit", Material(torus, problem, [network(*WIDTHS)]))


def test_independent_members_are_the_networks():
    members = made("independent", material(4, count=3))
    for member, vertex in zip(unstack(members), VERTICES, strict=False):
        assert all(torch.equal(member[name], vertex[name]) for name in vertex)


def test_averaged_weights_are_those_of_one_network():
    members = made("swa", material(4, count=3))
    for name, tensor in members.items():
        mean = sum(vertex[name] for vertex in VERTICES[:3]) / 3
        torch.testing.assert_close(tensor, mean[None], rtol=0, atol=ROUNDING)


def test_members_along_the_geodesic_are_its_points():
    members = unstack(made("geodesic", material(2, count=5)))
    for number, member in enumerate(members):
        point = TORUS.geodesic(*VERTICES[:2], number / 4)
        for name in point:
            torch.testing.assert_close(member[name], point[name], rtol=0, atol=ROUNDING)


def test_members_along_a_chain_have_its_ends_and_a_bend_of_lower_loss():
    plan = ChainPlan(epochs=30, batch_size=10, points=3, evaluate_every=30)
    members = unstack(made("chain", material(2, count=5, plan=plan)))
    for member, end in ((members[0], VERTICES[0]), (members[4], VERTICES[1])):
        for name in end:
            torch.testing.assert_close(member[name], end[name], rtol=0, atol=ROUNDING)
    bend = members[2]
    middle = TORUS.geodesic(*VERTICES[:2], 0.5)
    assert PROBLEM.loss(bend) < PROBLEM.loss(middle) - 0.01
    rows = torch.cat([bend["0.weight"], bend["0.bias"][:, None]], 1)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(8).double())
    for name in bend:  # the quarters lie on straight segments
        between = (members[0][name] + bend[name]) / 2
        torch.testing.assert_close(members[1][name], between, rtol=0, atol=ROUNDING)


def test_points_of_a_simplex_lie_on_the_torus_between_its_vertices():
    members = unstack(made("simplex", material(4, count=8)))
    distances = []
    for member in members:
        rows = torch.cat([member["0.weight"], member["0.bias"][:, None]], 1)
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(8).double())
        corners = [torch.cat([v["0.weight"], v["0.bias"][:, None]], 1) for v in VERTICES]
        basis = torch.stack(corners, dim=-1)  # (unit, coordinate, vertex)
        shares = torch.linalg.lstsq(basis, rows.unsqueeze(-1)).solution.squeeze(-1)
        assert (shares > 0).all()  # inside the cone of the vertices
        ratios = shares / shares.sum(1, keepdim=True)
        torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios))  # one weight for all units
        distances.append(float(TORUS.distance(member, members[0])))
    assert min(distances[1:]) > 0.01


def test_a_vertex_is_the_point_of_a_simplex_with_its_weight_alone():
    for number, vertex in enumerate(VERTICES):
        point = simplex_point(TORUS, VERTICES, torch.eye(4)[number])
        for name in vertex:
            torch.testing.assert_close(point[name], vertex[name], rtol=0, atol=ROUNDING)


def test_tensors_on_no_sphere_are_means_as_along_the_geodesic():
    without_biases = Torus(SPEC, bias_in_norm=False)
    networks = []
    for seed in range(2):
        flat = canonicalise(SPEC, network(*WIDTHS, seed=seed), bias_in_norm=False)
        networks.append(flat.parameters)
    middle = simplex_point(without_biases, networks, torch.tensor([0.5, 0.5]))
    geodesic = without_biases.geodesic(*networks, 0.5)
    for name in middle:
        torch.testing.assert_close(middle[name], geodesic[name])


def outputs(problem: Problem, members: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the outputs of every member, one after another."""
    return torch.stack([problem.outputs(member) for member in unstack(members)])


CONTROLS = [name for name, kind in KINDS.items() if kind.control]


@pytest.mark.parametrize("groups", [("hidden1",), ("hidden2",), ("hidden1", "hidden2")])
def test_every_member_of_an_orbit_predicts_as_the_network_on_its_own_batch_only(groups: tuple):
    ingredients = material(count=4, scale=0.3, groups=groups)
    moved = outputs(PROBLEM, made("orbit", ingredients))
    alone = PROBLEM.outputs(VERTICES[0])
    moves = orbit_moves(ingredients, stream("members"))
    for move, prediction in zip(moves, moved, strict=True):
        batch_size = min(SPEC[name].size for name in groups) // 2
        assert len(move.index) == batch_size
        torch.testing.assert_close(prediction[move.index], alone[move.index], rtol=0, atol=1e-10)
        assert (prediction - alone).abs().max() > 0.01


def test_a_batch_without_full_rank_is_drawn_again(monkeypatch: pytest.MonkeyPatch):
    """The matrices stay as they were drawn; a member that no batch allows is refused."""
    ingredients = material(count=3, scale=0.3)
    refused = []

    def refusing(*words: object, index: torch.Tensor, **options: object) -> object:
        if len(refused) % 3 < 2:
            refused.append(index)
            raise SymgeomError("no full rank")
        refused.append(None)
        return data_dependent_action(*words, index=index, **options)

    monkeypatch.setattr(orbit, "data_dependent_action", refusing)
    moves = orbit_moves(ingredients, stream("members"))
    assert len(refused) == 9
    elements = drawn_elements(ingredients, stream("members"))
    for move, matrices in zip(moves, elements, strict=True):
        wanted = matrices["hidden2"] @ VERTICES[0]["2.weight"]
        torch.testing.assert_close(move.params["2.weight"], wanted)
    dead = {
        **VERTICES[0],
        "2.weight": torch.zeros(6, 8).double(),
        "2.bias": -torch.ones(6).double(),
    }
    monkeypatch.undo()
    with pytest.raises(SymgeomError, match="the activation vanishes on samples"):
        made("orbit", Material(TORUS, PROBLEM, [dead]))


def test_only_the_layers_around_the_units_differ_by_default():
    """Those of the last hidden group, so that what comes before runs once for all members."""
    for name in ("orbit", *CONTROLS):
        members = made(name, material(count=3))
        assert shared_tensors(members) == {"0.weight", "0.bias", "4.bias"}
        assert members["0.weight"].untyped_storage().nbytes() == VERTICES[0]["0.weight"].nbytes


@pytest.mark.parametrize("name", ["orbit", *CONTROLS])
def test_small_elements_do_little_but_for_shuffled_layers(name: str):
    alone = PROBLEM.outputs(VERTICES[0])
    changes = []
    for scale in (1e-3, 1e-6):
        moved = outputs(PROBLEM, made(name, material(count=3, scale=scale)))
        changes.append(float((moved - alone).abs().max()))
    if name == "shuffled":
        assert min(changes) > 0.1
    else:
        assert changes[0] == pytest.approx(1e3 * changes[1], rel=0.05)  # of first order


def test_without_activation_inverse_matrices_undo_each_other():
    """An oracle for what stands above: then both controls are symmetries, at any scale."""
    module = nn.Sequential(nn.Linear(5, 8), nn.LeakyReLU(1.0), nn.Linear(8, 3)).double()
    problem = Problem(module, INPUTS, TARGETS)
    params = {name: tensor.detach() for name, tensor in module.named_parameters()}
    ingredients = Material(Torus(discover(module, INPUTS)), problem, [params], count=3, scale=1.0)
    alone = problem.outputs(params)
    for name in ("inverse", "permutation"):
        members = made(name, ingredients)
        same = outputs(problem, members)
        torch.testing.assert_close(same, alone.expand_as(same), rtol=0, atol=1e-10)
        assert (members["0.weight"] - params["0.weight"]).abs().amax((1, 2)).min() > 0.1


def test_the_inverse_has_the_matrices_of_the_orbit():
    ingredients = material(count=3, scale=0.5)
    orbit = made("orbit", ingredients)
    inverse = made("inverse", ingredients)
    torch.testing.assert_close(orbit["2.weight"], inverse["2.weight"])
    elements = drawn_elements(ingredients, stream("members"))
    matrices = torch.stack([of_member["hidden2"] for of_member in elements])
    torch.testing.assert_close(orbit["2.weight"], matrices @ VERTICES[0]["2.weight"])
    torch.testing.assert_close(
        inverse["4.weight"] @ matrices, VERTICES[0]["4.weight"].expand(3, -1, -1)
    )


def test_shuffled_layers_have_the_columns_of_the_orbit_in_another_order():
    orbit = made("orbit", material(count=3))
    shuffled = made("shuffled", material(count=3))
    assert torch.equal(orbit["2.weight"], shuffled["2.weight"])
    for before, after in zip(orbit["4.weight"], shuffled["4.weight"], strict=True):
        columns = {tuple(column) for column in before.T.tolist()}
        assert columns == {tuple(column) for column in after.T.tolist()}
        assert not torch.equal(before, after)


def test_an_interpolated_permutation_ends_half_way():
    """Of a network of one row per unit, whose weights are numbers of the units."""
    numbers = torch.arange(8.0).double()
    params = {**VERTICES[0], "0.weight": numbers[:, None].expand(8, 5)}
    ingredients = Material(TORUS, PROBLEM, [params], count=4, scale=1e6, groups=("hidden1",))
    rows = made("permutation", ingredients)["0.weight"]
    other = 2 * rows[..., 0] - numbers
    torch.testing.assert_close(other.sort().values, numbers.expand(4, 8), rtol=0, atol=1e-4)
    assert len({tuple(row) for row in other.round().tolist()}) == 4


def test_batch_norm_is_carried_along_or_refused():
    module = nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.1), nn.Linear(8, 3)
    ).double()
    params = parameters(module.eval())
    torus = Torus(discover(module, INPUTS))
    carried = Problem(module, INPUTS, TARGETS, batch_norm="carried")
    recomputed = Problem(module, INPUTS, TARGETS, batch_norm="recompute", training_inputs=INPUTS)
    for name in ("orbit", *CONTROLS, "linear_orbit"):
        members = made(name, Material(torus, carried, [params], count=2))
        assert member_log_probabilities(carried, members).isfinite().all()
        assert member_log_probabilities(recomputed, members).isfinite().all()
    with pytest.raises(SymgeomError, match="Cannot move a network on a batch while statistics"):
        made("orbit", Material(torus, recomputed, [params]))


def test_random_displacements_have_the_lengths_of_others_and_no_direction():
    members = made("linear_orbit", material(count=300, scale=0.1, groups=("hidden1",)))
    start = VERTICES[0]
    moved = random_displacements(start, members, generator=stream("moved"))
    for name in members:
        wanted = (members[name] - start[name]).flatten(1)
        displacement = (moved[name] - start[name]).flatten(1)
        torch.testing.assert_close(displacement.norm(dim=1), wanted.norm(dim=1))
        if name in ("2.bias", "4.weight", "4.bias"):
            assert torch.equal(moved[name], members[name])
            continue
        unit = displacement / displacement.norm(dim=1, keepdim=True)
        # the mean of n random unit vectors has length 1 / sqrt(n)
        assert float(unit.mean(0).norm()) < 3 / math.sqrt(len(unit))
        assert float((unit * wanted / wanted.norm(dim=1, keepdim=True)).sum(1).mean().abs()) < 0.2


def test_a_batch_is_small_enough_for_a_layer_that_reads_tokens():
    """Three tokens of a sample are three vectors of length eight: at most two samples are exact."""
    module = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    tokens = INPUTS[:36].view(12, 3, 5)
    problem = Problem(module, tokens, TARGETS[:36].view(12, 3), task="tokens")
    ingredients = Material(Torus(discover(module, tokens)), problem, [parameters(module)], count=2)
    assert ingredients.samples() == 1
    assert [move.exact for move in orbit_moves(ingredients, stream("members"))] == [True, True]


def test_mistakes_are_named():
    with pytest.raises(SymgeomError, match=r"Unknown kind of ensemble 'orbits': choose one of"):
        made("orbits", material())
    with pytest.raises(
        SymgeomError, match="'independent' of 5 members from 4 networks: it needs 5"
    ):
        made("independent", material(4, count=5))
    with pytest.raises(SymgeomError, match="it needs 2, canonical and aligned to the first"):
        made("geodesic", material(1))
    with pytest.raises(SymgeomError, match="Cannot use 0 as the number of members"):
        material(count=0)
    with pytest.raises(SymgeomError, match="Cannot use -1 as the scale of group elements"):
        material(scale=-1)
    with pytest.raises(SymgeomError, match="Unknown unit group 'hidden9'"):
        material(groups=("hidden9",))
    with pytest.raises(SymgeomError, match="as the number of samples in a batch: give a number"):
        material(batch=41)
    shallow = nn.Linear(5, 3).double()
    problem = Problem(shallow, INPUTS, TARGETS)
    nothing = Material(Torus(discover(shallow, INPUTS)), problem, [parameters(shallow)])
    with pytest.raises(
        SymgeomError, match="no unit group of .* lies between linear or convolutional layers"
    ):
        made("orbit", nothing)
    with pytest.raises(SymgeomError, match="Cannot make an ensemble of no network"):
        material(0)
    with pytest.raises(SymgeomError, match="Cannot use these weights in the network"):
        Material(TORUS, PROBLEM, [network(5, 3)])
    raw = [network(*WIDTHS, seed=seed) for seed in range(3)]
    with pytest.raises(SymgeomError, match="Cannot compare directions of vertex 0"):
        made("simplex", Material(TORUS, PROBLEM, raw, count=2))
