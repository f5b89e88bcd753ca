"""Counts of conservation laws against the published ones, and against brackets written out by
hand."""

from itertools import pairwise

import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from torch import nn

from symgeom.dynamics.laws import LawCount, count_laws
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters


def count(*widths, activation=nn.Identity, scale="linear", bias=False) -> LawCount:
    module, spec = (
        mlp(*widths, activation=activation, bias=bias),
        mlp_spec(*widths, scale=scale, bias=bias),
    )
    inputs, _ = batch(500, widths[0], widths[-1])
    inputs = (
        3 * inputs
    )  # and weights at which no unit is always off: samples for every pattern of active units
    return count_laws(
        module,
        network(*widths, bias=bias, seed=2),
        inputs=inputs,
        generator=stream("laws"),
        spec=spec,
    )


# Measured independently with brackets of the products of the matrices: laws, and independent
# entries of the balance matrices.
LINEAR = {
    (2, 2, 2): (3, 3),
    (2, 3, 2): (6, 6),
    (2, 5, 2): (14, 14),
    (3, 2, 3): (3, 3),
    (3, 4, 2): (10, 10),
    (2, 2, 2, 2): (6, 6),
    (2, 3, 2, 2): (9, 9),
    (1, 3, 1): (5, 5),
    (1, 5, 1): (9, 9),
    (1, 2, 2, 1): (7, 6),
    (1, 3, 2, 1): (10, 9),
    (1, 3, 3, 1): (14, 12),
    (1, 2, 2, 2, 1): (11, 9),
}


@pytest.mark.parametrize("widths", LINEAR, ids=str)
def test_linear_networks_have_the_laws_of_their_balance_and_more_between_scalars(widths):
    found = count(*widths)
    assert (found.laws, found.known) == LINEAR[widths]
    assert found.weights == sum(a * b for a, b in pairwise(widths))
    assert found.surplus == found.laws - found.known
    assert found.smallest_kept > 1e-5
    assert found.largest_dropped < 1e-11


def test_two_layers_follow_the_closed_form():
    # D - dim Lie = r (r + 1) / 2 where inputs and outputs together are at least as many as the
    # units.
    for inputs, units, outputs in ((2, 3, 2), (3, 4, 2), (3, 2, 3)):
        assert count(inputs, units, outputs).laws == units * (units + 1) // 2


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "widths", [(2, 2, 2), (2, 3, 2), (2, 4, 1), (2, 2, 2, 2), (2, 3, 2, 2)], ids=str
)
def test_relu_networks_have_one_law_per_hidden_unit(widths, bias):
    found = count(*widths, activation=nn.ReLU, scale="positive", bias=bias)
    assert found.laws == found.known == sum(widths[1:-1])
    assert len(found.spanned) == 2  # no bracket adds anything
    assert found.spanned[0] == found.spanned[1]


def test_weights_of_a_unit_that_is_never_active_are_laws_of_their_own():
    module, params = mlp(2, 3, 2, activation=nn.ReLU), network(2, 3, 2, seed=2)
    params["0.bias"][1] = -1e3
    inputs, _ = batch(500, 2, 2)
    found = count_laws(
        module, params, inputs=3 * inputs, generator=stream("laws"), spec=mlp_spec(2, 3, 2)
    )
    assert found.laws == 2 + (2 + 1 + 2)  # the charges of two units; all weights of the third
    assert found.surplus == 5 - 1


def test_smooth_activations_without_degree_have_none():
    found = count(2, 3, 2, activation=nn.Tanh, scale="sign")
    assert (found.laws, found.known, found.surplus) == (0, 0, 0)


def test_softmax_adds_the_sums_over_classes():
    module, params = mlp(2, 3, 2, activation=nn.Tanh), network(2, 3, 2)
    inputs, _ = batch(40, 2, 2)
    through = nn.Sequential(module, nn.Softmax(1))
    of_probabilities = count_laws(
        through,
        {f"0.{name}": tensor for name, tensor in params.items()},
        inputs=inputs,
        generator=stream("laws"),
    )
    assert of_probabilities.laws == 3 + 1  # every column of the last weights, and its bias
    assert of_probabilities.known is None
    assert of_probabilities.surplus is None


def test_a_bracket_within_the_span_adds_nothing():
    """One unit on two inputs: the fields are (u e_i, v_i) for outputs u v_i, and their bracket is
    worked out by hand."""
    module = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    params = {
        "0.weight": torch.tensor([[1.0, 2.0]]).double(),
        "1.weight": torch.tensor([[3.0]]).double(),
    }
    found = count_laws(module, params, inputs=torch.eye(2).double(), generator=stream("laws"))
    # The bracket (v_1 e_2 - v_2 e_1, 0) is v_1 times the second field minus v_2 times the first,
    # over u: it adds nothing.
    assert found.spanned == (2, 2)
    assert found.laws == 1  # |v|^2 - u^2


def test_what_cannot_be_counted_is_refused():
    module, inputs = mlp(2, 3, 2), torch.ones(4, 2, dtype=torch.float64)
    params = parameters(module)
    with pytest.raises(SymgeomError, match=r"tensor '0.weight' is of torch.int64"):
        count_laws(
            module,
            params | {"0.weight": torch.ones(3, 2, dtype=torch.int64)},
            inputs=inputs,
            generator=stream("laws"),
        )
    with pytest.raises(SymgeomError, match="NaN or infinite"):
        count_laws(
            module,
            params | {"0.bias": torch.full((3,), torch.nan)},
            inputs=inputs,
            generator=stream("laws"),
        )
    flat = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Threshold(1e9, 0.0)).double()
    with pytest.raises(SymgeomError, match="no output changes with any weight"):
        count_laws(flat, parameters(flat), inputs=inputs, generator=stream("laws"))
