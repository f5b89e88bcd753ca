"""Networks by name: tensors, functions and initial weights."""

import math

import pytest
import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.learning.networks import build

OPTIONS = {"widths": [400, 300], "bias": True}


def built(seed=0, input_shape=(50,), classes=10, **options):
    generator = torch.Generator().manual_seed(seed)
    return build(
        "mlp", input_shape=input_shape, classes=classes, options=options, generator=generator
    )


def test_tensors_are_named_by_layer():
    shapes = {
        name: tuple(tensor.shape)
        for name, tensor in built(widths=[8, 6], classes=3).named_parameters()
    }
    assert shapes == {
        "0.weight": (8, 50),
        "0.bias": (8,),
        "2.weight": (6, 8),
        "2.bias": (6,),
        "4.weight": (3, 6),
        "4.bias": (3,),
    }
    assert [name for name, _ in built(widths=[], bias=False).named_parameters()] == ["0.weight"]


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("relu", lambda x: x.clamp(min=0)),
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.01 * x)),
        ("tanh", lambda x: 1 - 2 / ((2 * x).exp() + 1)),
        ("gelu", lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))),
        ("identity", lambda x: x),
    ],
)
def test_function_is_affine_layers_with_the_activation_between(activation, function):
    network = built(input_shape=(2, 3), widths=[4], classes=3, activation=activation).double()
    inputs = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    first, second = (layer for layer in network if isinstance(layer, nn.Linear))
    expected = (
        function(inputs.reshape(5, 6) @ first.weight.T + first.bias) @ second.weight.T + second.bias
    )
    torch.testing.assert_close(network(inputs), expected)


@pytest.mark.parametrize(
    ("initialisation", "variances"),
    [
        ("uniform", [1 / (3 * 50), 1 / (3 * 400), 1 / (3 * 300)]),
        ("he", [2 / 50, 2 / 400, 2 / 300]),
        ("glorot", [2 / 450, 2 / 700, 2 / 310]),
    ],
)
def test_initial_weights_have_the_prescribed_variance(initialisation, variances):
    layers = [
        layer
        for layer in built(**OPTIONS, initialisation=initialisation)
        if isinstance(layer, nn.Linear)
    ]
    for layer, variance in zip(layers, variances, strict=True):
        deviation = math.sqrt(
            2 / layer.weight.numel()
        )  # relative, of an empirical normal variance (a uniform one has less)
        assert layer.weight.var(correction=0).item() == pytest.approx(variance, rel=5 * deviation)
        assert abs(layer.weight.mean().item()) < 5 * math.sqrt(variance / layer.weight.numel())
        bound = layer.in_features**-0.5
        if initialisation == "uniform":
            assert layer.weight.abs().max() <= bound
            assert 0.8 * bound < layer.bias.abs().max() <= bound
        else:
            assert layer.weight.abs().max() > 2.5 * math.sqrt(variance)
            assert not layer.bias.any()


def test_weights_depend_on_the_generator_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = built(3, widths=[7]), built(3, widths=[7]), built(4, widths=[7])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)
    )
    assert not torch.equal(first[0].weight, other[0].weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": [3]}, "Unknown option of network 'mlp' 'width': choose one of 'widths'"),
        ({"widths": [3, 0]}, r"widths \[3, 0\]: give a list of positive whole numbers"),
        ({"widths": [10**12]}, r"widths \[1000000000000\]: give a list of .* up to 1,000,000, one"),
        ({"widths": 3}, "widths 3: give a list"),
        ({"activation": "swish"}, "Unknown activation of network 'mlp' 'swish'"),
        ({"initialisation": "zero"}, "Unknown initialisation of network 'mlp' 'zero'"),
        ({"bias": "no"}, "Cannot build network 'mlp' with bias = 'no': give true or false"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(SymgeomError, match=message):
        built(**options)


def test_an_unknown_network_is_named():
    with pytest.raises(
        SymgeomError,
        match="Unknown network 'mpl': choose one of 'mlp', .* or name a function of your own",
    ):
        build("mpl", input_shape=(2,), classes=2, options={}, generator=torch.Generator())
