"""The two sides of hidden units, and what several units between two numbers come to."""

import pytest
import torch

from symgeom.ground.randomness import stream
from symgeom.models.noise.alignment import (
    ACTIVATIONS,
    cosine,
    off_diagonal_correlation,
    residual_losses,
    residuals,
    sides,
)
from symgeom.models.noise.experiments import scalar_chain, warm_up
from symgeom.models.noise.linear.two_layers import equilibrium, gradients_of

EXACT = 1e-10


def normal(name, *shape):
    return torch.randn(shape, generator=stream(name), dtype=torch.float64)


def covariance(name, size):
    root = normal(name, size, 2 * size)
    return root @ root.mT / size


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_residuals_are_those_of_a_network_of_torch(activation):
    modules = {
        "linear": torch.nn.Identity(),
        "tanh": torch.nn.Tanh(),
        "ReLU": torch.nn.ReLU(),
        "leaky ReLU": torch.nn.LeakyReLU(0.1),
        "swish": torch.nn.SiLU(),
    }
    weights = {"incoming": normal("w", 2, 5, 3), "outgoing": normal("u", 2, 4, 5)}
    batch = (normal("x", 2, 7, 3), normal("y", 2, 7, 4))
    of_all = residuals(ACTIVATIONS[activation], weights, batch)
    losses = residual_losses(ACTIVATIONS[activation])(weights, batch)
    for network in range(2):
        incoming = torch.nn.Linear(3, 5, bias=False, dtype=torch.float64)
        outgoing = torch.nn.Linear(5, 4, bias=False, dtype=torch.float64)
        incoming.weight.data = weights["incoming"][network]
        outgoing.weight.data = weights["outgoing"][network]
        layers = torch.nn.Sequential(incoming, modules[activation], outgoing)
        expected = layers(batch[0][network]) - batch[1][network]
        torch.testing.assert_close(of_all[network], expected.detach(), rtol=EXACT, atol=EXACT)
        mean_square = torch.nn.functional.mse_loss(expected, 0 * expected).detach() * 4
        torch.testing.assert_close(losses[network], mean_square, rtol=EXACT, atol=0)


def test_both_sides_are_equal_at_the_noise_equilibrium():
    """In any basis of the units; elsewhere on the orbit they are not."""
    inputs, noise = covariance("inputs", 6), covariance("noise", 5)
    pair = equilibrium(normal("target", 5, 6), gradients_of(inputs, noise))
    rotation = torch.linalg.qr(normal("rotation", 5, 5)).Q
    weights = {
        "incoming": (rotation @ pair.incoming)[None],
        "outgoing": (pair.outgoing @ rotation.mT)[None],
    }
    of_inputs, of_noise = sides(weights, inputs, noise)
    torch.testing.assert_close(of_inputs, of_noise, rtol=0, atol=EXACT)
    assert float(cosine(of_inputs, of_noise)) == pytest.approx(1, abs=EXACT)
    assert float(off_diagonal_correlation(of_inputs, of_noise)) == pytest.approx(1, abs=EXACT)
    mixing = torch.linalg.inv(normal("mixing", 5, 5))
    moved = {
        "incoming": torch.linalg.inv(mixing) @ weights["incoming"],
        "outgoing": weights["outgoing"] @ mixing,
    }
    assert float(off_diagonal_correlation(*sides(moved, inputs, noise))) < 0.9


def test_a_diagonal_has_no_say_in_the_correlation():
    first, second = covariance("first", 6), covariance("second", 6)
    before = float(off_diagonal_correlation(first, second))
    louder = first + 100 * torch.eye(6, dtype=torch.float64)
    assert float(off_diagonal_correlation(louder, second)) == pytest.approx(before, abs=EXACT)
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    columns = torch.tensor([[m[i, j] for i, j in pairs] for m in (first, second)])
    assert float(torch.corrcoef(columns)[0, 1]) == pytest.approx(before, abs=EXACT)
    big = 1e3 * torch.eye(6, dtype=torch.float64)
    assert float(cosine(first + big, second + big)) > 0.99


def test_products_get_one_sign_and_weights_keep_theirs():
    arrays, _ = scalar_chain.measure(1_500, 2)
    products = arrays["product_signs"].values
    assert (products[:, 0] < 0.7).all()
    assert (products[:, -1] > 0.8).all()
    assert (arrays["outgoing_signs"].values[:, -1] < 0.7).all()


def test_the_trace_of_the_hessian_is_twice_what_is_printed():
    arrays, _ = scalar_chain.measure(2, 2)
    ratio = arrays["trace"].values / arrays["trace_printed"].values
    assert ratio == pytest.approx(2, rel=EXACT)


def test_balanced_starts_compute_what_others_do():
    """The arms that start from Kaiming's numbers have one function, at sharpnesses far apart."""
    kaiming, balanced = (
        warm_up.start_of(warm_up.ARMS[name], 2) for name in ("Kaiming", "Kaiming, balanced first")
    )
    functions = [outgoing @ incoming for incoming, outgoing in (kaiming, balanced)]
    torch.testing.assert_close(functions[0], functions[1], rtol=EXACT, atol=EXACT)
    lengths = [layer.norm(dim=(1, 2)) for layer in balanced]
    torch.testing.assert_close(lengths[0], lengths[1], rtol=EXACT, atol=0)
    assert (kaiming[1].norm(dim=(1, 2)) > 5 * kaiming[0].norm(dim=(1, 2))).all()
