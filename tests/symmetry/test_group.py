import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from hypothesis import given, settings
from hypothesis import strategies as st
from references import act_leg_by_leg
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, stack, unstack
from symgeom.symmetry.group import (
    GroupElement,
    act,
    compose,
    extend,
    identity,
    inverse,
    random_element,
    restricted,
)
from symgeom.symmetry.group.action import act_within
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (4, 5, 3, 2)
ROUNDING = 1e-12  # relative: inverses of matrices whose condition is below 1e3


def assembled():
    """Every kind of leg at once: maps flattened either way, regions, running statistics with eps, a
    second matrix group."""
    groups = (
        UnitGroup(
            "channels",
            3,
            (
                Leg("kernel", 0),
                Leg("gain", 0),
                Leg("variance", 0, power=2, buffer=True, shift=1e-2),
                Leg("flat", 1, power=-1, block=2),
                Leg("last", 0, power=-1, outer=2, start=1),
                Leg("grouped", 1, power=-2, region=((0, 0, 2),)),
            ),
        ),
        UnitGroup("heads", 2, (Leg("query", 0), Leg("key", 0, power=-1)), "linear", permute=False),
        UnitGroup("odd", 2, (Leg("flat", 0), Leg("query", 1, power=-1, start=1)), "sign"),
        UnitGroup("fixed", 4, (Leg("table", 1),), "none"),
    )
    shapes = {
        "kernel": (3, 2, 2),
        "gain": (3,),
        "variance": (3,),
        "flat": (2, 6),
        "last": (7, 2),
        "grouped": (4, 3),
    }
    shapes |= {"query": (2, 3), "key": (2, 4), "table": (2, 4), "other": (2,)}
    generator = stream("assembled")
    return SymmetrySpec(groups), {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).abs()
        for name, shape in shapes.items()
    }


def further_scalings():
    """Units that one group permutes and two others scale: a kept batch norm, as discovered, and
    with the scaling listed first."""
    kept = Leg("norm", 0, power=0), Leg("next", 1, power=0)
    rows = UnitGroup("rows", 5, (Leg("weight", 0), Leg("mean", 0, buffer=True), *kept), "positive")
    pair = UnitGroup(
        "rows.scale1", 5, (Leg("norm", 0), Leg("next", 1, power=-1)), "positive", permute=False
    )
    odd = UnitGroup("columns.sign", 4, (Leg("weight", 1),), "sign", permute=False)
    columns = UnitGroup("columns", 4, (Leg("weight", 1, power=0),), "none")
    shapes = {"weight": (5, 4), "mean": (5,), "norm": (5,), "next": (2, 5)}
    generator = stream("further")
    return SymmetrySpec((odd, rows, pair, columns)), {
        name: torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }


CASES = {
    "positive": lambda: (mlp_spec(*WIDTHS), network(*WIDTHS)),
    "sign": lambda: (mlp_spec(*WIDTHS, scale="sign"), network(*WIDTHS)),
    "linear": lambda: (mlp_spec(*WIDTHS, scale="linear").exact(), network(*WIDTHS)),
    "without biases": lambda: (mlp_spec(*WIDTHS, bias=False), network(*WIDTHS, bias=False)),
    "assembled": assembled,
    "further scalings": further_scalings,
}
CASE_AND_SEED = given(st.sampled_from(sorted(CASES)), st.integers(0, 2**31))
LAWS = settings(max_examples=40, deadline=None, derandomize=True)


def elements(spec, seed, count):
    return [
        random_element(spec, generator=stream("element", seed, number)) for number in range(count)
    ]


def assert_same_network(found, expected):
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=ROUNDING, atol=ROUNDING)


def assert_same_element(found, expected):
    for name, permutation in expected.permutations.items():
        assert torch.equal(found.permutations[name], permutation)
        torch.testing.assert_close(
            found.scales[name], expected.scales[name], rtol=ROUNDING, atol=ROUNDING
        )


@CASE_AND_SEED
@LAWS
def test_acting_twice_is_acting_with_the_product(case, seed):
    spec, params = CASES[case]()
    first, second = elements(spec, seed, 2)
    assert_same_network(
        act(spec, compose(spec, second, first), params), act(spec, second, act(spec, first, params))
    )


@CASE_AND_SEED
@LAWS
def test_the_inverse_undoes(case, seed):
    spec, params = CASES[case]()
    (element,) = elements(spec, seed, 1)
    assert_same_network(act(spec, inverse(spec, element), act(spec, element, params)), params)
    assert_same_element(compose(spec, inverse(spec, element), element), identity(spec))
    assert_same_element(compose(spec, element, inverse(spec, element)), identity(spec))


