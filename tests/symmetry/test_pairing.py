from dataclasses import replace

import pytest
import torch
from cases import mlp_spec, network

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import stack
from symgeom.symmetry.bilinear import leg_powers, leg_products, pairing, pairing_bound
from symgeom.symmetry.group import GroupElement, act
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (4, 5, 3, 2)
SPEC = mlp_spec(*WIDTHS)


def test_products_are_inner_products_of_slices():
    u, v = network(*WIDTHS, seed=0), network(*WIDTHS, seed=1)
    rows = leg_products(SPEC, u, v)
    assert {name: tuple(row.shape) for name, row in rows.items()} == {
        "hidden1": (3, 5),
        "hidden2": (3, 3),
        "head": (2, 1),
    }
    for k in range(3):
        expected = [
            sum(
                float(a) * float(b) for a, b in zip(u["2.weight"][k], v["2.weight"][k], strict=True)
            ),
            float(u["2.bias"][k]) * float(v["2.bias"][k]),
            sum(
                float(a) * float(b)
                for a, b in zip(u["4.weight"][:, k], v["4.weight"][:, k], strict=True)
            ),
        ]
        torch.testing.assert_close(
            rows["hidden2"][:, k], torch.tensor(expected, dtype=torch.float64)
        )


def test_the_pairing_is_the_derivative_of_the_action():
    # <u, M v> with M v the derivative of the scaling exp(t p) of v at t = 0, by central differences.
    legs = (Leg("in", 0), Leg("out", 1, power=-2), Leg("far", 0, power=3, block=2))
    spec = SymmetrySpec((UnitGroup("units", 3, legs),))
    generator = torch.Generator().manual_seed(0)
    u, v = (
        {
            name: torch.randn(shape, generator=generator, dtype=torch.float64)
            for name, shape in shapes.items()
        }
        for shapes in [{"in": (3, 4), "out": (2, 3), "far": (6,)}] * 2
    )

    def scaled(t):
        factor = torch.ones(3, dtype=torch.float64)
        factor[1] = torch.tensor(t, dtype=torch.float64).exp()
        return {
            "in": factor[:, None] * v["in"],
            "out": v["out"] / factor**2,
            "far": (factor**3).repeat_interleave(2) * v["far"],
        }

    slope = (
        sum(float((u[name] * (scaled(1e-5)[name] - scaled(-1e-5)[name])).sum()) for name in u)
        / 2e-5
    )
    assert abs(float(pairing(spec, u, v)["units"][1]) - slope) < 1e-8


def test_it_is_bilinear_and_symmetric():
    u, v, w = (network(*WIDTHS, seed=seed) for seed in range(3))
    mixed = {name: 2 * u[name] - 3 * w[name] for name in u}
    for name, value in pairing(SPEC, mixed, v).items():
        torch.testing.assert_close(
            value,
            2 * pairing(SPEC, v, u)[name] - 3 * pairing(SPEC, w, v)[name],
            rtol=1e-13,
            atol=1e-13,
        )


def test_only_trainable_legs_of_scaled_groups_count():
    legs = (Leg("gain", 0), Leg("mean", 0, buffer=True), Leg("shared", 1, power=-1))
    groups = (UnitGroup("channels", 2, legs), UnitGroup("odd", 2, (Leg("gain", 0),), "sign"))
    spec = SymmetrySpec(groups)
    params = {
        "gain": torch.tensor([1.0, 2.0]),
        "shared": torch.tensor([[3.0, 4.0]]),
    }  # no "mean": it is not looked at
    assert pairing(spec, params, params)["channels"].tolist() == [1 - 9, 4 - 16]
    assert list(pairing(spec, params, params)) == ["channels"]
    assert leg_powers(spec, "channels").tolist() == [[1.0], [-1.0]]


@pytest.mark.parametrize("function", [pairing, leg_products])
def test_stacked_networks(function):
    networks = [network(*WIDTHS, seed=seed) for seed in range(3)]
    stacked = torch.vmap(lambda u: function(SPEC, u, networks[0]))(stack(networks))
    for index, u in enumerate(networks):
        for name, expected in function(SPEC, u, networks[0]).items():
            torch.testing.assert_close(stacked[name][index], expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("function", [pairing, leg_products])
def test_vectors_of_another_architecture_are_refused(function):
    u, wider = network(*WIDTHS), network(7, *WIDTHS[1:])
    message = r"on group 'hidden1': tensor '0.weight' has shape \(5, 4\) in the first and \(5, 7\) in the second"
    with pytest.raises(SymgeomError, match=message):
        function(SPEC, u, wider)
    with pytest.raises(
        SymgeomError,
        match=r"group 'hidden1': leg on tensor '0.weight', axis 0: 5 units need .* which has 4",
    ):
        function(SPEC, u, network(4, 4, 3, 2))
    with pytest.raises(
        SymgeomError,
        match="group 'hidden1': leg on tensor '0.bias', axis 0: the network has no such tensor",
    ):
        function(SPEC, network(*WIDTHS, bias=False), u)


def test_the_matrix_of_a_linear_group_is_the_derivative_of_its_action():
    # <g, (d/dt) exp(t E_jk) v> for every pair of units, by central differences: what a gradient g loses along the orbit of v.
    spec = SymmetrySpec(
        tuple(replace(group, scale="linear") for group in mlp_spec(4, 3, 2).exact().groups)
    )
    g, v = network(4, 3, 2, seed=0), network(4, 3, 2, seed=1)
    found = pairing(spec, v, g)["hidden1"]

    def along(j, k, t):
        matrix = torch.eye(3, dtype=torch.float64)
        matrix[j, k] += t
        moved = act(spec, GroupElement({"hidden1": torch.arange(3)}, {"hidden1": matrix}), v)
        return sum(float((g[name] * moved[name]).sum()) for name in moved)

    for j in range(3):
        for k in range(3):
            slope = (along(j, k, 1e-5) - along(j, k, -1e-5)) / 2e-5
            assert (
                abs(float(found[k, j]) - slope) < 1e-9
            )  # E_jk adds unit k's incoming weights to unit j


@pytest.mark.parametrize("scale", ["positive", "linear"])
def test_no_pairing_exceeds_its_bound_and_parallel_slices_reach_it(scale):
    spec = mlp_spec(*WIDTHS, scale=scale).exact()
    u, v = network(*WIDTHS, seed=0), network(*WIDTHS, seed=1)
    bounds = pairing_bound(spec, u, v)
    for name, found in pairing(spec, u, v).items():
        assert (found.abs() <= bounds[name]).all()
        assert (bounds[name] > 0).all()
    incoming = {
        name: tensor if name in ("0.weight", "0.bias") else torch.zeros_like(tensor)
        for name, tensor in u.items()
    }
    reached = pairing(spec, incoming, incoming)["hidden1"]
    bound = pairing_bound(spec, incoming, incoming)["hidden1"]
    together = reached if scale == "positive" else reached.diagonal()
    torch.testing.assert_close(
        together, bound if scale == "positive" else bound.diagonal(), rtol=1e-14, atol=0
    )
