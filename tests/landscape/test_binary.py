"""Binary networks: the straight-through sign, their symmetries, distances and local energy,
against explicit signs and flips."""

import itertools
import math

import pytest
import torch
from cases import batch, binary_module
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, stack, unstack
from symgeom.landscape.binary import (
    BinaryLinear,
    SignActivation,
    binarise,
    binary_tensors,
    flip_energy,
    hamming_distance,
    sign,
    unit_hamming_distances,
)
from symgeom.landscape.problem import Problem
from symgeom.learning.networks.binary_mlp import build_binary_mlp
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.training import Plan, train
from symgeom.quotient.alignment import align
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (6, 7, 5, 3)


NAMES = ("0.weight", "2.weight", "4.weight")


def problem(samples=40, **options):
    return Problem(binary_module(*WIDTHS, **options), *batch(samples, WIDTHS[0], WIDTHS[-1]))


def inputs(samples=40, features=WIDTHS[0]):
    return batch(samples, features, 1)[0]


def by_hand(params, x):
    """The outputs of the binary perceptron with loops over explicit signs."""
    for layer, name in enumerate(params):
        weights = params[name].tolist()
        rows = [[1.0 if w > 0 else -1.0 for w in row] for row in weights]
        x = [
            [
                sum(w * v for w, v in zip(row, sample, strict=True)) / len(sample) ** 0.5
                for row in rows
            ]
            for sample in x
        ]
        if layer < len(params) - 1:
            x = [[1.0 if v > 0 else -1.0 for v in sample] for sample in x]
    return torch.tensor(x, dtype=torch.float64)


def test_the_network_computes_with_signs():
    network = binary_module(*WIDTHS)
    torch.testing.assert_close(
        network(inputs(5)), by_hand(parameters(network), inputs(5).tolist()), rtol=1e-13, atol=1e-13
    )
    assert torch.equal(
        network(inputs()),
        torch.func.functional_call(network, binarise(parameters(network), NAMES), inputs()),
    )


def test_gradients_go_straight_through_within_one_and_back_from_beyond():
    layer = BinaryLinear(4, 1)
    latent = torch.tensor([[0.5, -0.99, 1.5, -1.5]])
    with torch.no_grad():
        layer.weight.copy_(latent)
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    for direction, expected in [(1.0, [0.5, 1.0, 1.5, 0.0]), (-1.0, [-0.5, -1.0, 0.0, -2.0])]:
        layer.weight.grad = None
        (direction * layer(x)).sum().backward()  # without the sign: direction * x / 2
        assert layer.weight.grad.tolist() == [expected]
    z = torch.tensor([-1.5, -1.0, 0.2, 1.5], requires_grad=True)
    (SignActivation()(z) * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert z.grad.tolist() == [0.0, 2.0, 3.0, 0.0]


def test_the_sign_is_odd_also_at_zero():
    x = torch.tensor([0.0, -0.0, 1e-300, -3.0], dtype=torch.float64)
    assert sign(x).tolist() == [1.0, -1.0, 1.0, -1.0]
    assert torch.equal(sign(-x), -sign(x))


def test_stacked_gradients_are_those_of_each_network():
    data = problem()
    networks = stack([parameters(binary_module(*WIDTHS, seed=seed)) for seed in range(3)])
    together = torch.vmap(data.gradient)(networks)
    for member, network in enumerate(unstack(networks)):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in network.items()}
        alone = torch.autograd.grad(data.loss(leaves), list(leaves.values()))
        for name, gradient in zip(leaves, alone, strict=True):
            assert gradient.abs().max() > 0
            torch.testing.assert_close(together[name][member], gradient, rtol=1e-12, atol=1e-15)


def hidden(number, here, there, size):
    return UnitGroup(
        f"hidden{number}",
        size,
        (Leg(f"{here}.weight", 0), Leg(f"{there}.weight", 1, power=-1)),
        "sign",
    )