@CASE_AND_SEED
@LAWS
def test_products_are_associative_and_reverse_under_inversion(case, seed):
    spec, _ = CASES[case]()
    a, b, c = elements(spec, seed, 3)
    assert_same_element(
        compose(spec, compose(spec, a, b), c), compose(spec, a, compose(spec, b, c))
    )
    assert_same_element(
        inverse(spec, compose(spec, a, b)), compose(spec, inverse(spec, b), inverse(spec, a))
    )


@CASE_AND_SEED
@LAWS
def test_the_action_is_that_of_its_legs_one_by_one_to_the_last_bit(case, seed):
    spec, params = CASES[case]()
    (element,) = elements(spec, seed, 1)
    permutes = GroupElement(element.permutations, identity(spec).scales)
    scales = GroupElement(identity(spec).permutations, element.scales)
    for given_element in (element, permutes, scales):
        found, expected = (
            act(spec, given_element, params),
            act_leg_by_leg(spec, given_element, params),
        )
        assert all(torch.equal(found[name], expected[name]) for name in params)


@pytest.mark.parametrize("case", CASES)
def test_pieces_and_used_memory_change_no_bit(case, monkeypatch):
    """Large tensors are permuted piece by piece, and a network may take the memory of another."""
    spec, params = CASES[case]()
    monkeypatch.setattr("symgeom.symmetry.group.action.PIECE", 2)
    before = {name: tensor.clone() for name, tensor in params.items()}
    memory = {}
    for element in elements(spec, 3, 3):
        expected = act_leg_by_leg(spec, element, params)
        moved = act_within(spec, element, params, memory)
        assert all(torch.equal(moved[name], expected[name]) for name in params)
        memory = {name: moved[name] for name in moved if moved[name] is not params[name]}
    assert all(torch.equal(params[name], before[name]) for name in params)


def test_gradients_pass_through_the_action():
    spec, params = assembled()
    (element,) = elements(spec, 0, 1)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in params.items()}
    weights = {
        name: torch.randn(tensor.shape, generator=stream("cotangent"), dtype=tensor.dtype)
        for name, tensor in params.items()
    }
    pulled = []
    for action in (act, act_leg_by_leg):
        moved = action(spec, element, leaves)
        loss = sum((weights[name] * moved[name] ** 2).sum() for name in moved)
        pulled.append(torch.autograd.grad(loss, list(leaves.values())))
    for found, expected in zip(*pulled, strict=True):
        torch.testing.assert_close(found, expected, rtol=ROUNDING, atol=ROUNDING)


def test_a_tensor_that_is_laid_out_in_another_way_moves_alike():
    """Transposed, expanded, and with its channels last."""
    legs = (Leg("flat", 1, block=2), Leg("maps", 1, power=-1))
    spec = SymmetrySpec(
        (UnitGroup("units", 3, legs), UnitGroup("out", 4, (Leg("maps", 0), Leg("wide", 1))))
    )
    generator = stream("layout")
    maps = torch.randn(4, 3, 2, 2, generator=generator, dtype=torch.float64)
    params = {
        "flat": torch.randn(6, 5, generator=generator, dtype=torch.float64).T,
        "maps": maps.contiguous(memory_format=torch.channels_last),
        "wide": torch.randn(1, 4, generator=generator, dtype=torch.float64).expand(3, 4),
    }
    before = {name: tensor.clone() for name, tensor in params.items()}
    (element,) = elements(spec, 0, 1)
    found, expected = act(spec, element, params), act_leg_by_leg(spec, element, before)
    assert all(
        torch.equal(found[name], expected[name]) and torch.equal(params[name], before[name])
        for name in params
    )


@pytest.mark.parametrize("case", CASES)
def test_the_identity_changes_nothing_at_all(case):
    spec, params = CASES[case]()
    found = act(spec, identity(spec), params)
    # A shifted leg adds and subtracts its eps.
    assert all(torch.equal(found[name], params[name]) for name in params if name != "variance")
    (element,) = elements(spec, 0, 1)
    for product in (compose(spec, identity(spec), element), compose(spec, element, identity(spec))):
        assert_same_element(product, element)


ACTIVATIONS = {"positive": nn.ReLU, "sign": nn.Tanh, "linear": nn.Identity}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", ACTIVATIONS)
def test_the_action_is_a_symmetry_of_the_function(scale, seed):
    spec, params = mlp_spec(*WIDTHS, scale=scale).exact(), network(*WIDTHS, seed=seed)
    module, inputs = mlp(*WIDTHS, activation=ACTIVATIONS[scale]), batch(30, 4, 2)[0]
    (element,) = elements(spec, seed, 1)
    moved = act(spec, element, params)
    assert float((moved["2.weight"] - params["2.weight"]).norm() / params["2.weight"].norm()) > 0.1
    before, after = (
        torch.func.functional_call(module, theta, (inputs,)) for theta in (params, moved)
    )
    torch.testing.assert_close(after, before, rtol=ROUNDING, atol=ROUNDING)


