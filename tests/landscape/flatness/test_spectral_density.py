import pytest
import torch
from cases import batch, mlp, network
from references import dense_hessian
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import ravel
from symgeom.landscape.flatness.density import (
    SpectralDensity,
    lanczos_quadrature,
    smoothed,
    spectral_density,
)
from symgeom.landscape.problem import Problem

WIDTHS = (4, 6, 5, 3)
PARAMS = network(*WIDTHS)
INPUTS, TARGETS = batch(71, 4, 3)
PROBLEM = Problem(mlp(*WIDTHS), INPUTS, TARGETS)


def mean_loss(params):
    return nn.functional.cross_entropy(
        torch.func.functional_call(mlp(*WIDTHS), params, (INPUTS,)), TARGETS
    )


DENSE = dense_hessian(mean_loss, PARAMS)
SIZE = len(DENSE)
EIGENVALUES = torch.linalg.eigvalsh(DENSE)


def histogram(points, width):
    """The dense spectrum, every eigenvalue broadened by a Gaussian."""
    normal = torch.distributions.Normal(EIGENVALUES, width)
    return normal.log_prob(points[:, None]).exp().mean(1)


def complete():
    """Quadratures of as many steps as there are parameters from every unit vector: no estimate is left."""
    found = [
        lanczos_quadrature(lambda v: DENSE @ v, unit, SIZE)
        for unit in torch.eye(SIZE, dtype=torch.float64)
    ]
    return SpectralDensity(*(torch.stack(parts) for parts in zip(*found, strict=True)), SIZE, None)


def test_complete_quadratures_are_exact():
    spectrum = complete()
    for power in range(5):
        expected = (EIGENVALUES**power).mean()
        assert abs(spectrum.moment(power)[0] - expected) < 1e-12 * max(1, abs(expected))
    curve = smoothed(spectrum, width=0.02)
    assert (curve.density - histogram(curve.grid, 0.02)).abs().max() < 1e-9 * curve.density.max()


def test_a_quadrature_is_exact_for_polynomials_below_twice_its_steps():
    start = torch.randn(SIZE, generator=stream("v"), dtype=torch.float64)
    nodes, weights = lanczos_quadrature(lambda v: DENSE @ v, start, 4)
    unit, power = start / start.norm(), torch.eye(SIZE, dtype=torch.float64)
    for degree in range(8):
        assert abs((weights * nodes**degree).sum() - unit @ power @ unit) < 1e-12
        power = power @ DENSE
    assert abs((weights * nodes**8).sum() - unit @ power @ unit) > 1e-6


def test_moments_within_their_standard_errors():
    spectrum = spectral_density(PROBLEM, PARAMS, probes=60, steps=6, generator=stream("signs"))
    assert spectrum.nodes.shape == spectrum.weights.shape == (60, 6)
    assert spectrum.parameters == SIZE
    assert torch.allclose(spectrum.weights.sum(1), torch.ones(60, dtype=torch.float64), rtol=1e-12)
    for power in (1, 2, 3):
        value, error = spectrum.moment(power)
        assert 0 < error < 0.2 * value
        assert abs(value - (EIGENVALUES**power).mean()) < 4 * error


def test_the_curve_is_the_dense_spectrum_smoothed():
    width = 0.1
    curve = smoothed(
        spectral_density(PROBLEM, PARAMS, probes=40, steps=20, generator=stream("signs")),
        width=width,
    )
    distance = torch.trapezoid((curve.density - histogram(curve.grid, width)).abs(), curve.grid)
    assert distance < 0.15  # of 2 at most; the error of 40 probes
    assert curve.width == width
    assert abs(torch.trapezoid(curve.density, curve.grid) - 1) < 1e-3


def test_extreme_nodes_are_extreme_eigenvalues():
    spectrum = spectral_density(PROBLEM, PARAMS, probes=2, steps=40, generator=stream("signs"))
    assert (spectrum.nodes[:, -1] - EIGENVALUES[-1]).abs().max() < 1e-12
    assert (spectrum.nodes[:, 0] - EIGENVALUES[0]).abs().max() < 1e-8
    assert (spectrum.nodes.diff(dim=1) > 0).all()  # no copies


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_against_curvlinops():
    from curvlinops import HessianLinearOperator  # importing it warns

    module = mlp(*WIDTHS)
    batches = list(zip(INPUTS.split(52), TARGETS.split(52), strict=True))
    theirs = HessianLinearOperator(
        module, nn.CrossEntropyLoss(), list(module.parameters()), batches
    )
    start = torch.randn(SIZE, generator=stream("v"), dtype=torch.float64)
    nodes, weights = lanczos_quadrature(lambda v: theirs @ v, start, 10)
    ours = lanczos_quadrature(lambda v: DENSE @ v, start, 10)
    assert torch.allclose(nodes, ours[0], atol=1e-11)
    assert torch.allclose(weights, ours[1], atol=1e-11)


def test_an_invariant_space_ends_the_iteration():
    curvatures = torch.tensor([2.0, 2.0, 5.0, 5.0, 5.0], dtype=torch.float64)
    nodes, weights = lanczos_quadrature(
        lambda v: curvatures * v, torch.ones(5, dtype=torch.float64), 4
    )
    assert torch.allclose(
        nodes, torch.tensor([2.0, 5.0, 5.0, 5.0], dtype=torch.float64), rtol=1e-13
    )
    assert torch.allclose(
        weights, torch.tensor([0.4, 0.6, 0.0, 0.0], dtype=torch.float64), rtol=1e-13
    )
    assert lanczos_quadrature(lambda v: 0 * v, torch.ones(5), 3)[1].tolist() == [1, 0, 0]


def test_the_density_of_one_layer():
    place = ravel(
        {name: torch.full_like(tensor, float(name == "4.bias")) for name, tensor in PARAMS.items()}
    ).bool()
    expected = torch.linalg.eigvalsh(DENSE[place][:, place])
    spectrum = spectral_density(
        PROBLEM, PARAMS, probes=40, steps=9, generator=stream("signs"), tensors=["4.bias"]
    )
    assert spectrum.nodes.shape == (40, 3)  # no more steps than parameters
    assert spectrum.parameters == 3
    # Every sign vector but those along the zero eigenvalue, logits shifted together, sees the other two.
    best = spectrum.nodes[(spectrum.weights[:, 1:] > 1e-3).all(1)][0]
    assert torch.allclose(best, expected, atol=1e-12)


def test_a_diverged_network_has_no_density():
    broken = {**PARAMS, "2.bias": PARAMS["2.bias"] * torch.nan}
    spectrum = spectral_density(PROBLEM, broken, probes=2, steps=3, generator=stream("signs"))
    assert spectrum.nodes.isnan().all()
    assert smoothed(spectrum).density.isnan().all()


@pytest.mark.parametrize(("probes", "steps"), [(1, 5), (5, 0)])
def test_too_little(probes, steps):
    with pytest.raises(
        SymgeomError,
        match=f"with {probes} probes of {steps} steps: give at least 2 probes of 1 step",
    ):
        spectral_density(PROBLEM, PARAMS, probes=probes, steps=steps, generator=stream("signs"))


def test_no_width():
    flat = SpectralDensity(torch.ones(2, 3), torch.full((2, 3), 1 / 3), 3, None)
    with pytest.raises(
        SymgeomError,
        match="Cannot broaden eigenvalues from 1 to 1 by the width 0.0: give a positive width",
    ):
        smoothed(flat)