@pytest.mark.parametrize("binary_head", [True, False])
def test_permutations_and_signs_are_found_and_certified(binary_head):
    network = binary_module(*WIDTHS, binary_head=binary_head)
    groups = [hidden(1, 0, 2, 7), hidden(2, 2, 4, 5)]
    if not binary_head:
        groups.append(
            UnitGroup("head", 1, (Leg("4.weight", 0, block=3),), permute=False, exact_for="error")
        )
    spec = discover(network, inputs())
    assert spec == SymmetrySpec(tuple(groups))
    certificate = certify(
        spec, network, parameters(network), inputs=inputs(), generator=stream("certify"), draws=5
    )
    assert certificate.passed
    assert certificate.residual < 1e-14


def test_the_sign_of_one_tensor_is_not_given_to_another():
    class Given(nn.Linear):
        def forward(self, x):
            return torch.copysign(x, super().forward(x))

    with pytest.raises(
        SymgeomError,
        match="Cannot discover the symmetries through the sign of one tensor given to another in",
    ):
        discover(Given(6, 6).double(), inputs(), strict=True)


def test_alignment_recovers_a_planted_element_on_canonical_binary_networks():
    spec = discover(binary_module(20, 15, 13, 10), inputs(features=20))
    params = binarise(
        parameters(binary_module(20, 15, 13, 10)), ["0.weight", "2.weight", "4.weight"]
    )
    moved = act(spec, random_element(spec, generator=stream("element")), params)
    assert hamming_distance(params, moved, ["0.weight"]) > 0.3
    reference, other = (canonicalise(spec, network).parameters for network in (params, moved))
    assert all(
        (tensor.abs() == 1).all() for tensor in (*reference.values(), *other.values())
    )  # no norm is imposed
    found = align(spec, reference, other)
    aligned = act(spec, found.element, other)
    assert all(torch.equal(aligned[name], reference[name]) for name in reference)


def test_the_angle_of_binary_units_is_the_arc_cosine_of_their_hamming_distance():
    spec, first, second = (
        discover(binary_module(*WIDTHS), inputs()),
        *(parameters(binary_module(*WIDTHS, seed=seed)) for seed in (0, 1)),
    )
    distances = unit_hamming_distances(spec, first, second)
    angles = Torus(spec).angles(binarise(first, NAMES), binarise(second, NAMES))
    for name, found in distances.items():
        torch.testing.assert_close(
            angles[name], torch.arccos(1 - 2 * found), rtol=1e-12, atol=1e-12
        )
    rows = [(first["0.weight"][unit] > 0) ^ (second["0.weight"][unit] > 0) for unit in range(7)]
    assert distances["hidden1"].tolist() == pytest.approx([float(row.sum()) / 6 for row in rows])


def test_hamming_distance_is_the_share_of_weights_that_differ():
    first = {
        "a": torch.tensor([0.1, -0.2, 3.0]),
        "b": torch.tensor([[1.0]]),
        "real": torch.zeros(5),
    }
    second = {
        "a": torch.tensor([2.0, 0.2, -3.0]),
        "b": torch.tensor([[0.5]]),
        "real": torch.ones(5),
    }
    assert float(hamming_distance(first, second, ["a", "b"])) == 0.5
    assert float(hamming_distance(first, second, ["b"])) == 0.0


def test_binary_tensors_are_named_and_what_is_none_is_refused():
    assert NAMES == ("0.weight", "2.weight", "4.weight")
    assert binary_tensors(binary_module(*WIDTHS, binary_head=False)) == ("0.weight", "2.weight")
    with pytest.raises(
        SymgeomError, match=r"network \(Linear\) as binary: none of its layers is a BinaryLinear"
    ):
        binary_tensors(nn.Linear(2, 2))
    with pytest.raises(
        SymgeomError, match=r"Cannot find the binary tensors \['c'\] in a network with \['a'\]"
    ):
        binarise({"a": torch.ones(1)}, ["a", "c"])
    with pytest.raises(
        SymgeomError,
        match="Cannot use the network to binarise: tensor 'a' holds 1 values that are NaN",
    ):
        binarise({"a": torch.tensor([1.0, math.nan])}, ["a"])


