import math

import numpy as np
import pytest
import torch
from cases import ARCHITECTURES, Block, batch, lenet, mlp, mlp_spec, network, randomised
from references import pivoted_cholesky
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.quotient.gauge import absorb_constant_inputs, canonicalise
from symgeom.quotient.torus import sphere_coordinates
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, identity, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
ROUNDING = 1e-12  # a few hundred operations in float64


def outputs(params):
    inputs, _ = batch(40, WIDTHS[0], WIDTHS[-1])
    return torch.func.functional_call(mlp(*WIDTHS), params, (inputs,))


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


def test_every_unit_lies_on_its_sphere():
    canonical = canonicalise(mlp_spec(*WIDTHS), network(*WIDTHS)).parameters
    for rows in sphere_coordinates(mlp_spec(*WIDTHS), canonical).values():
        torch.testing.assert_close(
            rows.norm(dim=1), torch.ones(len(rows), dtype=torch.float64), rtol=0, atol=1e-14
        )


def test_the_function_is_kept_without_the_head_and_its_order_with_it():
    params, spec = network(*WIDTHS), mlp_spec(*WIDTHS)
    exact = canonicalise(spec.exact(), params).parameters
    assert relative(outputs(exact), outputs(params)) < ROUNDING
    headed = outputs(canonicalise(spec, params).parameters)
    assert torch.equal(headed.argmax(1), outputs(params).argmax(1))
    ratio = headed / outputs(params)
    assert float(ratio.max() - ratio.min()) < ROUNDING  # one common factor


@pytest.mark.parametrize("bias_in_norm", [True, False])
def test_idempotent_and_constant_on_scale_orbits(bias_in_norm):
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    first = canonicalise(spec, params, bias_in_norm=bias_in_norm).parameters
    again = canonicalise(spec, first, bias_in_norm=bias_in_norm).parameters
    element = random_element(spec, generator=stream("gauge"), spread=2.0)
    unpermuted = type(element)(
        {name: p.sort().values for name, p in element.permutations.items()}, element.scales
    )
    moved = canonicalise(spec, act(spec, unpermuted, params), bias_in_norm=bias_in_norm).parameters
    for name in first:
        torch.testing.assert_close(again[name], first[name], rtol=ROUNDING, atol=ROUNDING)
        torch.testing.assert_close(moved[name], first[name], rtol=ROUNDING, atol=ROUNDING)


def test_the_returned_element_leads_there():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    canonical = canonicalise(spec, params)
    for name, tensor in act(spec, canonical.element, params).items():
        torch.testing.assert_close(tensor, canonical.parameters[name], rtol=ROUNDING, atol=ROUNDING)


