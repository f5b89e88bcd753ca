"""The transformer: its function against PyTorch's layers, its initial weights, its symmetries."""

import pytest
import torch
from cases import randomised
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.learning.networks import build
from symgeom.learning.networks.transformer import Patches
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover

SMALL = {"width": 6, "depth": 1, "heads": 2, "hidden": 5}

SHAPES = {
    "images": ((2, 4, 6), {}),
    "features": ((3, 4), {}),
    "tokens": ((3,), {"tokens": 5}),
    "answers at positions": ((3,), {"tokens": 5, "answers": "position"}),
}
"""The shape of a sample, and the options that go with it."""


def built(input_shape=(3,), seed=0, **options: object) -> nn.Module:
    return build(
        "transformer",
        input_shape=input_shape,
        classes=3,
        options=SMALL | options,
        generator=stream("network", seed),
    )


def samples_of(case: str, count: int = 4) -> Tensor:
    shape, options = SHAPES[case]
    if "tokens" in options:
        return torch.randint(options["tokens"], (count, *shape), generator=stream("tokens"))
    return torch.randn(count, *shape, generator=stream("samples"), dtype=torch.float64)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_blocks_are_those_of_pytorch(activation: str):
    network = randomised(built(tokens=5, depth=2, activation=activation))
    tokens = samples_of("tokens")
    stream_there = network.first[0].weight[tokens] + network.places.weight
    for ours in network.blocks:
        theirs = nn.TransformerEncoderLayer(
            6, 2, 5, dropout=0.0, activation=activation, batch_first=True, norm_first=True
        ).double()
        attention = ours.attention
        packed = [attention.query.weight, attention.key.weight, attention.value.weight]
        theirs.load_state_dict(
            {
                "self_attn.in_proj_weight": torch.cat(packed),
                "self_attn.in_proj_bias": torch.zeros(18).double(),
                "self_attn.out_proj.weight": attention.output.weight,
                "self_attn.out_proj.bias": attention.output.bias,
                "linear1.weight": ours.first.weight,
                "linear1.bias": ours.first.bias,
                "linear2.weight": ours.second.weight,
                "linear2.bias": ours.second.bias,
                "norm1.weight": ours.norm1.weight,
                "norm1.bias": ours.norm1.bias,
                "norm2.weight": ours.norm2.weight,
                "norm2.bias": ours.norm2.bias,
            }
        )
        stream_there = theirs(stream_there)
    expected = network.head(network.norm(stream_there).mean(1))
    torch.testing.assert_close(network(tokens), expected)


def test_answers_at_positions_are_those_before_the_mean():
    of_samples, of_positions = (built(tokens=5, answers=word) for word in ("sample", "position"))
    tokens = samples_of("tokens")
    torch.testing.assert_close(of_positions(tokens).mean(1), of_samples(tokens))


def test_patches_are_those_of_unfold():
    images = torch.randn(2, 3, 4, 6, generator=stream("images"))
    expected = nn.functional.unfold(images, 2, stride=2).transpose(1, 2)
    assert torch.equal(Patches(2)(images), expected)


@pytest.mark.parametrize(
    ("case", "norm"), list(zip(SHAPES, [True, False, True, False], strict=True))
)
def test_symmetries_are_discovered_and_certified(case: str, norm: bool):
    shape, options = SHAPES[case]
    network = randomised(built(shape, norm=norm, **options))
    inputs = samples_of(case)
    spec = discover(network, inputs, within_heads=True)
    certify(
        spec, network, parameters(network), inputs=inputs, generator=stream("certify"), draws=1
    ).require()
    pairs = [
        {leg.tensor.split(".")[-2] for leg in group.legs}
        for group in spec.groups
        if group.scale == "linear" and group.size == 3
    ]
    assert pairs == [{"query", "key"}] * 2 + [{"value", "output"}] * 2
    streams = [group for group in spec.groups if group.scale == "linear" and group.size == 6]
    assert len(streams) == (0 if norm else 1)  # without norms any matrix may mix the stream


def test_weights_depend_on_the_generator_alone():
    state = torch.get_rng_state()
    first, again, other = (built(tokens=5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    pairs = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(first.places.weight, other.places.weight)


def test_places_and_tokens_start_with_a_variance_of_one_over_the_width():
    network = built((400,), tokens=500, width=50, heads=5)
    for weight in (network.places.weight, network.first[0].weight):
        assert weight.square().mean().item() == pytest.approx(1 / 50, rel=0.05)  # 5 deviations


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3,), {}, r"samples of shape \(3,\): .* give the option 'tokens'"),
        ((2, 4), {"tokens": 5}, r"tokens 5 for samples of shape \(2, 4\): tokens are whole"),
        ((3,), {"tokens": True}, r"tokens \[True\]: give a list of positive whole numbers"),
        ((3,), {"tokens": 5, "heads": 4}, "of width 6 with 4 heads: give a width that is a mult"),
        ((3,), {"tokens": 5, "depth": 0}, r"depth \[0\]: give a list of positive whole numbers"),
        ((3,), {"tokens": 5, "answers": "all"}, "Unknown answers of network 'transformer' 'all'"),
        ((3,), {"tokens": 5, "activation": "sin"}, "Unknown activation of network 'transformer'"),
        ((1, 4, 4), {"patch": 3}, "patches of 3 by 3 pixels for images of 4 by 4: give a patch"),
        ((1, 1, 4), {}, "takes images .* of at least 2 by 2 pixels"),
    ],
)
def test_bad_options_are_named(shape: tuple[int, ...], options: dict, message: str):
    with pytest.raises(SymgeomError, match=message):
        built(shape, **options)
