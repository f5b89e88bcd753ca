import pytest
import torch
from cases import batch, mlp, mlp_spec, network

from symgeom.checks import SymgeomError
from symgeom.gauge import canonicalise
from symgeom.group import act, random_element
from symgeom.randomness import stream
from symgeom.spec import SymmetrySpec
from symgeom.torus import sphere_coordinates

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
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(rows), dtype=torch.float64), rtol=0, atol=1e-14)


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
    unpermuted = type(element)({name: p.sort().values for name, p in element.permutations.items()}, element.scales)
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
    signs = type(signs)({name: p.sort().values for name, p in signs.permutations.items()}, signs.scales)
    first, second = (canonicalise(spec, theta).parameters for theta in (params, act(spec, signs, params)))
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
    with pytest.raises(SymgeomError, match=r"units \[3\] of group 'hidden1'.*incoming weights are all zero"):
        canonicalise(mlp_spec(*WIDTHS), with_dead_unit(3))


def test_a_dead_unit_is_dropped_on_request_without_changing_the_function():
    params = with_dead_unit(3)
    canonical = canonicalise(mlp_spec(*WIDTHS).exact(), params, dead_units="drop")
    assert canonical.dead == {"hidden1": [3], "hidden2": []}
    assert float(canonical.parameters["2.weight"][:, 3].abs().max()) == 0
    assert relative(outputs(canonical.parameters), outputs(params)) < ROUNDING


def test_bad_requests_are_refused():
    spec, params = mlp_spec(*WIDTHS), network(*WIDTHS)
    with pytest.raises(SymgeomError, match="Unknown treatment of dead units 'ignore'"):
        canonicalise(spec, params, dead_units="ignore")
    with pytest.raises(SymgeomError, match="tensor '2.bias' holds 1 values that are NaN"):
        canonicalise(spec, params | {"2.bias": torch.full((6,), 1.0).index_fill(0, torch.tensor([2]), torch.nan)})
    linear = SymmetrySpec(tuple(type(g)(g.name, g.size, g.legs, "linear") for g in spec.groups[:1]))
    with pytest.raises(SymgeomError, match="Cannot canonicalise group 'hidden1': no activation acts"):
        canonicalise(linear, params)