def test_signs_of_odd_activations_are_fixed():
    spec, params = mlp_spec(*WIDTHS, scale="sign").exact(), network(*WIDTHS)
    signs = random_element(spec, generator=stream("signs"))
    signs = type(signs)(
        {name: p.sort().values for name, p in signs.permutations.items()}, signs.scales
    )
    first, second = (
        canonicalise(spec, theta).parameters for theta in (params, act(spec, signs, params))
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_inputs_are_not_modified():
    params = network(*WIDTHS)
    copy = {name: tensor.clone() for name, tensor in params.items()}
    canonicalise(mlp_spec(*WIDTHS), params)
    assert all(torch.equal(params[name], copy[name]) for name in params)


def with_dead_unit(unit):
    params = network(*WIDTHS)
    params["0.weight"][unit] = 0
    params["0.bias"][unit] = 0
    return params


def test_a_dead_unit_is_named():
    with pytest.raises(
        SymgeomError, match=r"units \[3\] of group 'hidden1'.*incoming weights are all zero"
    ):
        canonicalise(mlp_spec(*WIDTHS), with_dead_unit(3))


def test_a_dead_unit_is_dropped_on_request_without_changing_the_function():
    params = with_dead_unit(3)
    canonical = canonicalise(mlp_spec(*WIDTHS).exact(), params, dead_units="drop")
    assert canonical.dead == {"hidden1": [3], "hidden2": []}
    assert float(canonical.parameters["2.weight"][:, 3].abs().max()) == 0
    assert relative(outputs(canonical.parameters), outputs(params)) < ROUNDING


def test_a_unit_that_is_fed_by_dead_units_only_is_dead_too():
    params = network(5, 2, 3, 2)
    for name, units in (("0.weight", [0]), ("0.bias", [0]), ("2.bias", [1])):
        params[name][units] = 0
    params["2.weight"][1, 1] = 0
    canonical = canonicalise(mlp_spec(5, 2, 3, 2).exact(), params, dead_units="drop")
    assert canonical.dead == {"hidden1": [0], "hidden2": [1]}
    assert not canonical.parameters["4.weight"][:, 1].any()


def test_bad_requests_are_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    with pytest.raises(SymgeomError, match="Unknown treatment of dead units 'ignore'"):
        canonicalise(spec, params, dead_units="ignore")
    with pytest.raises(SymgeomError, match="Unknown gauge of residual streams 'last'"):
        canonicalise(spec, params, stream="last")
    for threshold in (-0.1, 1.0):
        with pytest.raises(
            SymgeomError,
            match=f"Cannot use the importance threshold {threshold}: give a share from 0",
        ):
            canonicalise(spec, params, importance_threshold=threshold)
    with pytest.raises(SymgeomError, match="tensor '2.bias' holds 1 values that are NaN"):
        canonicalise(
            spec,
            params | {"2.bias": torch.full((6,), 1.0).index_fill(0, torch.tensor([2]), torch.nan)},
        )


# which weights fix a scale


def test_groups_in_the_wrong_order_are_refused():
    """From output to input, the incoming weights of each group are rescaled later by the group
    before it."""
    spec = SymmetrySpec(tuple(reversed(mlp_spec(*WIDTHS).exact().groups)))
    with pytest.raises(
        SymgeomError,
        match=r"Cannot fix the scale of group 'hidden2'.*\['2.bias', '2.weight'\] is also rescaled",
    ):
        canonicalise(spec, network(*WIDTHS))


def residual(amplification=None):
    """Return spec and weights of h + relu network in h; with the spectral radius of the squared
    block, if asked for."""
    build, shape, *_ = ARCHITECTURES["residual"]
    module = randomised(build())
    params, spec = parameters(module), discover(module, torch.zeros(2, *shape).double())
    if amplification is not None:
        block = params["b.weight"].square() @ params["a.weight"].square()
        radius = float(torch.linalg.eigvals(block).abs().max())
        params["b.weight"] *= math.sqrt(amplification / radius)
    return module, spec.exact(), params


def test_the_first_writer_of_a_stream_fixes_its_scale():
    _, spec, params = residual()
    canonical = canonicalise(spec, params).parameters
    lengths = torch.cat([params["stem.weight"], params["stem.bias"][:, None]], 1).norm(dim=1)
    torch.testing.assert_close(
        canonical["stem.weight"], params["stem.weight"] / lengths[:, None], rtol=ROUNDING, atol=0
    )
    inner = torch.cat([params["a.weight"] * lengths, params["a.bias"][:, None]], 1).norm(dim=1)
    expected = params["b.weight"] * inner / lengths[:, None]
    torch.testing.assert_close(canonical["b.weight"], expected, rtol=ROUNDING, atol=0)


@pytest.mark.parametrize("amplification", [0.1, 0.9, 0.97])
def test_all_writers_of_a_stream_against_the_solution_of_the_linear_equations(amplification):
    """x = s**-2 of the stream, y = t**-2 of the block: x = |stem|^2 + |b.bias|^2 + B^2 y and y
    = A^2 x + |a.bias|^2."""
    _, spec, params = residual(amplification)
    canonical = canonicalise(spec, params, stream="all").parameters
    square = {name: tensor**2 for name, tensor in params.items()}
    down, up = square["a.weight"], square["b.weight"]
    constant = (
        square["stem.weight"].sum(1)
        + square["stem.bias"]
        + square["b.bias"]
        + up @ square["a.bias"]
    )
    x = torch.linalg.solve(torch.eye(4).double() - up @ down, constant)
    y = down @ x + square["a.bias"]
    # Sweeps stop when a step is below 1e-13; what is left is 1 / (1 - amplification) times that.
    bound = {"rtol": 1e-11, "atol": 0}
    torch.testing.assert_close(
        canonical["stem.weight"], params["stem.weight"] / x.sqrt()[:, None], **bound
    )
    torch.testing.assert_close(
        canonical["b.weight"], params["b.weight"] * y.sqrt() / x.sqrt()[:, None], **bound
    )


@pytest.mark.parametrize("amplification", [1.0, 1.5, 20.0])
def test_blocks_that_amplify_have_no_joint_lengths(amplification):
    _, spec, params = residual(amplification)
    with pytest.raises(
        SymgeomError,
        match=r"Cannot give all writers .* joint length 1: .* amplify .* Use stream='first'",
    ):
        canonicalise(spec, params, stream="all")
    canonicalise(spec, params)


def test_a_unit_without_a_stem_needs_the_other_convention():
    module, spec, params = residual(0.5)
    params["stem.weight"][2] = 0
    params["stem.bias"][2] = 0
    fixing = r"\['stem.bias', 'stem.weight'\], are zero for units \[2\]"
    with pytest.raises(
        SymgeomError,
        match=f"group 'hidden1': the tensors that fix it, {fixing}.*'b.weight'.*Use stream='all'",
    ):
        canonicalise(spec, params, dead_units="drop")
    canonical = canonicalise(spec, params, stream="all").parameters
    inputs = torch.randn(9, 3, generator=stream("stem"), dtype=torch.float64)
    before, after = (
        torch.func.functional_call(module, theta, (inputs,)) for theta in (params, canonical)
    )
    assert relative(after, before) < ROUNDING


def test_a_constant_unit_is_not_dead():
    """A unit with a bias and no weights computes a constant: without the bias in the norm,
    nothing fixes its scale."""
    params = network(*WIDTHS)
    params["0.weight"][3] = 0
    canonicalise(mlp_spec(*WIDTHS), params)
    with pytest.raises(
        SymgeomError,
        match=(
            r"\['0.weight'\], are zero for units \[3\].*\['0.bias'\] some are "
            r"not.*bias_in_norm=True"
        ),
    ):
        canonicalise(mlp_spec(*WIDTHS), params, bias_in_norm=False, dead_units="drop")


def test_batch_norm_statistics_move_with_the_scale_of_what_they_describe():
    module = randomised(
        nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, eps=0.1), nn.ReLU(), nn.Linear(4, 2))
    )
    params = parameters(module)
    found = canonicalise(discover(module, torch.zeros(2, 3).double()).exact(), params).parameters
    length = torch.cat([params["0.weight"], params["0.bias"][:, None]], 1).norm(dim=1)
    norm = torch.stack([params["1.weight"], params["1.bias"]]).norm(dim=0)
    torch.testing.assert_close(
        found["1.running_mean"], params["1.running_mean"] / length, rtol=ROUNDING, atol=0
    )
    torch.testing.assert_close(
        found["1.running_var"] + 0.1,
        (params["1.running_var"] + 0.1) / length**2,
        rtol=ROUNDING,
        atol=0,
    )
    torch.testing.assert_close(found["1.weight"], params["1.weight"] / norm, rtol=ROUNDING, atol=0)
    torch.testing.assert_close(found["3.weight"], params["3.weight"] * norm, rtol=ROUNDING, atol=0)