def test_flip_energy_is_the_mean_over_all_flips():
    """Two weights have four patterns of flips: the exact expectation at every probability."""
    x, targets = inputs(30, 2), torch.randint(2, (30,), generator=stream("targets"))
    data = Problem(binary_module(2, 1, 2), x, targets)
    params = parameters(binary_module(2, 1, 2))
    names = binary_tensors(data.module)
    probabilities = [0.0, 0.1, 0.4, 1.0]
    found = flip_energy(
        data, params, probabilities=probabilities, draws=600, generator=stream("flips")
    )
    for index, p in enumerate(probabilities):
        mean = 0.0
        for flips in itertools.product([1, -1], repeat=4):
            flipped = {
                "0.weight": params["0.weight"] * torch.tensor([flips[:2]]),
                "2.weight": params["2.weight"] * torch.tensor(flips[2:])[:, None],
            }
            chance = math.prod(p if flip < 0 else 1 - p for flip in flips)
            mean += chance * float(data.error(flipped) - data.error(params))
        assert abs(float(found.error_increase[index]) - mean) <= 4 * float(
            found.standard_error[index]
        )
    assert found.error_increase[0] == 0
    assert (found.noise.kind, found.tensors, found.draws) == ("flips", names, 600)


def test_flip_energy_does_not_depend_on_the_representative():
    """One wide layer of flips that stay with their places: signs commute with flips, weight by
    weight."""
    data, params = problem(), parameters(binary_module(*WIDTHS))
    spec = discover(data.module, data.inputs)
    element = random_element(spec, generator=stream("element"))
    signs = type(element)(
        {name: torch.arange(len(order)) for name, order in element.permutations.items()},
        element.scales,
    )
    same = {"probabilities": [0.1, 0.3], "draws": 5}
    first = flip_energy(data, params, generator=stream("flips"), **same)
    second = flip_energy(data, act(spec, signs, params), generator=stream("flips"), **same)
    assert torch.equal(first.error_increase, second.error_increase)
    assert (first.error_increase != 0).all()


def test_flip_energy_of_what_diverged_is_not_a_number_and_bad_requests_are_named():
    data, params = problem(), parameters(binary_module(*WIDTHS))
    params["0.weight"][0, 0] = math.nan
    found = flip_energy(data, params, probabilities=[0.1], draws=2, generator=stream("flips"))
    assert found.error_increase.isnan().all()
    for options, message in [
        (
            {"probabilities": [0.1], "draws": 1},
            "Cannot estimate a local energy from 1 draws: its standard error needs at least 2",
        ),
        (
            {"probabilities": [1.2], "draws": 2},
            r"Cannot flip weights with probabilities \[1.2\]: give numbers from 0 to 1",
        ),
    ]:
        with pytest.raises(SymgeomError, match=message):
            flip_energy(data, params, generator=stream("flips"), **options)


def test_a_binary_network_learns_what_a_teacher_of_its_kind_computes():
    x = inputs(200, 15).float()
    network = binary_module(15, 31, 2).float()
    targets = binary_module(15, 3, 2, seed=9).float()(x).argmax(-1)
    plan = Plan(batch_size=50, epochs=60)
    trained = train(
        Problem(network, x, targets),
        stack([parameters(network)]),
        SGD(1.0, 0.0),
        plan=plan,
        generators=[stream("order")],
    )
    assert float(trained.error[0, 0]) > 0.3
    assert float(trained.error[0].nan_to_num(1.0).min()) < 0.08


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"widths": [101, 100]},
            (
                r"network 'binary_mlp' with even widths \[100\]: a sum of an even number of "
                r"signs can be zero"
            ),
        ),
        ({"widths": [0]}, r"Cannot build network 'binary_mlp' with widths \[0\]"),
        (
            {"bias": True},
            "Unknown option of network 'binary_mlp' 'bias': choose one of 'widths', 'binary_head'",
        ),
        ({"binary_head": 1}, "network 'binary_mlp' with binary_head = 1: give true or false"),
    ],
)
def test_networks_that_cannot_be_built(options, message):
    with pytest.raises(SymgeomError, match=message):
        build_binary_mlp((4,), 2, options, generator=stream("none"))


def test_images_are_flattened_and_latent_weights_have_the_variance_of_glorot():
    network = build_binary_mlp((1, 40, 40), 10, {"widths": [201]}, generator=stream("wide"))
    assert [name for name, _ in network.named_parameters()] == ["1.weight", "3.weight"]
    assert network(torch.ones(2, 1, 40, 40)).shape == (2, 10)
    assert float(network[1].weight.detach().var()) == pytest.approx(2 / (1600 + 201), rel=0.02)
