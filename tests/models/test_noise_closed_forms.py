"""Noise equilibria of linear networks: identities that hold to rounding, and published numbers."""

import numpy as np
import pytest
import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.noise.experiments import sharpening
from symgeom.models.noise.experiments.split_inputs import split_teacher
from symgeom.models.noise.linear.deep import (
    deep_equilibrium,
    pair_imbalances,
    printed_equilibrium,
)
from symgeom.models.noise.linear.descent import layer_gradients
from symgeom.models.noise.linear.two_layers import (
    Pair,
    equilibrium,
    gradients_of,
    imbalance,
    norm_ratio,
    sharpness,
    unbalanced,
)

FLOAT = torch.float64
ROUNDING = 1e-12
"""Relative; of sums over at most hundreds of terms."""


def drawn(*shape: int) -> Tensor:
    """Normal numbers."""
    return torch.randn(shape, generator=stream("closed forms", *shape), dtype=FLOAT)


def covariance(size: int) -> Tensor:
    """A covariance without any symmetry."""
    root = drawn(size, size)
    return root @ root.T + 0.1 * torch.eye(size, dtype=FLOAT)


INPUTS, NOISE, TARGET = covariance(5), covariance(4), drawn(4, 5)


def product(layers: list[Tensor]) -> Tensor:
    """The function of layers."""
    return torch.linalg.multi_dot(layers[::-1])


@pytest.mark.parametrize("depth", [2, 3, 4, 6])
def test_the_corrected_theorem_is_balanced_and_the_printed_one_is_not(depth):
    corrected = deep_equilibrium(TARGET, INPUTS, NOISE, depth)
    torch.testing.assert_close(product(corrected), TARGET, rtol=0, atol=ROUNDING)
    assert pair_imbalances(corrected, INPUTS, NOISE).max() < ROUNDING
    printed = printed_equilibrium(TARGET, INPUTS, NOISE, depth)
    torch.testing.assert_close(product(printed), TARGET, rtol=0, atol=ROUNDING)
    assert pair_imbalances(printed, INPUTS, NOISE).max() > 0.3
    alike = [4 * matrix / matrix.trace() for matrix in (INPUTS, NOISE)]
    assert pair_imbalances(printed_equilibrium(TARGET, *alike, depth), *alike).max() < ROUNDING


def test_the_balance_of_deep_layers_is_that_of_their_sampled_gradients():
    """A pair at the global minimum: its residuals are the noise, whatever layers stand around."""
    layers = [drawn(3, 5), drawn(2, 3), drawn(6, 2), drawn(4, 6)]
    x = drawn(400, 5)
    noise = drawn(400, 4)
    inputs = x.T @ x / 400
    expected = pair_imbalances(layers, inputs, noise.T @ noise / 400)
    for number in range(3):
        before, below, above, after = torch.eye(5, dtype=FLOAT), *layers[number : number + 2], None
        for layer in layers[:number]:
            before = layer @ before
        after = torch.eye(len(above), dtype=FLOAT)
        for layer in layers[number + 2 :]:
            after = layer @ after
        # The samples of inputs and noise are crossed, so that they are exactly independent.
        errors = (noise @ after).repeat_interleave(400, 0)
        hidden = (x @ before.T).repeat(400, 1)
        upper = (errors @ above)[:, :, None] * hidden[:, None]
        lower = errors[:, :, None] * (hidden @ below.T)[:, None]
        of_upper = torch.einsum("nij,nkj->ik", upper, upper)
        of_lower = torch.einsum("nij,nik->jk", lower, lower)
        difference = torch.linalg.matrix_norm(of_upper - of_lower)
        relative = difference / torch.linalg.matrix_norm(of_upper + of_lower)
        assert float(relative) == pytest.approx(float(expected[number]), rel=1e-10)


def test_two_layers_are_balanced_with_decay_and_with_a_rest():
    error = 0.3 * drawn(4, 5)
    for options in ({}, {"decay_ratio": 0.7}, {"error": error, "decay_ratio": 0.2}):
        gradients = gradients_of(INPUTS, NOISE, **options)
        pair = equilibrium(TARGET, gradients)
        torch.testing.assert_close(pair.outgoing @ pair.incoming, TARGET, rtol=0, atol=ROUNDING)
        assert imbalance(pair, gradients) < ROUNDING
        assert unbalanced(pair, gradients).abs().max() < ROUNDING * gradients.incoming.norm()
    first = deep_equilibrium(TARGET, INPUTS, NOISE, 2)
    pair = equilibrium(TARGET, gradients_of(INPUTS, NOISE))
    torch.testing.assert_close(pair.incoming.T @ pair.incoming, first[0].T @ first[0])