@pytest.mark.parametrize(("incoming", "outgoing"), [(1, -2), (2, -3), (3, -1)])
def test_powers(incoming, outgoing):
    """A unit of length n is scaled by n**(-1/p)."""
    spec = SymmetrySpec(
        (UnitGroup("hidden1", 1, (Leg("in", 0, incoming), Leg("out", 1, outgoing))),)
    )
    params = {"in": torch.tensor([[3.0, 4.0]]), "out": torch.tensor([[2.0]])}
    canonical = canonicalise(spec, params)
    torch.testing.assert_close(canonical.parameters["in"], torch.tensor([[0.6, 0.8]]).double())
    assert math.isclose(
        float(canonical.parameters["out"]), 2 * 5 ** (-outgoing / incoming), rel_tol=1e-14
    )


def test_of_mixed_powers_the_first_fixes_the_scale():
    spec = SymmetrySpec(
        (UnitGroup("hidden1", 1, (Leg("in", 0), Leg("bias", 0, 2), Leg("out", 1, -2))),)
    )
    params = {
        "in": torch.tensor([[2.0]]),
        "bias": torch.tensor([8.0]),
        "out": torch.tensor([[1.0]]),
    }
    for convention in ("first", "all"):
        found = canonicalise(spec, params, stream=convention).parameters
        assert [float(found[name]) for name in params] == [1.0, 2.0, 4.0]


def test_equal_magnitudes_do_not_leave_the_sign_to_rounding():
    spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, -1)), "sign"),))
    for nudge in (-1e-12, 0.0, 1e-12):
        params = {
            "in": torch.tensor([[-1.0, 1.0 + nudge], [1.0, -1.0 - nudge]]).double(),
            "out": torch.ones(1, 2),
        }
        assert canonicalise(spec, params).element.scales["hidden1"].tolist() == [-1.0, 1.0]


