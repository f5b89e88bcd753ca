"""Convolutional networks: their function against other implementations, their initial weights,
their symmetries."""

import math

import pytest
import torch
from cases import cifar_resnet, randomised, torchvision_models
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.learning.networks import build
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover


def built(name: str, input_shape=(3, 8, 8), classes=3, seed=0, **options: object) -> nn.Module:
    return build(
        name,
        input_shape=input_shape,
        classes=classes,
        options=options,
        generator=stream("network", seed),
    )


def images(*shape: int, samples: int = 4) -> Tensor:
    return torch.randn(samples, *shape, generator=stream("images"), dtype=torch.float64)


def assert_same_function(ours: nn.Module, theirs: nn.Module, inputs: Tensor) -> None:
    """Copy our weights, in the order of the layers, into another implementation and compare the
    outputs."""
    ours, theirs = randomised(ours), theirs.double().eval()
    tensors = list(parameters(ours).values())
    weights = [tensor for tensor in tensors if tensor.is_floating_point()]
    places = [
        *theirs.parameters(),
        *(buffer for buffer in theirs.buffers() if buffer.is_floating_point()),
    ]
    assert [tensor.shape for tensor in weights] == [place.shape for place in places]
    with torch.no_grad():
        for place, tensor in zip(places, weights, strict=True):
            place.copy_(tensor)
        torch.testing.assert_close(ours(inputs), theirs(inputs))


def test_lenet_has_the_number_of_weights_of_sacreddnn():
    assert sum(tensor.numel() for tensor in built("lenet", (1, 28, 28), 10).parameters()) == 431_080


