"""The members of every kind of ensemble."""

import math

import pytest
import torch
from cases import batch, mlp, network
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, stack, unstack
from symgeom.landscape.problem import Problem
from symgeom.neighbours.ensembles import (
    KINDS,
    EnsembleMaterial,
    ensemble_members,
    mean_prediction,
    member_log_probabilities,
    random_displacements,
)
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


def material(networks: int = 1, **options: object) -> EnsembleMaterial:
    """Return aligned networks as material."""
    return EnsembleMaterial(TORUS, PROBLEM, VERTICES[:networks], **options)


def made(kind: str, ingredients: EnsembleMaterial) -> dict[str, torch.Tensor]:
    """Return the members of a kind."""
    return ensemble_members(kind, ingredients, generator=stream("members"))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_stacked_networks_in_the_precision_of_the_networks(name: str):
    kind = KINDS[name]
    for dtype in (torch.float64, torch.float32):
        vertices = [cast(vertex, dtype) for vertex in VERTICES]
        few = vertices[: kind.networks_needed(3)]
        ingredients = EnsembleMaterial(TORUS, PROBLEM.cast(dtype), few, count=3)
        members = made(name, ingredients)
        assert {tensor.dtype for tensor in members.values()} == {dtype}
        assert {len(tensor) for tensor in members.values()} == {3}
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
    ingredients = EnsembleMaterial(
        Torus(discover(module, INPUTS)), problem, [params], count=4, scale=1.0
    )
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
        made("linear_orbit", EnsembleMaterial(torus, problem, [network(*WIDTHS)]))


def test_independent_members_are_the_networks():
    members = made("independent", material(4, count=3))
    for member, vertex in zip(unstack(members), VERTICES, strict=False):
        assert all(torch.equal(member[name], vertex[name]) for name in vertex)


def test_members_along_the_geodesic_are_its_points():
    members = unstack(made("geodesic", material(2, count=5)))
    for number, member in enumerate(members):
        point = TORUS.geodesic(*VERTICES[:2], number / 4)
        for name in point:
            torch.testing.assert_close(member[name], point[name], rtol=0, atol=ROUNDING)


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
    with pytest.raises(SymgeomError, match="Cannot make an ensemble of no network"):
        material(0)
    with pytest.raises(SymgeomError, match="Cannot use these weights in the network"):
        EnsembleMaterial(TORUS, PROBLEM, [network(5, 3)])
    raw = [network(*WIDTHS, seed=seed) for seed in range(3)]
    with pytest.raises(SymgeomError, match="Cannot compare directions of vertex 0"):
        made("simplex", EnsembleMaterial(TORUS, PROBLEM, raw, count=2))