# linear groups


def linear_spec(size):
    return SymmetrySpec((UnitGroup("hidden1", size, (Leg("in", 0), Leg("out", 1, -1)), "linear"),))


def test_a_linear_group_is_represented_by_the_pivoted_factor_of_its_projector():
    params = {
        name: torch.randn(*shape, generator=stream(name)).double()
        for name, shape in (("in", (3, 7)), ("out", (2, 3)))
    }
    canonical = canonicalise(linear_spec(3), params)
    rows = params["in"].numpy()
    projector = rows.T @ np.linalg.solve(rows @ rows.T, rows)
    factor = pivoted_cholesky(projector, 3)
    np.testing.assert_allclose(canonical.parameters["in"], factor, rtol=0, atol=ROUNDING)
    product = canonical.parameters["out"] @ canonical.parameters["in"]
    torch.testing.assert_close(product, params["out"] @ params["in"], rtol=ROUNDING, atol=ROUNDING)


def test_a_square_linear_group_becomes_the_identity():
    """The span is everything, all of its directions are tied, and the first comes first."""
    params = {"in": torch.randn(4, 4, generator=stream("square")).double(), "out": torch.ones(1, 4)}
    found = canonicalise(linear_spec(4), params).parameters["in"]
    torch.testing.assert_close(found, torch.eye(4).double(), rtol=0, atol=ROUNDING)


def test_directions_of_a_linear_group_that_receive_nothing():
    """Five units that read two inputs through the same three combinations of weights and bias."""
    spec, params = mlp_spec(2, 5, 3, scale="linear").exact(), network(2, 5, 3)
    with pytest.raises(
        SymgeomError,
        match=(
            r"group 'hidden1' on the torus: .* 5 units.* rank 3 only, so that 2 of their "
            r"directions"
        ),
    ):
        canonicalise(spec, params)
    canonical = canonicalise(spec, params, dead_units="drop")
    assert canonical.dead == {"hidden1": [3, 4]}
    for tensor in (canonical.parameters["0.weight"][3:], canonical.parameters["2.weight"][:, 3:]):
        assert not tensor.any()
    matrix = torch.randn(5, 5, generator=stream("mix")).double()
    moved = act(
        spec, type(canonical.element)(identity(spec).permutations, {"hidden1": matrix}), params
    )
    for mate in (canonical.parameters, moved):
        found = canonicalise(spec, mate, dead_units="drop")
        assert found.dead == canonical.dead
        for name in params:
            torch.testing.assert_close(
                found.parameters[name], canonical.parameters[name], rtol=0, atol=1e-10
            )
    product = canonical.parameters["2.weight"] @ canonical.parameters["0.weight"]
    torch.testing.assert_close(
        product, params["2.weight"] @ params["0.weight"], rtol=0, atol=ROUNDING
    )
    with pytest.raises(
        SymgeomError,
        match=r"\['0.weight'\], are zero for 3 of its 5 directions.*\['0.bias'\] some are not",
    ):
        canonicalise(spec, params, bias_in_norm=False, dead_units="drop")


def test_a_unit_that_reads_dropped_directions_only_is_dead():
    """Linear units that receive nothing at all, and a unit behind them without a bias."""
    spec = SymmetrySpec(
        (linear_spec(2).groups[0], UnitGroup("hidden2", 2, (Leg("out", 0), Leg("last", 1, -1))))
    )
    params = {
        "in": torch.tensor([[1.0, 0.0], [0.0, 0.0]]),
        "out": torch.tensor([[0.0, 5.0], [1.0, 1.0]]),
        "last": torch.ones(1, 2),
    }
    canonical = canonicalise(spec, params, dead_units="drop")
    assert canonical.dead == {"hidden1": [1], "hidden2": [0]}
    assert canonical.parameters["last"].tolist() == [[0.0, 1.0]]


# Units of little importance.


