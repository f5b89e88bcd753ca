import math

import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from references import local_energy_by_loops
from torch import nn

from symgeom.checks import SymgeomError
from symgeom.flatness.local_energy import local_energy
from symgeom.group import GroupElement, act, identity, random_element
from symgeom.problem import Problem
from symgeom.randomness import stream

WIDTHS = (5, 12, 9, 3)
SPEC = mlp_spec(*WIDTHS)
AMPLITUDES = [0.05, 0.3, 0.8]


def labelled_by_the_network():
    """A network and data that it classifies without error."""
    params, (inputs, _) = network(*WIDTHS), batch(120, 5, 3)
    labels = Problem(mlp(*WIDTHS), *batch(120, 5, 3)).outputs(params).argmax(1)
    return Problem(mlp(*WIDTHS), inputs, labels, chunk=50), params


PROBLEM, PARAMS = labelled_by_the_network()


def measure(params, noise="multiplicative", amplitudes=AMPLITUDES, draws=10):
    return local_energy(PROBLEM, params, amplitudes=amplitudes, draws=draws, generator=stream("noise"), noise=noise)


def rescaled(spec):
    element = random_element(spec, generator=stream("scales"), spread=1.0)
    return act(spec, GroupElement(identity(spec).permutations, element.scales), PARAMS)


def test_against_explicit_loops():
    measured = measure(PARAMS)
    for place, sigma in enumerate(AMPLITUDES):
        increases = local_energy_by_loops(PARAMS, PROBLEM.inputs, PROBLEM.targets, sigma, 10, stream("noise"))
        mean = sum(increases) / 10
        error = math.sqrt(sum((x - mean) ** 2 for x in increases) / 9 / 10)
        assert math.isclose(measured.error_increase[place], mean, rel_tol=1e-12)
        assert math.isclose(measured.standard_error[place], error, rel_tol=1e-12)
    assert measured.error_increase[-1] > 0.1


@pytest.mark.parametrize("flip", [0.3, 0.05])
def test_flip_probability_of_a_linear_classifier(flip):
    # Outputs a (1 + s z1) and b (1 + s z2) of one sample: it flips where their difference, a Gaussian, changes sign.
    a, b, draws = 1.0, 1.5, 2000
    sigma = (b - a) / math.hypot(a, b) / torch.special.ndtri(torch.tensor(1 - flip, dtype=torch.float64)).item()
    classifier = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1, dtype=torch.float64), torch.tensor([1]))
    params = {"weight": torch.tensor([[a], [b]], dtype=torch.float64)}
    measured = local_energy(classifier, params, amplitudes=[sigma], draws=draws, generator=stream("flip"))
    expected_error = math.sqrt(flip * (1 - flip) / draws)
    assert abs(measured.error_increase.item() - flip) < 4 * expected_error
    assert math.isclose(measured.standard_error.item(), expected_error, rel_tol=0.2)


def test_multiplicative_noise_does_not_see_the_gauge():
    here, there = measure(PARAMS), measure(rescaled(SPEC))
    assert torch.equal(here.error_increase, there.error_increase)
    assert torch.equal(here.standard_error, there.standard_error)
    exact = measure(rescaled(SPEC.exact()))
    assert torch.allclose(here.loss_increase, exact.loss_increase, rtol=1e-12)
    assert not torch.allclose(here.loss_increase, there.loss_increase, rtol=1e-2)


def test_additive_noise_sees_the_gauge():
    # Units whose incoming weights are small (and outgoing large) have their directions randomised by the same noise.
    spec = SPEC.exact()
    small = GroupElement(identity(spec).permutations, {group.name: torch.full((group.size,), 0.01) for group in spec.groups})
    here, there = (
        measure(params, noise="additive", amplitudes=[0.05], draws=30) for params in (PARAMS, act(spec, small, PARAMS))
    )
    noise = max(here.standard_error.item(), there.standard_error.item())
    assert abs(here.error_increase - there.error_increase).item() > 5 * noise
    assert here.noise == "additive"


def test_draws_are_shared_by_amplitudes():
    alone, among = measure(PARAMS, amplitudes=[0.3]), measure(PARAMS)
    assert alone.error_increase[0] == among.error_increase[1]
    assert alone.loss_increase[0] == among.loss_increase[1]
    assert measure(PARAMS, amplitudes=[0.0]).error_increase.tolist() == [0]


class Offset(nn.Module):
    """Class 1 wins by the buffer alone."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.register_buffer("offset", torch.tensor([0.0, 1.0], dtype=torch.float64))

    def forward(self, inputs):
        return inputs * self.weight + self.offset


def test_buffers_are_not_perturbed():
    module = Offset()
    problem = Problem(module, torch.ones(4, 1, dtype=torch.float64), torch.ones(4, dtype=torch.int64))
    params = {"weight": torch.zeros(2, dtype=torch.float64), "offset": torch.tensor([0.0, 1.0], dtype=torch.float64)}
    measured = local_energy(problem, params, amplitudes=[100.0], draws=20, generator=stream("buffer"))
    assert measured.error_increase.tolist() == [0]
    assert measured.loss_increase.tolist() == [0]


def test_a_diverged_network_has_no_local_energy():
    diverged = {**PARAMS, "2.bias": torch.full_like(PARAMS["2.bias"], torch.nan)}
    assert measure(diverged).error_increase.isnan().all()
    assert measure(diverged).loss_increase.isnan().all()


def test_mistakes():
    with pytest.raises(SymgeomError, match="Unknown noise 'uniform'"):
        measure(PARAMS, noise="uniform")
    with pytest.raises(SymgeomError, match="from 1 draws: its standard error needs at least 2"):
        measure(PARAMS, draws=1)
