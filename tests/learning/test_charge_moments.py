"""Closed-form moments of the charges at initialisation against a thousand draws."""

import pytest
import torch
from cases import lenet, mlp, mlp_spec
from torch import nn

from symgeom.dynamics.charge import charges
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.learning.networks.initial_charges import charge_moments
from symgeom.learning.networks.initialisation import INITIALISATIONS, initialise
from symgeom.symmetry.discovery import discover

DRAWS = 1000


def drawn(spec, network, initialisation):
    """Return the charges of many networks, shape (draw, unit), group by group."""
    generator, found = stream("draws", initialisation), []
    for _ in range(DRAWS):
        initialise(network, initialisation, name="network", generator=generator)
        found.append(charges(spec, parameters(network)))
    return {name: torch.stack([each[name] for each in found]) for name in found[0]}


def agree(samples, mean, variance):
    """Within four standard errors of either moment, for every unit (of some tens)."""
    assert ((samples.mean(0) - mean).abs() <= 4 * (variance / DRAWS).sqrt() + 1e-5).all()
    fourth = ((samples - mean) ** 4).mean(0) - variance**2  # variance of the squared deviation
    assert (
        (((samples - mean) ** 2).mean(0) - variance).abs()
        <= 4.5 * (fourth.clamp(min=0) / DRAWS).sqrt() + 1e-9
    ).all()


@pytest.mark.parametrize("initialisation", INITIALISATIONS)
def test_a_thousand_draws_have_the_moments(initialisation):
    widths = (10, 6, 8, 3)
    spec, network = mlp_spec(*widths), mlp(*widths)
    samples, moments = (
        drawn(spec, network, initialisation),
        charge_moments(spec, network, initialisation),
    )
    assert moments.keys() == samples.keys() == {"hidden1", "hidden2"}
    for name, (mean, variance) in moments.items():
        agree(samples[name], mean, variance)


@pytest.mark.parametrize("initialisation", ["uniform", "orthogonal"])
def test_channels_of_convolutions_too(initialisation):
    network = lenet().double()
    spec = discover(network, torch.zeros(2, 1, 8, 8, dtype=torch.float64))
    samples, moments = (
        drawn(spec, network, initialisation),
        charge_moments(spec, network, initialisation),
    )
    assert moments.keys() == samples.keys() == {"hidden1", "hidden2", "hidden3", "hidden4"}
    for name, (mean, variance) in moments.items():
        agree(samples[name], mean, variance)


@pytest.mark.parametrize(
    ("widths", "mean", "deviation"), [((100, 100, 100), 0, 2), ((100, 200, 100), 100, 5**0.5)]
)
def test_totals_are_those_of_the_published_figures(widths, mean, deviation):
    """Figures 4 and 5 of Zhao et al. have sums over units with variance 1/n per entry, outgoing
    minus incoming."""
    network = mlp(*widths, activation=nn.ReLU, bias=False)
    means, variances = charge_moments(mlp_spec(*widths, bias=False), network, "lecun")["hidden1"]
    assert float(means.sum()) == pytest.approx(mean, abs=1e-9)
    # The sum over units has the sum of the variances: no two units share an entry.
    assert float(variances.sum().sqrt()) == pytest.approx(deviation)


def test_orthogonal_layers_that_are_wide_enough_have_no_spread():
    network = mlp(8, 8, 8, bias=False)
    mean, variance = charge_moments(mlp_spec(8, 8, 8, bias=False), network, "orthogonal")["hidden1"]
    assert mean.tolist() == variance.tolist() == [0.0] * 8


def test_weights_of_norms_are_taken_as_they_are():
    network = (
        nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
        .double()
        .eval()
    )
    spec = discover(network, torch.ones(2, 3, dtype=torch.float64))
    (name,) = [
        group.name
        for group in spec.exact().groups
        if any(leg.tensor == "1.weight" and leg.power for leg in group.legs)
    ]
    mean, variance = charge_moments(spec, network, "lecun")[name]
    torch.testing.assert_close(
        mean, torch.full((4,), 1 - 2 / 4, dtype=torch.float64)
    )  # weight 1, bias 0, two outgoing entries
    torch.testing.assert_close(variance, torch.full((4,), 2 * 2 / 4**2, dtype=torch.float64))


def test_an_unknown_initialisation_is_refused():
    with pytest.raises(SymgeomError, match="xavier"):
        charge_moments(mlp_spec(3, 2, 1), mlp(3, 2, 1), "xavier")