def test_units_of_little_importance_are_dropped_wherever_on_the_orbit_the_network_lies():
    spec, params = mlp_spec(*WIDTHS).exact(), network(*WIDTHS)
    params["2.weight"][:, 4] *= 1e-3
    params["0.weight"][1] *= 1e-4
    params["0.bias"][1] *= 1e-4
    element = random_element(spec, generator=stream("weak"), spread=2.0)
    element = type(element)(identity(spec).permutations, element.scales)
    first, second = (
        canonicalise(spec, theta, importance_threshold=0.01)
        for theta in (params, act(spec, element, params))
    )
    assert first.weak == second.weak == {"hidden1": [1, 4], "hidden2": []}
    assert first.dead == {"hidden1": [], "hidden2": []}
    for name, tensor in first.parameters.items():
        torch.testing.assert_close(second.parameters[name], tensor, rtol=ROUNDING, atol=ROUNDING)
    for tensor in (
        first.parameters["0.weight"][[1, 4]],
        first.parameters["0.bias"][[1, 4]],
        first.parameters["2.weight"][:, [1, 4]],
    ):
        assert not tensor.any()
    rows = sphere_coordinates(spec, first.parameters)
    torch.testing.assert_close(
        rows["hidden2"].norm(dim=1), torch.ones(6).double(), rtol=0, atol=1e-14
    )
    assert 1e-6 < relative(outputs(first.parameters), outputs(params)) < 0.01
    again = canonicalise(spec, first.parameters, dead_units="drop", importance_threshold=0.01)
    assert again.weak == {"hidden1": [], "hidden2": []}
    assert again.dead == first.weak


def test_importance_is_relative_to_the_group_and_strictly_below():
    """Importances 1, 1/2 and 1/8; what is dropped once may push others below in the next round,
    never the largest."""
    spec = SymmetrySpec((UnitGroup("hidden1", 3, (Leg("in", 0), Leg("out", 1, power=-1))),))
    params = {"in": torch.tensor([[4.0], [1.0], [0.25]]), "out": torch.tensor([[0.25, 0.5, 0.5]])}
    for threshold, weak in (
        (0.0, []),
        (0.125, []),
        (0.126, [2]),
        (0.5, [2]),
        (0.51, [1, 2]),
        (0.99, [1, 2]),
    ):
        assert canonicalise(spec, params, importance_threshold=threshold).weak == {"hidden1": weak}


def test_dropping_weak_units_goes_on_until_none_is_left():
    """The second unit of the second layer lives on a weak unit of the first."""
    spec, params = mlp_spec(1, 2, 2, 1, bias=False).exact(), network(1, 2, 2, 1, bias=False)
    params |= {
        "0.weight": torch.tensor([[1.0], [1.0]]),
        "2.weight": torch.tensor([[1.0, 0.0], [0.0, 0.01]]),
        "4.weight": torch.ones(1, 2),
    }
    found = canonicalise(spec, params, importance_threshold=0.05)
    assert found.weak == {"hidden1": [1], "hidden2": [1]}
    assert found.dead == {"hidden1": [], "hidden2": []}
    assert float(found.parameters["4.weight"][0, 0]) == 1.0


def test_units_that_lived_on_weak_units_only_are_weak_and_not_dead():
    spec, params = mlp_spec(1, 2, 2, 1, bias=False).exact(), network(1, 2, 2, 1, bias=False)
    params |= {
        "0.weight": torch.ones(2, 1),
        "2.weight": torch.tensor([[1.0, 0.0], [0.0, 1e-3]]),
        "4.weight": torch.ones(1, 2),
    }
    params["4.weight"][0, 1] = 0.9
    found = canonicalise(spec, params, importance_threshold=0.1)
    assert found.weak == {"hidden1": [1], "hidden2": [1]}


# constant inputs


def constant_data(shape, places, samples=20):
    """Normal inputs, with constants 0, 1, 2, ... at some places of the flattened sample."""
    inputs = torch.randn(
        samples, math.prod(shape), generator=stream("constant"), dtype=torch.float64
    )
    for value, place in enumerate(places):
        inputs[:, place] = value
    return inputs.unflatten(1, shape)


@pytest.mark.parametrize(
    ("name", "absorbing"),
    [("concatenation", ["a"]), ("gate", ["a", "b"]), ("glu", ["0"]), ("stack", ["a", "b"])],
)
def test_constant_inputs_move_into_the_biases(name, absorbing):
    """Also where the inputs are read again by other tensors, which stay as they are."""
    build, shape, *_ = ARCHITECTURES[name]
    module, inputs = randomised(build()), constant_data(shape, [2, 0])
    params, spec = parameters(module), discover(module, inputs)
    found, absorbed = absorb_constant_inputs(spec, params, inputs, module=module)
    assert absorbed == [0, 2]
    changed = {key.split(".")[0] for key in params if not torch.equal(found[key], params[key])}
    assert changed == set(absorbing)
    for layer in absorbing:
        assert not found[f"{layer}.weight"][:, absorbed].any()
        torch.testing.assert_close(
            found[f"{layer}.bias"], params[f"{layer}.bias"] + params[f"{layer}.weight"][:, 0]
        )
    before, after = (
        torch.func.functional_call(module, theta, (inputs[:9],)) for theta in (params, found)
    )
    assert relative(after, before) < ROUNDING