def test_units_are_permuted_first_and_scaled_second():
    spec, params = mlp_spec(2, 3, 1).exact(), network(2, 3, 1)
    order, scale = torch.tensor([2, 0, 1]), torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    moved = act(spec, GroupElement({"hidden1": order}, {"hidden1": scale}), params)
    for k in range(3):
        assert torch.equal(moved["0.weight"][k], scale[k] * params["0.weight"][order[k]])
        assert torch.equal(moved["0.bias"][k], scale[k] * params["0.bias"][order[k]])
        torch.testing.assert_close(
            moved["2.weight"][:, k], params["2.weight"][:, order[k]] / scale[k], rtol=1e-15, atol=0
        )
    assert torch.equal(moved["2.bias"], params["2.bias"])


def test_running_statistics_move_with_their_eps():
    spec, params = assembled()
    scale = torch.tensor([2.0, 1.0, 3.0], dtype=torch.float64)
    moved = act(spec, GroupElement({"channels": torch.arange(3)}, {"channels": scale}), params)
    torch.testing.assert_close(
        moved["variance"] + 1e-2, scale**2 * (params["variance"] + 1e-2), rtol=1e-14, atol=0
    )
    assert torch.equal(moved["grouped"][2:], params["grouped"][2:])  # outside of the leg's region
    assert torch.equal(moved["last"][0], params["last"][0])


def test_random_elements_belong_to_the_group():
    spec, _ = assembled()
    element = random_element(spec, generator=stream("spread"), spread=0.2)
    assert float(element.scales["channels"].min()) > 0
    assert set(element.scales["odd"].tolist()) <= {-1.0, 1.0}
    assert element.scales["fixed"].tolist() == [1.0] * 4
    assert float(torch.linalg.det(element.scales["heads"])) > 0
    assert element.permutations["heads"].tolist() == [0, 1]
    wide = SymmetrySpec((UnitGroup("wide", 4000, (Leg("w", 0),)),))
    logs = random_element(wide, generator=stream("spread"), spread=0.2).scales["wide"].log()
    assert abs(float(logs.mean())) < 4 * 0.2 / 4000**0.5
    assert abs(float(logs.std()) / 0.2 - 1) < 4 / 8000**0.5


def test_groups_that_are_not_named_are_left_alone():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    partial = GroupElement(
        {"hidden2": torch.tensor([1, 2, 0])},
        {"hidden2": torch.full((3,), 2.0, dtype=torch.float64)},
    )
    moved = act(spec, partial, params)
    assert torch.equal(moved["0.weight"], params["0.weight"])
    whole = extend(spec, partial)
    assert sorted(whole.permutations) == ["head", "hidden1", "hidden2"]
    assert_same_network(act(spec, whole, params), moved)


def test_precision_and_inputs_are_kept():
    spec, params = mlp_spec(*WIDTHS), cast(network(*WIDTHS), torch.float32)
    copy = {name: tensor.clone() for name, tensor in params.items()}
    moved = act(spec, elements(spec, 0, 1)[0], params)
    assert {tensor.dtype for tensor in moved.values()} == {torch.float32}
    assert all(torch.equal(params[name], copy[name]) for name in params)


def test_one_element_acts_on_stacked_networks():
    spec, networks = mlp_spec(*WIDTHS), [network(*WIDTHS, seed=seed) for seed in range(3)]
    (element,) = elements(spec, 0, 1)
    moved = torch.vmap(lambda params: act(spec, element, params))(stack(networks))
    for found, params in zip(unstack(moved), networks, strict=True):
        assert_same_network(found, act(spec, element, params))


