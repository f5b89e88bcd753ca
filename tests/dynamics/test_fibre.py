"""Moves along the valley: charges are reached, functions stay, and what cannot be reached is
named."""

import pytest
import torch
from cases import batch, lenet, mlp, mlp_spec, network, randomised
from torch import nn

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre import move_on_fibre, unsigned, walk_fibre
from symgeom.dynamics.fibre.mixing_matrix import mixing_to
from symgeom.dynamics.fibre.unit_scales import scales_to
from symgeom.dynamics.fibre.walk import unit_imbalances, walk_elements
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.problem import Problem
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)


def reached(spec, params, target):
    moved, element = move_on_fibre(spec, params, target)
    found = charges(spec, moved)
    for name, goal in target.items():
        size = max(float(tensor.square().sum()) for tensor in moved.values())
        assert float((found[name] - goal).abs().max()) < 1e-12 * size
    return moved, element


def outputs_stay(module, params, moved, inputs):
    problem = Problem(module, inputs, torch.zeros(len(inputs), dtype=torch.int64))
    before, after = problem.outputs(params), problem.outputs(moved)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-12 * float(before.abs().max()))


def normal(name, *shape):
    return torch.randn(shape, generator=stream(name), dtype=torch.float64)


@pytest.mark.parametrize("size", [0.0, 1.0, 30.0])
def test_units_of_all_layers_reach_their_charges_together(size):
    spec, params, module = mlp_spec(*WIDTHS), network(*WIDTHS), mlp(*WIDTHS)
    target = {
        name: size * normal(name, len(values)) for name, values in charges(spec, params).items()
    }
    moved, element = reached(spec, params, target)
    outputs_stay(module, params, moved, batch(20, 5, 3)[0])
    assert all((scales > 0).all() for scales in element.scales.values())


def test_the_balanced_network_is_the_shortest_of_its_orbit():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    balanced, _ = reached(
        spec, params, {name: 0 * values for name, values in charges(spec, params).items()}
    )

    def length(theta):
        return sum(float(tensor.square().sum()) for tensor in theta.values())

    assert length(balanced) < length(params)
    for seed in range(5):
        target = {
            name: 1e-2 * normal(f"{name} {seed}", len(values))
            for name, values in charges(spec, balanced).items()
        }
        assert length(move_on_fibre(spec, balanced, target)[0]) > length(balanced)


def test_to_its_own_charges_a_network_does_not_move():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    moved, element = move_on_fibre(spec, params, charges(spec, params))
    assert all(torch.equal(moved[name], tensor) for name, tensor in params.items())
    assert all((scales == 1).all() for scales in element.scales.values())


def test_channels_of_convolutions_are_balanced():
    module = randomised(lenet())
    inputs = normal("images", 4, 1, 8, 8)
    spec, params = discover(module, inputs), parameters(module)
    moved, element = reached(
        spec, params, {name: 0 * values for name, values in charges(spec, params).items()}
    )
    assert all(
        (scales != 1).any()
        for name, scales in element.scales.items()
        if name in charges(spec, params)
    )
    outputs_stay(module, params, moved, inputs)


def test_other_powers_are_solved_unit_by_unit():
    powers, lengths = torch.tensor([1.0, 3.0, -2.0]), normal("lengths", 3, 8).square()
    goal = 10 * normal("goal", 8)
    scales = scales_to(powers, lengths, goal, what="h")
    found = sum(p * lengths[row] * scales ** (2 * p) for row, p in enumerate(powers.tolist()))
    torch.testing.assert_close(found, goal, rtol=1e-12, atol=1e-12)
    assert scales_to(
        powers, torch.zeros(3, 1).double(), torch.zeros(1).double(), what="h"
    ).tolist() == [1.0]


@pytest.mark.parametrize("scale", ["positive", "linear"])
def test_a_walk_goes_through_balance_at_one_function(scale):
    widths, activation = ((6, 4, 7), nn.Identity) if scale == "linear" else ((6, 5, 4, 7), nn.ReLU)
    spec, params, module = (
        mlp_spec(*widths, scale=scale),
        network(*widths),
        mlp(*widths, activation=activation),
    )
    there = [-2.0, 0.0, 0.5]
    places = walk_fibre(spec, params, there)
    sizes = charges(unsigned(spec), places[1])
    for imbalance, place in zip(there, places, strict=True):
        outputs_stay(module, params, place, normal("inputs", 10, 6))
        for name, found in charges(spec, place).items():
            torch.testing.assert_close(found, imbalance * sizes[name], rtol=1e-9, atol=1e-9)


def test_units_with_weights_on_one_side_keep_their_charge():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    params["4.weight"][:, 2] = 0
    params["2.weight"][3], params["2.bias"][3] = 0, 0
    params["4.weight"][:, 4], params["2.weight"][4], params["2.bias"][4] = 0, 0, 0
    balanced, far = walk_fibre(spec, params, [0.0, 3.0])
    found = charges(spec, far)["hidden2"]
    assert float(found[4]) == 0
    assert float(charges(spec, balanced)["hidden2"][2]) == pytest.approx(float(found[2]))
    assert float(found[3]) == pytest.approx(float(charges(spec, params)["hidden2"][3]))
    assert (found[[0, 1, 5]] > 0).all()


def test_single_precision_stays_single():
    spec, params = mlp_spec(*WIDTHS), cast(network(*WIDTHS), torch.float32)
    moved, _ = move_on_fibre(spec, params, {"hidden1": torch.zeros(7)})
    assert {tensor.dtype for tensor in moved.values()} == {torch.float32}
    assert float(charges(spec, moved)["hidden1"].abs().max()) < 1e-6
    assert torch.equal(moved["4.weight"], params["4.weight"])


