"""Networks of others: torchvision's models by name, and functions of the user's own."""

import sys
from pathlib import Path

import pytest
import torch
from cases import torchvision_models
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.learning.networks import build
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover

SOURCE = """
import torch
from torch import nn

def plain(width, classes=2, bias=True):
    return nn.Sequential(nn.Linear(3, width, bias=bias), nn.ReLU(), nn.Linear(width, classes))

def aware(input_shape, classes, options, *, generator):
    layer = nn.Linear(*input_shape, classes)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * options["scale"])
    return layer

def wrong():
    return [1, 2]

number = 3
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a module of networks and work in its folder."""
    (tmp_path / "my_networks.py").write_text(SOURCE)
    (tmp_path / "my_broken_networks.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def built(name: str, seed: int = 0, input_shape=(3,), **options: object) -> nn.Module:
    return build(
        name, input_shape=input_shape, classes=2, options=options, generator=stream("network", seed)
    )


def test_a_function_of_options_is_called_with_them(home: Path):
    network = built("my_networks:plain", width=5, bias=False)
    assert [tuple(tensor.shape) for tensor in network.parameters()] == [(5, 3), (2, 5), (2,)]


@pytest.mark.parametrize(
    ("name", "options"),
    [("my_networks:plain", {"width": 5}), ("my_networks:aware", {"scale": 2.0})],
)
def test_weights_depend_on_the_generator_alone(home: Path, name: str, options: dict):
    state, path = torch.get_rng_state(), list(sys.path)
    first = built(name, 1, **options)
    torch.rand(7)
    again, other = built(name, 1, **options), built(name, 2, **options)
    torch.set_rng_state(state)
    built(name, 3, **options)
    assert torch.equal(torch.get_rng_state(), state)
    assert sys.path == path
    for a, b, c in zip(first.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_a_function_that_takes_the_generator_gets_shape_classes_and_options(home: Path):
    small, large = (built("my_networks:aware", scale=scale) for scale in (1.0, 3.0))
    assert torch.equal(3 * small.weight, large.weight)
    assert small.weight.shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "my_network:plain",
            {},
            (
                "Cannot import 'my_network' .* No module named 'my_network'. .* working "
                "directory '.*test_.*'"
            ),
        ),
        ("my_broken_networks:f", {}, "No module named 'a_package_that_is_not_there'"),
        (":plain", {}, "Cannot import '' for network ':plain'"),
        (
            "my_networks:simple",
            {},
            r"module 'my_networks' \(.*my_networks.py\) has no function 'simple'",
        ),
        ("my_networks:number", {}, "has no function 'number'"),
        (
            "my_networks:plain",
            {"depth": 3},
            r"Cannot call 'my_networks:plain' with options \['depth'\]: .*it takes \(width",
        ),
        (
            "my_networks:wrong",
            {},
            "'my_networks:wrong': the function returned a list. Return a torch.nn.Module",
        ),
    ],
)
def test_what_makes_no_network_is_named(home: Path, name: str, options: dict, message: str):
    with pytest.raises(SymgeomError, match=message):
        built(name, **options)


def test_a_model_of_torchvision_is_discovered_and_certified():
    network = built("torchvision", input_shape=(3, 32, 32), model="shufflenet_v2_x0_5").double()
    inputs = torch.randn(2, 3, 32, 32, generator=stream("images"), dtype=torch.float64)
    assert isinstance(network, torchvision_models().ShuffleNetV2)
    assert network.fc.out_features == 2
    spec = discover(network, inputs)
    certify(
        spec, network, parameters(network), inputs=inputs, generator=stream("certify"), draws=1
    ).require()


def test_an_option_reaches_the_function_of_torchvision():
    network = built("torchvision", input_shape=(3, 32, 32), model="squeezenet1_1", dropout=0.25)
    assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.25]


def test_torchvision_weights_depend_on_the_generator_alone():
    state = torch.get_rng_state()
    first, again, other = (
        built("torchvision", seed, (3, 32, 32), model="squeezenet1_1") for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        (
            {},
            (3, 32, 32),
            "model None: torchvision has no such classifier. .* for instance 'resnet18'",
        ),
        (
            {"model": "resnet19"},
            (3, 32, 32),
            "model 'resnet19': torchvision has no such classifier. .*'resnet18'",
        ),
        (
            {"model": "vgg11", "weights": "DEFAULT"},
            (3, 32, 32),
            r"options \['weights'\]: a minimum starts from random weights",
        ),
        (
            {"model": "vgg11", "num_classes": 5},
            (3, 32, 32),
            "Leave out 'weights' and 'num_classes'",
        ),
        (
            {"model": "vgg11"},
            (1, 32, 32),
            r"'vgg11' for samples of shape \(1, 32, 32\): it takes images of 3 channels",
        ),
        (
            {"model": "vgg11", "depth": 3},
            (3, 32, 32),
            "'vgg11' with options {'depth': 3}: .*unexpected keyword",
        ),
        (
            {"model": "vit_b_16", "image_size": 33},
            (3, 33, 33),
            "'vit_b_16' with options {'image_size': 33}: Input shape indivisible by patch size",
        ),
    ],
)
def test_bad_requests_of_torchvision_are_named(options: dict, shape: tuple[int, ...], message: str):
    with pytest.raises(SymgeomError, match=message):
        built("torchvision", input_shape=shape, **options)