FAULTS = {
    "negative scale": (
        "positive",
        [0, 1, 2],
        [1.0, -1.0, 1.0],
        r"its scale is 'positive', which the given scales \(from -1 to 1\)",
    ),
    "zero scale": ("positive", [0, 1, 2], [1.0, 0.0, 1.0], "its scale is 'positive'"),
    "infinite scale": ("positive", [0, 1, 2], [1.0, torch.inf, 1.0], "its scale is 'positive'"),
    "undefined scale": ("positive", [0, 1, 2], [1.0, torch.nan, 1.0], "its scale is 'positive'"),
    "no sign": ("sign", [0, 1, 2], [1.0, -1.0, 2.0], "its scale is 'sign'"),
    "a scale where there is none": ("none", [0, 1, 2], [1.0, 1.0, 2.0], "its scale is 'none'"),
    "infinite matrix": ("linear", [0, 1, 2], [[torch.inf] * 3] * 3, "its scale is 'linear'"),
    "no matrix": (
        "linear",
        [0, 1, 2],
        [1.0, 1.0, 1.0],
        r"scales of shape \(3,\): .* and scales of shape \(3, 3\)",
    ),
    "too few scales": (
        "positive",
        [0, 1, 2],
        [1.0, 1.0],
        r"and scales of shape \(2,\): give each of the numbers 0 to 2 once",
    ),
    "too few units": ("positive", [0, 1], [1.0, 1.0, 1.0], r"permutation \[0, 1\]"),
    "a unit twice": (
        "positive",
        [0, 1, 1],
        [1.0, 1.0, 1.0],
        r"'hidden2' with permutation \[0, 1, 1\]",
    ),
    "no such unit": (
        "positive",
        [0, 1, 3],
        [1.0, 1.0, 1.0],
        "give each of the numbers 0 to 2 once",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_in_the_group_is_refused(fault):
    scale, permutation, scales, message = FAULTS[fault]
    spec = mlp_spec(*WIDTHS, scale=scale)
    element = GroupElement(
        {"hidden2": torch.tensor(permutation)},
        {"hidden2": torch.tensor(scales, dtype=torch.float64)},
    )
    with pytest.raises(SymgeomError, match=message):
        act(spec, element, network(*WIDTHS))


def test_weights_that_are_not_finite_are_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    for value in (torch.nan, torch.inf, -torch.inf):
        params["2.weight"][1, 2] = value
        with pytest.raises(
            SymgeomError,
            match="Cannot use the network to act on: tensor '2.weight' holds 1 values that are NaN "
            "or",
        ):
            act(spec, elements(spec, 0, 1)[0], params)
    # What no leg moves is not looked at.
    head = SymmetrySpec((spec["head"],))
    assert act(head, identity(head), params)["2.weight"].isinf().any()


def test_groups_that_the_spec_has_not_are_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    element = identity(spec)
    misspelt = GroupElement({"hiden1": torch.arange(5)}, {"hiden1": torch.ones(5)})
    for fails in (
        lambda: act(spec, misspelt, params),
        lambda: act(spec.exact(), element, params),
        lambda: compose(spec.exact(), element, second=element),
        lambda: inverse(spec.exact(), element),
    ):
        with pytest.raises(SymgeomError, match=r"names the groups \['(hiden1|head)'\]"):
            fails()
    allowed = restricted(spec.exact(), element)
    moved = act(spec.exact(), allowed, params)
    assert all(map(torch.equal, moved.values(), params.values()))


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex128])
def test_weights_that_are_not_real_are_refused(dtype):
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    params["2.bias"] = params["2.bias"].to(dtype)
    with pytest.raises(SymgeomError, match=f"'2.bias'.* {dtype}.* real (weights|numbers)"):
        act(spec, identity(spec), params)


def test_an_element_that_names_a_group_by_half_is_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    whole = identity(spec)
    without_scales = GroupElement(whole.permutations, {"hidden1": whole.scales["hidden1"]})
    without_permutations = GroupElement({}, whole.scales)
    message = (
        r"Cannot use the group element on group 'hidden2': it has .* scales of \['hidden1'\]. "
        r"Give both for every group"
    )
    for fails in (
        lambda: act(spec, without_scales, params),
        lambda: compose(spec, whole, without_scales),
        lambda: compose(spec, without_scales, whole),
        lambda: inverse(spec, without_scales),
    ):
        with pytest.raises(SymgeomError, match=message):
            fails()
    with pytest.raises(
        SymgeomError, match=r"on group 'hidden1': it has permutations of \[\] and scales of"
    ):
        act(spec, without_permutations, params)


def test_units_that_cannot_be_permuted_and_specs_that_do_not_fit_are_refused():
    spec, params = assembled()
    swapped = GroupElement(
        {"heads": torch.tensor([1, 0])}, {"heads": torch.eye(2, dtype=torch.float64)}
    )
    with pytest.raises(
        SymgeomError,
        match="'heads' with permutation .* give each of the numbers 0 to 1 once, in order, and",
    ):
        act(spec, swapped, params)
    with pytest.raises(
        SymgeomError, match="leg on tensor '0.weight', axis 0: the network has no such tensor"
    ):
        act(mlp_spec(*WIDTHS), identity(mlp_spec(*WIDTHS)), params)
