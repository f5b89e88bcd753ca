"""The dimension of orbits: by formula, and against the Hessian at minima of models whose minima
are known."""

import numpy as np
import pytest
import torch
from cases import mlp_spec, network

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre import orbit_dimension
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.models.two_layer import descend
from symgeom.models.two_layer.hessian import dense_eigenvalues


def normal(name, *shape):
    return torch.randn(shape, generator=stream(name), dtype=torch.float64)


def two_layers(outputs, units, inputs, scale):
    spec = mlp_spec(inputs, units, outputs, scale=scale, bias=False)
    return spec, {
        "0.weight": normal("in", units, inputs),
        "2.weight": normal("out", outputs, units),
    }


@pytest.mark.parametrize(
    ("outputs", "units", "inputs"), [(2, 3, 4), (3, 8, 2), (4, 4, 4), (2, 6, 3)]
)
def test_matrices_move_linear_layers_in_all_directions_that_keep_their_product(
    outputs, units, inputs
):
    weights = (outputs + inputs) * units
    rank = min(outputs, inputs, units)
    fibre = weights - rank * (outputs + inputs - rank)  # all networks with this product
    free = units**2 - max(0, units - outputs) * max(
        0, units - inputs
    )  # matrices, less those that fix the network
    dimension = orbit_dimension(*two_layers(outputs, units, inputs, "linear"))
    assert dimension == free
    assert dimension <= fibre
    if units >= outputs + inputs:
        assert dimension == weights - outputs * inputs


def test_units_add_one_dimension_each_and_dead_ones_none():
    spec, params = mlp_spec(5, 7, 6, 3), network(5, 7, 6, 3)
    assert orbit_dimension(spec, params) == 13
    params["2.weight"][2], params["2.bias"][2], params["4.weight"][:, 2] = 0, 0, 0
    assert orbit_dimension(spec, params) == 12


@pytest.mark.parametrize(("activation", "scale"), [("identity", "linear"), ("relu", "positive")])
def test_orbits_lie_in_the_flat_directions_of_a_minimum(activation, scale):
    targets = 0.3 * normal("targets", 2, 3).numpy()
    start = [
        0.7 * normal(side, *shape).numpy()[None] for side, shape in (("u", (2, 6)), ("v", (6, 3)))
    ]
    found = descend(activation, targets, *start, learning_rates=[0.2], records=[10_000])
    assert found.loss[0, 0] < 1e-22
    outgoing, incoming = found.outgoing[0], found.incoming[0]
    flat = int((np.abs(dense_eigenvalues(activation, targets, outgoing, incoming)) < 1e-8).sum())
    spec = mlp_spec(3, 6, 2, scale=scale, bias=False)
    params = {"0.weight": torch.tensor(incoming), "2.weight": torch.tensor(outgoing)}
    assert flat == outgoing.size + incoming.size - targets.size
    # Matrices explain all flat directions of a linear network; a ReLU leaves most of them to the
    # data.
    assert orbit_dimension(spec, params) == (flat if scale == "linear" else 6)
    assert sum(values.numel() for values in charges(spec, params).values()) >= 6


def test_bad_requests_are_refused():
    spec, params = two_layers(2, 3, 4, "linear")
    with pytest.raises(SymgeomError, match="the network has no such tensor"):
        orbit_dimension(spec, {"0.weight": params["0.weight"]})
    assert orbit_dimension(mlp_spec(4, 3, 2, scale="sign", bias=False), params) == 0