def test_lenet_is_convolutions_maxima_and_affine_layers():
    network, inputs = (
        built("lenet", (2, 17, 16), channels=[3, 4], hidden=6).double(),
        images(2, 17, 16),
    )
    first, second, third, last = (layer for layer in network if hasattr(layer, "weight"))
    out = inputs
    for layer in (first, second):
        patches = out.unfold(2, 5, 1).unfold(3, 5, 1)
        out = (
            torch.einsum("nchwij,kcij->nkhw", patches, layer.weight) + layer.bias[:, None, None]
        ).clamp(min=0)
        out = (
            out[:, :, : out.shape[2] // 2 * 2, : out.shape[3] // 2 * 2]
            .unfold(2, 2, 2)
            .unfold(3, 2, 2)
            .amax((4, 5))
        )
    hidden = (out.reshape(4, -1) @ third.weight.T + third.bias).clamp(min=0)
    torch.testing.assert_close(network(inputs), hidden @ last.weight.T + last.bias)


@pytest.mark.parametrize("norm", [False, True])
def test_vgg16_is_that_of_torchvision_but_for_the_head(norm: bool):
    theirs = torchvision_models().vgg.make_layers(torchvision_models().vgg.cfgs["D"], norm)
    for place, layer in enumerate(theirs):
        if norm and isinstance(layer, nn.Conv2d):
            theirs[place] = nn.Conv2d(
                layer.in_channels, layer.out_channels, 3, padding=1, bias=False
            )
    theirs = nn.Sequential(*theirs, nn.Flatten(), nn.Linear(512, 10))
    assert_same_function(
        built("vgg16", (3, 32, 32), 10, batch_norm=norm), theirs, images(3, 32, 32, samples=1)
    )


def test_resnet18_is_that_of_torchvision_but_for_the_stem():
    theirs = torchvision_models().ResNet(
        torchvision_models().resnet.BasicBlock, [2, 2, 2, 2], num_classes=3
    )
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    assert_same_function(built("resnet18"), theirs, images(3, 8, 8, samples=1))


def test_resnet20_has_the_number_of_weights_that_its_authors_give():
    """0.27 million (table 6): 269,722 with 10 classes, of which shortcuts have none."""
    assert (
        sum(
            tensor.numel()
            for tensor in built("resnet20", classes=10, shortcut="identity").parameters()
        )
        == 269_722
    )


@pytest.mark.parametrize("projection", [False, True])
def test_resnet20_is_the_published_network(projection: bool):
    ours = built(
        "resnet20", width=0.25, depth=14, shortcut="projection" if projection else "identity"
    )
    assert_same_function(ours, cifar_resnet(4, 2, projection=projection), images(3, 8, 8))


SMALL = {
    "lenet": ("lenet", (1, 16, 16), {"channels": [3, 4], "hidden": 6}, 4),
    "lenet without biases": (
        "lenet",
        (1, 16, 16),
        {"channels": [3, 4], "hidden": 6, "bias": False},
        4,
    ),
    "vgg16": ("vgg16", (3, 32, 32), {"width": 1 / 16}, 14),
    "vgg16 without biases": ("vgg16", (3, 32, 32), {"width": 1 / 16, "bias": False}, 14),
    "vgg16, batch norm": ("vgg16", (3, 32, 32), {"width": 1 / 16, "batch_norm": True}, 13 * 2 + 1),
    "resnet18": ("resnet18", (3, 8, 8), {"width": 1 / 16, "batch_norm": False}, 4 + 8 + 1),
    "resnet18, batch norm": ("resnet18", (3, 8, 8), {"width": 1 / 16}, None),
    "resnet20": (
        "resnet20",
        (1, 8, 8),
        {"width": 0.25, "depth": 8, "batch_norm": False},
        3 + 3 + 1,
    ),
    "resnet20, batch norm": ("resnet20", (1, 8, 8), {"width": 0.25, "depth": 8}, None),
    # A stage's stream falls into what the stage before carries on and the channels of zeros on
    # either side of it.
    "resnet20, identity": (
        "resnet20",
        (1, 8, 8),
        {"width": 0.25, "depth": 8, "batch_norm": False, "shortcut": "identity"},
        1 + 2 + 2 + 3 + 1,
    ),
    "resnet20, identity, batch norm": (
        "resnet20",
        (1, 8, 8),
        {"width": 0.25, "depth": 8, "shortcut": "identity"},
        None,
    ),
}
"""Name, input shape, options, and the number of groups where one can count them by hand (one
per hidden family, and the head)."""


@pytest.mark.parametrize("case", SMALL)
def test_symmetries_are_discovered_and_certified(case: str):
    name, shape, options, groups = SMALL[case]
    network, inputs = randomised(built(name, shape, **options)), images(*shape)
    spec = discover(network, inputs)
    assert groups in (None, len(spec.groups))
    assert spec.groups[-1].name == "head"
    certify(
        spec, network, parameters(network), inputs=inputs, generator=stream("certify"), draws=1
    ).require()
    covered = {leg.tensor for group in spec.groups for leg in group.legs}
    assert covered == {
        tensor for tensor in parameters(network) if not tensor.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize(
    ("name", "shape"), [("lenet", (1, 28, 28)), ("vgg16", (3, 32, 32)), ("resnet20", (3, 8, 8))]
)
def test_convolutions_start_as_he_et_al_say(name: str, shape: tuple[int, ...]):
    layers = [
        layer for layer in built(name, shape).modules() if isinstance(layer, (nn.Conv2d, nn.Linear))
    ]
    for layer in layers:
        variance, deviation = 2 / layer.weight[0].numel(), math.sqrt(2 / layer.weight.numel())
        assert layer.weight.var(correction=0).item() == pytest.approx(variance, rel=5 * deviation)
        assert layer.bias is None or not layer.bias.any()


def test_glorot_counts_the_pixels_of_a_kernel():
    layer = built("lenet", (3, 28, 28), initialisation="glorot")[0]
    variance, deviation = 2 / (25 * (3 + 20)), math.sqrt(2 / layer.weight.numel())
    assert layer.weight.var(correction=0).item() == pytest.approx(variance, rel=5 * deviation)


def test_a_deep_residual_network_without_batch_norm_starts_with_outputs_of_ordinary_size():
    """All blocks alike would multiply the variance by 2 to the 27th power."""
    network = built("resnet20", depth=56, batch_norm=False, width=0.5)
    assert 0.1 < network(images(3, 8, 8, samples=50).float()).std() < 10


@pytest.mark.parametrize("name", ["lenet", "vgg16", "resnet18", "resnet20"])
def test_weights_depend_on_the_generator_alone(name: str):
    state, options = torch.get_rng_state(), {} if name == "lenet" else {"width": 1 / 16}
    first, again, other = (built(name, (3, 32, 32), seed=seed, **options) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)
    )
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


@pytest.mark.parametrize(
    ("name", "shape", "options", "message"),
    [
        ("lenet", (1, 28, 28), {"channel": [3]}, "Unknown option of network 'lenet' 'channel'"),
        (
            "lenet",
            (1, 28, 28),
            {"channels": [20, 0]},
            r"channels \[20, 0\]: give a list of positive whole numbers",
        ),
        (
            "lenet",
            (1, 28, 28),
            {"hidden": 2.5},
            r"hidden \[2.5\]: give a list of positive whole numbers",
        ),
        ("lenet", (1, 28, 28), {"bias": 0}, "bias = 0: give true or false"),
        (
            "lenet",
            (1, 28, 28),
            {"initialisation": "normal"},
            "Unknown initialisation of network 'lenet' 'normal'",
        ),
        (
            "lenet",
            (1, 15, 28),
            {},
            r"'lenet' for samples of shape \(1, 15, 28\): .* at least 16 by 16 pixels",
        ),
        ("lenet", (64,), {}, r"'lenet' for samples of shape \(64,\): it takes images"),
        ("vgg16", (3, 28, 28), {}, "at least 32 by 32 pixels"),
        (
            "vgg16",
            (3, 32, 32),
            {"width": 0.001},
            "'vgg16' with width 0.001: give a factor on its 64 to 512 channels",
        ),
        ("vgg16", (3, 32, 32), {"width": 1e30}, "at least one, up to 1,000"),
        ("vgg16", (3, 32, 32), {"width": float("nan")}, "'vgg16' with width nan: give a factor"),
        ("vgg16", (3, 32, 32), {"width": "wide"}, "'vgg16' with width 'wide': give a factor"),
        (
            "resnet18",
            (3, 8, 8),
            {"shortcut": "none"},
            "Unknown shortcut of network 'resnet18' 'none'",
        ),
        ("resnet18", (3, 7, 7), {}, "at least 8 by 8 pixels"),
        ("resnet18", (3, 8, 8), {"depth": 20}, "Unknown option of network 'resnet18' 'depth'"),
        (
            "resnet20",
            (3, 8, 8),
            {"depth": 18},
            "'resnet20' with depth 18: give 8, 14, 20, 32, or any other 6n . 2",
        ),
        ("resnet20", (3, 8, 8), {"width": True}, "'resnet20' with width True"),
    ],
)
def test_bad_options_are_named(name: str, shape: tuple[int, ...], options: dict, message: str):
    with pytest.raises(SymgeomError, match=message):
        built(name, shape, **options)
