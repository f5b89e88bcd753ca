"""Binary networks with convolutions: explicit signs, no sum that vanishes, symmetries, paths."""

import pytest
import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.binary import (
    BinaryConv2d,
    HammingPath,
    SignActivation,
    binarise,
    binary_tensors,
    flip_energy,
    hamming_distance,
    random_order,
    sign,
)
from symgeom.landscape.problem import Problem
from symgeom.learning.networks.binary_lenet import build_binary_lenet
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.training import Plan, train
from symgeom.quotient.alignment import align
from symgeom.quotient.gauge import canonicalise
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, random_element

SMALL = {"channels": [3, 5], "kernels": [5, 3], "hidden": 7}
NAMES = ("0.weight", "2.weight", "5.weight", "7.weight")


def lenet(seed: int = 0) -> nn.Sequential:
    network = build_binary_lenet((2, 11, 19), 3, SMALL, generator=stream("binary lenet", seed))
    return network.double()


def images(samples: int = 20) -> torch.Tensor:
    generator = stream("binary images")
    return torch.randn(samples, 2, 11, 19, generator=generator, dtype=torch.float64)


def problem() -> Problem:
    return Problem(lenet(), images(), torch.arange(20) % 3)


def by_hand(layer: BinaryConv2d, inputs: torch.Tensor) -> torch.Tensor:
    """The pre-activations of a convolution with loops over its places."""
    _, _, kernel, _ = layer.weight.shape
    signs = torch.where(layer.weight > 0, 1.0, -1.0).double()
    rows = range(0, inputs.shape[2] - kernel + 1, layer.stride)
    columns = range(0, inputs.shape[3] - kernel + 1, layer.stride)
    outputs = torch.empty(len(inputs), len(signs), len(rows), len(columns), dtype=torch.float64)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            patch = inputs[:, None, :, row : row + kernel, column : column + kernel]
            outputs[:, :, i, j] = (patch * signs).sum((2, 3, 4)) / signs[0].numel() ** 0.5
    return outputs


def test_a_convolution_computes_with_signs():
    layer = lenet()[0]
    torch.testing.assert_close(layer(images()), by_hand(layer, images()), rtol=1e-13, atol=1e-13)


def test_gradients_go_straight_through_to_the_latent_weights():
    layer = BinaryConv2d(1, 1, kernel=3, stride=2)
    nn.init.constant_(layer.weight, 0.5)
    nn.init.constant_(layer.weight[0, 0, 0], 1.5)  # beyond 1, and the gradient leads further out
    (-layer(torch.ones(1, 1, 3, 5))).sum().backward()
    assert layer.weight.grad[0, 0].sum(1).tolist() == pytest.approx([0.0, -2.0, -2.0])


def test_no_sum_of_signs_vanishes():
    """Their number of terms is odd: each sum is at least 1, over the root of that number."""
    network = lenet()
    seen = {}
    for number, layer in enumerate(network):
        if number and hasattr(layer, "weight"):
            layer.register_forward_hook(
                lambda layer, _, out: seen.update({layer: out * layer.weight[0].numel() ** 0.5})
            )
    network(images())
    assert len(seen) == 3
    for sums in seen.values():
        assert torch.equal(sums.round().abs() % 2, torch.ones_like(sums))


def test_permutations_and_signs_are_recognised_and_certified():
    network = lenet()
    spec = discover(network, images(2))
    assert [group.size for group in spec.groups] == [3, 5, 7]
    assert {group.scale for group in spec.groups} == {"sign"}
    params = parameters(network)
    certify(spec, network, params, inputs=images(), generator=stream("binary proof")).require()
    element = random_element(spec, generator=stream("binary element"))
    moved = act(spec, element, params)
    assert hamming_distance(params, moved, NAMES) > 0.2
    expected = network(images())
    torch.testing.assert_close(torch.func.functional_call(network, moved, images()), expected)


def test_alignment_recovers_a_planted_element():
    network = lenet()
    spec = discover(network, images(2))
    signs = canonicalise(spec, binarise(parameters(network), NAMES)).parameters
    element = random_element(spec, generator=stream("binary element"))
    moved = canonicalise(spec, act(spec, element, signs)).parameters
    aligned = act(spec, align(spec, signs, moved).element, moved)
    assert hamming_distance(signs, aligned, NAMES) == 0


def test_a_hamming_path_flips_weights_one_after_the_other():
    start = parameters(lenet(0))
    end = parameters(lenet(1))
    assert binary_tensors(lenet()) == NAMES
    order = random_order(start, NAMES, generator=stream("binary order"))
    path = HammingPath(start, end, order)
    whole = hamming_distance(start, end, NAMES)
    weights = sum(start[name].numel() for name in NAMES)
    for t in (0.25, 0.5):
        gone = hamming_distance(start, path(t), NAMES) * weights
        assert gone == (t * whole * weights).round()
    assert torch.equal(path(1.0)["2.weight"], sign(end["2.weight"]))


def test_no_flip_changes_nothing_and_flips_of_all_weights_do():
    energy = flip_energy(
        problem(),
        parameters(lenet()),
        probabilities=[0.0, 0.5],
        draws=20,
        generator=stream("binary flips"),
    )
    assert float(energy.error_increase[0]) == 0
    assert float(energy.error_increase[1]) != 0


def test_a_binary_lenet_learns():
    samples = images(60)
    targets = (samples[:, 0].mean((1, 2)) > samples[:, 1].mean((1, 2))).long()
    network = lenet()
    trained = train(
        Problem(network, samples, targets),
        {name: tensor[None] for name, tensor in parameters(network).items()},
        SGD(1.0, 0.0),
        plan=Plan(batch_size=20, epochs=40),
        generators=[stream("order")],
    )
    assert float(trained.error[0].nan_to_num(1.0).min()) <= 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": [4, 5]}, r"'binary_lenet' with even channels \[4\]: a sum of an even number"),
        ({"kernels": [5]}, "with 1 kernels and 2 channels: give one kernel for each"),
        ({"kernels": [3, 3]}, "whose last convolution leaves 2 by 4 pixels: .* other kernels"),
        ({"hidden": 8}, r"with even hidden \[8\]"),
        ({"kernels": [15, 3]}, "of at least 19 by 19 pixels"),
    ],
)
def test_networks_that_cannot_be_built(options, message):
    with pytest.raises(SymgeomError, match=message):
        build_binary_lenet((2, 11, 19), 3, {**SMALL, **options}, generator=stream("none"))


def test_latent_weights_have_the_variance_of_glorot():
    options = {"channels": [31, 51], "kernels": [5, 3], "hidden": 31}
    network = build_binary_lenet((1, 28, 28), 10, options, generator=stream("wide"))
    deviation = float(network[2].weight.detach().std())
    assert deviation == pytest.approx((2 / (9 * (31 + 51))) ** 0.5, rel=0.03)
    assert network(torch.ones(2, 1, 28, 28)).shape == (2, 10)
    assert isinstance(network[1], SignActivation)
