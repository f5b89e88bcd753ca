"""Linear networks that learn pictures: their data, and where the noise balances their layers."""

import pytest
import torch
from torch import nn

from symgeom.dynamics.noise import noise_equilibrium
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.landscape.problem import Problem
from symgeom.models.noise.linear.descent import layer_gradients
from symgeom.models.noise.linear.norms import squares
from symgeom.models.noise.linear.starts import normal_layers
from symgeom.study.experiments import picture_layers
from symgeom.study.experiments.picture_layers import (
    Pictures,
    at_the_minimum,
    balanced,
    read_pictures,
)
from symgeom.symmetry.group import act
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

EXACT = 1e-12
"""Sums of products in float64."""

WIDTHS = (5, 3, 3, 3)


def made_up(samples=40):
    generator = stream("made-up pictures")
    inputs = torch.randn(samples, WIDTHS[0], generator=generator, dtype=torch.float64)
    labels = torch.randn(samples, WIDTHS[-1], generator=generator, dtype=torch.float64)
    return Pictures(inputs, labels * inputs[:, :1], networks=2)


def layers():
    drawn = normal_layers(WIDTHS, 1, generator=stream("layers"))
    return [layer[0] for layer in drawn]


def function_of(network):
    product = network[0]
    for layer in network[1:]:
        product = layer @ product
    return product


def test_layers_balance_where_the_library_says():
    source, start = made_up(), layers()
    found = balanced(start, source)
    torch.testing.assert_close(function_of(found), function_of(start), rtol=EXACT, atol=EXACT)
    network = nn.Sequential(*[nn.Linear(*layer.shape[::-1], bias=False) for layer in start])
    problem = Problem(
        network.double(),
        source.inputs,
        source.labels,
        lambda outputs, labels: (outputs - labels).square().sum(-1),
    )
    groups = []
    for number in (0, 1):
        legs = (Leg(f"{number}.weight", 0), Leg(f"{number + 1}.weight", 1, power=-1))
        groups.append(UnitGroup(f"hidden{number + 1}", 3, legs, scale="linear"))
    spec = SymmetrySpec(tuple(groups))
    params = {f"{number}.weight": layer for number, layer in enumerate(start)}
    there = noise_equilibrium(spec, problem, params, learning_rate=0.1, batch_size=1)
    moved = list(act(spec, there.joint.element, params).values())
    torch.testing.assert_close(squares(found), squares(moved), rtol=1e-6, atol=0)


def test_the_rows_of_the_population_have_the_mean_gradient_and_loss():
    source = made_up()
    network = [layer.expand(2, *layer.shape) for layer in layers()]
    of_rows = layer_gradients(network, source.population())
    everything = (source.inputs.expand(2, -1, -1), source.labels.expand(2, -1, -1))
    expected = layer_gradients(network, everything)
    torch.testing.assert_close(of_rows, expected, rtol=EXACT, atol=EXACT)


def test_pictures_are_principal_components_and_labels_contrasts():
    source = read_pictures("digits", "", networks=1)
    moments = source.inputs.T @ source.inputs / len(source.inputs)
    variances = moments.diagonal()
    assert torch.allclose(moments, variances.diag(), atol=1e-10)
    assert (variances.diff() <= 0).all()
    for rows in (source.inputs, source.labels):
        assert torch.allclose(rows.mean(0), torch.zeros(()).double(), atol=EXACT)
        assert float(rows.square().mean()) == pytest.approx(1)
    apart = torch.pdist(source.labels.unique(dim=0))  # ten classes, all as far from each other
    assert torch.allclose(apart, apart[:1])
    assert len(apart) == 45
    best = torch.linalg.lstsq(source.inputs, source.labels).solution.T
    torch.testing.assert_close(function_of(at_the_minimum(source)), best, rtol=0, atol=1e-10)


def test_layers_that_do_not_come_to_rest(monkeypatch):
    monkeypatch.setattr(picture_layers, "ROUNDS", 2)
    with pytest.raises(SymgeomError, match="after 2 rounds they still move"):
        balanced(layers(), made_up())