def test_what_drives_two_layers_is_the_second_moment_of_their_gradients():
    """Sampled: U^T Gamma_U U and W Gamma_W W^T from the gradients of many single samples."""
    samples = 400_000
    pair = Pair(drawn(4, 3), drawn(3, 5))
    x = drawn(samples, 5) @ torch.linalg.cholesky(INPUTS).T
    y = x @ TARGET.T + drawn(samples, 4) @ torch.linalg.cholesky(NOISE).T
    residual = x @ (pair.outgoing @ pair.incoming).T - y
    incoming = (x * (residual**2).sum(1, keepdim=True)).T @ x / samples
    outgoing = (residual * (x**2).sum(1, keepdim=True)).T @ residual / samples
    error = pair.outgoing @ pair.incoming - TARGET
    gradients = gradients_of(INPUTS, NOISE, error=error)
    torch.testing.assert_close(gradients.incoming, incoming, rtol=0.02, atol=0.01 * incoming.norm())
    torch.testing.assert_close(gradients.outgoing, outgoing, rtol=0.02, atol=0.01 * outgoing.norm())


@pytest.mark.parametrize("split", [0.2, 0.5, 1.0, 1.6])
def test_split_inputs_have_the_published_ratio_and_sharpness(split):
    teacher = split_teacher(torch.tensor([split], dtype=FLOAT), 10)
    inputs = torch.diag_embed(teacher.inputs**2)
    noise = torch.diag_embed(teacher.noise**2)
    pair = equilibrium(teacher.target, gradients_of(inputs, noise))
    assert norm_ratio(pair).item() == pytest.approx(1 / np.sqrt(split * (2 - split)))
    expected = 100 * (np.sqrt(split) + np.sqrt(2 - split))
    assert sharpness(pair, inputs).item() == pytest.approx(expected)
    nothing = 0 * inputs
    balanced = equilibrium(teacher.target, gradients_of(nothing, nothing, decay_ratio=1.0))
    assert norm_ratio(balanced).item() == pytest.approx(1)
    assert sharpness(balanced, inputs).item() == pytest.approx(200)


def test_sharpness_is_half_the_trace_of_the_hessian():
    pair = Pair(drawn(4, 3), drawn(3, 5))
    count = pair.outgoing.numel()

    def loss(weights: Tensor) -> Tensor:
        outgoing = weights[:count].reshape(4, 3)
        incoming = weights[count:].reshape(3, 5)
        error = outgoing @ incoming - TARGET
        return (error @ INPUTS @ error.T).trace()

    weights = torch.cat([layer.flatten() for layer in pair])
    hessian = torch.autograd.functional.hessian(loss, weights)
    assert hessian.trace().item() == pytest.approx(2 * sharpness(pair, INPUTS).item())


def test_charges_change_by_the_squared_gradients_alone():
    """A step of SGD changes the difference of two squared norms by that of their gradients."""
    layers = [drawn(1, 4, 5), drawn(1, 3, 4), drawn(1, 2, 3)]
    batch = (drawn(1, 6, 5), drawn(1, 6, 2))
    gradients = layer_gradients(layers, batch)
    for low in (0, 1):
        change = 0.0
        force = 0.0
        for number, sign in ((low + 1, 1), (low, -1)):
            stepped = layers[number] - 0.05 * gradients[number]
            change += sign * float((stepped**2).sum() - (layers[number] ** 2).sum())
            force += sign * float((gradients[number] ** 2).sum())
        assert change == pytest.approx(0.05**2 * force, rel=1e-10)


@pytest.mark.parametrize("name", sharpening.INITIALISATIONS)
def test_starts_are_as_sharp_as_their_variances_say(name):
    arrays, coordinates = sharpening.measure(2, 40)
    column = coordinates["initialisation"].values.index(name)
    starts = arrays["sharpness"].values[0, :, column, :, 0]
    expected = np.array([sharpening.start_sharpness(width, name) for width in sharpening.WIDTHS])
    error = starts.std(1, ddof=1) / np.sqrt(40)
    assert (np.abs(starts.mean(1) - expected) < 4 * error).all()
    assert arrays["end_theory"].values[2] == pytest.approx(200)


def test_initialisations_have_the_variances_of_pytorch():
    layer = torch.nn.Linear(300, 200, bias=False)
    torch.manual_seed(0)
    for name, fill in (
        ("Kaiming, ReLU", lambda w: torch.nn.init.kaiming_normal_(w, nonlinearity="relu")),
        ("Kaiming, linear", lambda w: torch.nn.init.kaiming_normal_(w, nonlinearity="linear")),
        ("Xavier", torch.nn.init.xavier_normal_),
        ("PyTorch", lambda w: torch.nn.Linear(300, 200, bias=False).weight),
    ):
        variance = fill(layer.weight.detach()).detach().var().item()
        expected = sharpening.INITIALISATIONS[name].of(300, 200)
        assert variance == pytest.approx(expected, rel=0.03), name