def test_networks_that_differ_in_what_constant_inputs_cannot_show_become_equal():
    spec, params, inputs = mlp_spec(*WIDTHS), network(*WIDTHS), constant_data((5,), [4, 1])
    other = {name: tensor.clone() for name, tensor in params.items()}
    other["0.weight"][:, 4] = 7.0
    other["0.weight"][:, 1] += 0.5
    other["0.bias"] -= 0.5
    found, mate = (
        absorb_constant_inputs(spec, theta, inputs.float())[0] for theta in (params, other)
    )
    assert all(torch.allclose(found[name], mate[name], rtol=0, atol=ROUNDING) for name in found)
    unchanged, absorbed = absorb_constant_inputs(spec, params, constant_data((5,), []))
    assert absorbed == []
    assert all(torch.equal(unchanged[name], params[name]) for name in params)


def test_a_transposed_first_layer_without_bias_absorbs_zeros_only():
    spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 1), Leg("out", 0, power=-1))),))
    params = {"in": torch.arange(6.0).reshape(3, 2), "out": torch.ones(2, 1)}
    found, absorbed = absorb_constant_inputs(spec, params, constant_data((3,), [1]))
    assert absorbed == [1]
    assert found["in"].tolist() == [[0.0, 1.0], [0.0, 0.0], [4.0, 5.0]]
    with pytest.raises(
        SymgeomError, match=r"constant inputs \[1, 2\]: some are not zero.*tensor 'in' has no bias"
    ):
        absorb_constant_inputs(spec, params, constant_data((3,), [1, 2]))


def test_matrices_that_read_units_are_not_taken_for_the_first_layer():
    """A residual block whose inner width is the number of inputs writes to the first group as
    well."""
    wide = randomised(
        Block(
            lambda self, x: self.out(
                (y := torch.relu(self.stem(x))) + self.b(torch.relu(self.a(y)))
            ),
            stem=nn.Linear(5, 4),
            a=nn.Linear(4, 5),
            b=nn.Linear(5, 4),
            out=nn.Linear(4, 2),
        )
    )
    inputs = constant_data((5,), [0, 1])
    found, absorbed = absorb_constant_inputs(
        discover(wide, inputs), parameters(wide), inputs, module=wide
    )
    assert absorbed == [0, 1]
    assert torch.equal(found["b.weight"], wide.b.weight)
    assert not found["stem.weight"][:, :2].any()


def test_constant_inputs_that_cannot_be_absorbed():
    image, spec = constant_data((1, 8, 8), [0]), mlp_spec(*WIDTHS)
    with pytest.raises(
        SymgeomError,
        match=r"'0.weight': \(3, 1, 3, 3\).* is a matrix that reads the 64 flattened inputs",
    ):
        absorb_constant_inputs(discover(lenet().double(), image), parameters(lenet()), image)
    with pytest.raises(SymgeomError, match="Cannot tell which inputs are constant from 1 samples"):
        absorb_constant_inputs(spec, network(*WIDTHS), torch.ones(1, 5))
    with pytest.raises(
        SymgeomError,
        match="Cannot use the samples: tensor 'inputs' holds 5 values that are NaN",
    ):
        absorb_constant_inputs(spec, network(*WIDTHS), torch.full((1, 5), torch.nan))
    flipped = Block(lambda self, x: self.inner(x.flip(1)), inner=mlp(*WIDTHS))
    named = SymmetrySpec.from_json(spec.to_json().replace('"tensor": "', '"tensor": "inner.'))
    with pytest.raises(
        SymgeomError,
        match=r"outputs of the network \(Block\) change by .* reads something else as well",
    ):
        absorb_constant_inputs(
            named, parameters(flipped), constant_data((5,), [0, 1]), module=flipped
        )


def test_a_network_without_groups_has_no_first_layer():
    with pytest.raises(SymgeomError, match=r"none of the tensors {} that feed the first group"):
        absorb_constant_inputs(SymmetrySpec(()), network(*WIDTHS), constant_data((5,), [0]))