@pytest.mark.parametrize("size", [0.0, 1.0, 10.0])
def test_linear_units_reach_any_symmetric_matrix(size):
    """As many incoming and outgoing weights as units: both sides reach every direction."""
    widths = (6, 4, 5)
    spec, params, module = (
        mlp_spec(*widths, scale="linear"),
        network(*widths),
        mlp(*widths, activation=nn.Identity),
    )
    target = size * normal("target", 4, 4)
    moved, element = reached(spec, params, {"hidden1": target + target.T})
    outputs_stay(module, params, moved, batch(20, 6, 5)[0])
    assert element.scales["hidden1"].shape == (4, 4)


def test_wide_linear_units_reach_what_their_ranks_allow():
    """Eight units read three inputs and a bias, and two outputs read them: at most 4 positive and
    2 negative eigenvalues."""
    widths = (3, 8, 2)
    spec, params, module = (
        mlp_spec(*widths, scale="linear"),
        network(*widths),
        mlp(*widths, activation=nn.Identity),
    )
    rotation, _ = torch.linalg.qr(normal("rotation", 8, 8))
    values = torch.tensor([5.0, 3.0, 0.5, 0.1, 0, 0, -0.2, -4.0], dtype=torch.float64)
    moved, _ = reached(spec, params, {"hidden1": rotation @ values.diag() @ rotation.T})
    outputs_stay(module, params, moved, batch(20, 3, 2)[0])
    for values in (
        [1.0, 1, 1, 1, 1, 0, -1, -1],
        [1.0, 1, 0, 0, 0, -1, -1, -1],
        [1.0, 1, 1, 1, 1, 1, 1, 1],
    ):
        goal = rotation @ torch.tensor(values).double().diag() @ rotation.T
        with pytest.raises(
            SymgeomError,
            match=r"'hidden1' to a matrix with \d positive, \d zero and \d negative eigenvalues",
        ):
            move_on_fibre(spec, params, {"hidden1": goal})


@pytest.mark.parametrize(
    ("inner", "outer"), [(2, 2), (4, 1), (1, 4), (6, 6), (3, 5), (0, 2), (3, 0), (5, 5)]
)
def test_the_diagonal_form_holds_for_every_rank(inner, outer):
    size = 6
    incoming, outgoing = (
        rows @ rows.T for rows in (normal("in", size, inner), normal("out", size, outer))
    )
    goal = incoming - outgoing
    g = mixing_to(incoming, outgoing, goal, what="h")
    inverse = torch.linalg.inv(g)
    charge = g @ incoming @ g.T - inverse.T @ outgoing @ inverse
    torch.testing.assert_close(
        charge, goal, rtol=0, atol=1e-10 * float(incoming.norm() + outgoing.norm())
    )


def test_layers_of_a_linear_network_are_balanced_one_against_the_other():
    widths = (4, 3, 3, 4)
    spec, params, module = (
        mlp_spec(*widths, scale="linear"),
        network(*widths),
        mlp(*widths, activation=nn.Identity),
    )
    moved, _ = reached(
        spec, params, {name: 0 * values for name, values in charges(spec, params).items()}
    )
    assert not any(
        torch.equal(moved[name], params[name]) for name in ("0.weight", "2.weight", "4.weight")
    )
    outputs_stay(module, params, moved, batch(20, 4, 4)[0])


def test_what_cannot_be_reached_is_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    params["2.weight"][:, 3] = 0
    with pytest.raises(
        SymgeomError, match="unit 3 of group 'hidden1' to charge 0: .* coming in and 0 going out"
    ):
        move_on_fibre(spec, params, {"hidden1": torch.zeros(7)})
    with pytest.raises(SymgeomError, match=r"charges of \['head'\]"):
        move_on_fibre(spec, params, {"head": torch.zeros(1)})
    with pytest.raises(SymgeomError, match=r"shape \(6,\) in group 'hidden1'"):
        move_on_fibre(spec, params, {"hidden1": torch.zeros(6)})
    with pytest.raises(SymgeomError, match="NaN or infinite"):
        move_on_fibre(spec, params, {"hidden1": torch.full((7,), torch.inf)})
    linear = SymmetrySpec(
        (UnitGroup("hidden1", 7, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1)), "linear"),)
    )
    with pytest.raises(SymgeomError, match="not symmetric"):
        move_on_fibre(linear, params, {"hidden1": torch.ones(7, 7).triu()})
    alone = SymmetrySpec((UnitGroup("norm", 7, (Leg("0.weight", 0),)),))
    with pytest.raises(SymgeomError, match="charge -1: "):
        move_on_fibre(alone, params, {"norm": -torch.ones(7)})


def test_units_come_back_to_their_own_imbalances():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    params = {name: tensor.clone() for name, tensor in params.items()}
    params["0.weight"][2] = 0  # a unit without weights, and one without outgoing ones
    params["0.bias"][2] = 0
    params["2.weight"][:, 2:4] = 0
    (balanced,) = walk_fibre(spec, params, [0.0])
    (element,) = walk_elements(spec, balanced, [unit_imbalances(spec, params)])
    for name, tensor in act(spec, element, balanced).items():
        torch.testing.assert_close(tensor, params[name], rtol=1e-10, atol=1e-12)
    imbalances = unit_imbalances(spec, params)["hidden1"]
    assert imbalances[2:4].tolist() == [0.0, 1.0]
