"""Discovery against specs and counts worked out by hand; every spec that is found is proved by its
certificate."""

import pytest
import torch
from cases import (
    ARCHITECTURES,
    Block,
    cifar_resnet,
    lenet,
    mlp,
    mlp_spec,
    randomised,
    self_attention,
    torchvision_models,
)
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import Leg, SymmetrySpec

KINDS = {
    nn.ReLU: "positive",
    nn.LeakyReLU: "positive",
    nn.Tanh: "sign",
    nn.Tanhshrink: "sign",
    nn.Identity: "linear",
    nn.GELU: "none",
    nn.SiLU: "none",
    nn.Sigmoid: "none",
    nn.ReLU6: "none",
    nn.Hardtanh: "none",
    nn.Softplus: "none",
}


def example(*shape: int, samples: int = 3) -> Tensor:
    return torch.randn(samples, *shape, generator=stream("example"), dtype=torch.float64)


def proved(module: nn.Module, *shape: int, **options: bool) -> SymmetrySpec:
    """Discover the spec of a module with random weights and have it certified."""
    module, inputs = randomised(module), example(*shape)
    spec = discover(module, inputs, **options)
    certify(
        spec, module, parameters(module), inputs=inputs, generator=stream("certificate"), draws=2
    ).require()
    return spec


def kinds(spec: SymmetrySpec) -> list[tuple[int, str, bool]]:
    return [(group.size, group.scale, group.permute) for group in spec.groups]


@pytest.mark.parametrize(
    ("activation", "bias"),
    [*((activation, True) for activation in KINDS), (nn.ReLU, False), (nn.Tanh, False)],
)
def test_mlp_is_found_as_written_by_hand(activation: type[nn.Module], bias: bool):
    network = mlp(3, 5, 4, 2, activation=activation, bias=bias)
    assert discover(network, example(3)) == mlp_spec(3, 5, 4, 2, scale=KINDS[activation], bias=bias)


@pytest.mark.parametrize("widths", [(3, 2), (4, 4, 4, 4, 4), (4, 1, 1, 3), (1, 1, 1)])
def test_mlp_of_any_width(widths: tuple[int, ...]):
    assert discover(mlp(*widths), example(widths[0])) == mlp_spec(*widths)


def test_flatten_and_dropout_are_seen_through():
    inner = mlp(6, 4, 2)
    network = nn.Sequential(
        nn.Flatten(), inner[0], nn.Dropout(0.5), nn.Identity(), inner[1], inner[2]
    )
    assert kinds(discover(network, example(2, 3))) == [
        (4, "positive", True),
        (1, "positive", False),
    ]


def test_discovery_leaves_the_module_alone():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(8, 2),
    ).double()
    network[0].eval()
    network[5].requires_grad_(False)
    before, modes = parameters(network), [module.training for module in network.modules()]
    discover(network, example(1, 4, 4))
    after = parameters(network)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [module.training for module in network.modules()] == modes
    assert not network[5].weight.requires_grad


@pytest.mark.parametrize("samples", [1, 4])
def test_the_number_of_samples_does_not_matter(samples: int):
    assert discover(mlp(4, 4, 2), example(4, samples=samples)) == mlp_spec(4, 4, 2)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architecture(name: str):
    build, shape, families, scalings = ARCHITECTURES[name]
    spec = proved(build(), *shape)
    exact = spec.exact().groups
    assert (sum(g.permute for g in exact), sum(not g.permute for g in exact)) == (
        families,
        scalings,
    ), kinds(spec)


@pytest.mark.parametrize(
    ("width", "blocks", "projection", "families", "scalings"),
    [
        (4, 1, True, 3 + 3, 6 + 9),
        (2, 3, False, 9 + 5, 18 + 33),
        (1, 1, False, 3 + 4, 6 + 12),
        (3, 1, False, 3 + 5, 6 + 15),
    ],
)
def test_cifar_resnet(width: int, blocks: int, projection: bool, families: int, scalings: int):
    """Count the families within blocks, each with two scalings, and those of the residual streams.

    A stream has one scaling per convolution that feeds it, and one of the weights and biases of its
    batch norms. Projections, one block per stage: three streams, fed by two convolutions each: 3 *
    3. Padding with zeros, n blocks per stage: the stream of the first stage is fed by the stem and
    all 3 n blocks; each later stage adds channels before and after it, fed by 2 n and by n blocks:
    11 + 2 * 7 + 2 * 4 for n = 3, 5 + 2 * 3 + 2 * 2 for n = 1; of width 1, the second stage adds a
    single channel, which makes 5 + 3 + 2 * 2.
    """
    exact = proved(cifar_resnet(width, blocks, projection=projection), 3, 8, 8).exact().groups
    assert (
        sum(group.permute for group in exact),
        sum(group.scale != "none" for group in exact),
    ) == (families, scalings)


def test_vgg():
    models = torchvision_models()
    for batch_norm, expected in [(False, (4, 0)), (True, (4, 2))]:
        network = models.VGG(
            models.vgg.make_layers([3, "M", 5, "M"], batch_norm), num_classes=3, init_weights=False
        )
        network.avgpool = nn.AdaptiveAvgPool2d(2)
        network.classifier = nn.Sequential(
            nn.Linear(20, 6),
            nn.ReLU(True),
            nn.Dropout(),
            nn.Linear(6, 5),
            nn.ReLU(True),
            nn.Linear(5, 3),
        )
        exact = proved(network, 3, 8, 8).exact().groups
        assert (sum(g.permute for g in exact), sum(not g.permute for g in exact)) == expected


def torchvision_network(name: str) -> nn.Module:
    models = torchvision_models()
    resnet = models.resnet
    return {
        "bottlenecks": lambda: models.ResNet(
            resnet.Bottleneck, [1, 2, 1, 1], num_classes=3, width_per_group=2
        ),
        "resnext": lambda: models.ResNet(
            resnet.Bottleneck, [1, 1, 1, 1], num_classes=3, groups=2, width_per_group=4
        ),
        "densenet": lambda: models.DenseNet(3, (2, 2), 4, bn_size=2, num_classes=3),
        "mobilenet_v2": lambda: models.MobileNetV2(3, 0.25, [[1, 64, 1, 1], [2, 64, 2, 1]]),
        "vit": lambda: models.VisionTransformer(8, 4, 2, 2, 8, 12, num_classes=3),
    }[name]()


TORCHVISION = {
    # 5 blocks with 2 families of 2 scalings, a stem of 2, streams fed by 2, 3, 2, 2 convolutions
    # with one norm pair each.
    "bottlenecks": (10 + 1 + 4, 20 + 2 + 9 + 4),
    # As before with 4 blocks (streams fed by 2 each), but before and after the grouped layers the
    # families are two runs each.
    "resnext": (4 * 4 + 1 + 4, 4 * 4 * 2 + 2 + 4 * 3),
    # Stem (statistics, norm pair), 4 layers (a family inside with 2; the new channels with 1), a
    # transition (1), and one scaling
    # per segment that a batch norm reads: 1 + 2 in the first block, 3 in the transition, 1 + 2 in
    # the second, 3 at the end.
    "densenet": (1 + 4 * 2 + 1, 2 + 4 * 3 + 1 + 12),
    # The stem (its statistics, those of the depthwise filter), the stream of 16 (three statistics,
    # norm pair), two expansions (as
    # the stem), the last convolution (statistics); ReLU6 lets no scale through.
    "mobilenet_v2": (1 + 1 + 2 + 1, 2 + 4 + 2 * 2 + 1),
    # The residual stream, and per block its heads and hidden units; one scaling for the weight and
    # bias of each layer norm.
    "vit": (1 + 2 * 2, 2 * 2 + 1),
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str):
    """Count families that can be permuted, and independent scalings."""
    exact = (
        proved(torchvision_network(name), 3, 8 if name == "vit" else 32, 8 if name == "vit" else 32)
        .exact()
        .groups
    )
    assert (sum(g.permute for g in exact), sum(g.scale != "none" for g in exact)) == TORCHVISION[
        name
    ]


def test_resnet18_unchanged():
    """Eight blocks with two scalings inside each; four streams fed by three convolutions, with one
    norm pair; the head."""
    spec = discover(torchvision_models().resnet18(num_classes=3), torch.zeros(2, 3, 32, 32))
    assert (sum(group.permute for group in spec.groups), len(spec.groups)) == (
        8 + 4,
        16 + 4 * 4 + 1,
    )


def test_lenet_legs():
    """Channels keep their place through pooling and flattening: each owns a block of pixels."""
    spec = proved(lenet(), 1, 8, 8)
    assert spec["hidden1"].legs == (
        Leg("0.weight", 0),
        Leg("0.bias", 0),
        Leg("3.weight", 1, power=-1),
    )
    assert spec["hidden2"].legs == (
        Leg("3.weight", 0),
        Leg("3.bias", 0),
        Leg("6.weight", 1, power=-1, block=4),
    )
    assert spec["head"].legs == (Leg("10.weight", 0, block=3), Leg("10.bias", 0, block=3))


def test_max_pooling_breaks_signs():
    of_averages, of_maxima = (
        proved(lenet(nn.Tanh, pool), 1, 8, 8) for pool in (nn.AvgPool2d, nn.MaxPool2d)
    )
    assert [group.scale for group in of_averages.exact().groups] == ["sign"] * 4
    # The second convolution is not pooled, and nor are the linear layers.
    assert [group.scale for group in of_maxima.exact().groups] == ["none", "sign", "sign", "sign"]


def test_channels_last_flattening_repeats_the_run_of_units():
    network = Block(
        lambda self, x: self.out(torch.relu(self.conv(x)).permute(0, 2, 3, 1).flatten(1)),
        conv=nn.Conv2d(1, 3, 3),
        out=nn.Linear(12, 2),
    )
    assert proved(network, 1, 4, 4)["hidden1"].legs[-1] == Leg("out.weight", 1, power=-1, outer=4)


def test_batch_norm_legs():
    """The statistics move with the convolution, the running variance together with its eps."""
    norm = nn.BatchNorm2d(3, eps=0.01)
    spec = proved(
        nn.Sequential(nn.Conv2d(1, 3, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)), 1, 4, 4
    )
    before, after = spec.exact().groups
    assert before.legs == (
        Leg("0.weight", 0),
        Leg("0.bias", 0),
        Leg("1.weight", 0, power=0),
        Leg("1.bias", 0, power=0),
        Leg("1.running_mean", 0, buffer=True),
        Leg("1.running_var", 0, power=2, buffer=True, shift=0.01),
        Leg("4.weight", 1, power=0, block=4),
    )
    assert (after.name, after.permute) == ("hidden1.scale1", False)
    assert after.legs == (
        Leg("1.weight", 0),
        Leg("1.bias", 0),
        Leg("4.weight", 1, power=-1, block=4),
    )


def test_concatenation_legs():
    spec = proved(ARCHITECTURES["concatenation"][0](), 3)
    assert spec["hidden1"].legs == (
        Leg("a.weight", 0),
        Leg("a.bias", 0),
        Leg("b.weight", 1, -1, 3),
        Leg("c.weight", 1, -1),
    )
    assert spec["hidden2"].legs == (Leg("b.weight", 0), Leg("b.bias", 0), Leg("c.weight", 1, -1, 4))


def test_grouped_legs():
    """The second run of input channels is read by the second half of the filters only."""
    spec = proved(ARCHITECTURES["grouped"][0](), 1, 6, 6)
    region = ((0, 2, 4),)
    assert spec["hidden2"].legs == (
        Leg("0.weight", 0, start=3),
        Leg("0.bias", 0, start=3),
        Leg("2.weight", 1, -1, region=region),
    )


def test_tied_legs():
    """A weight used twice is scaled on both sides; the head is untouched by that."""
    group = proved(ARCHITECTURES["tied weights"][0](), 3)["hidden1"]
    assert {(leg.tensor, leg.axis): leg.power for leg in group.legs} == {
        ("first.weight", 0): 1,
        ("first.bias", 0): 1,
        ("again.weight", 0): 1,
        ("again.weight", 1): -1,
        ("out.weight", 1): -1,
    }


def test_a_tensor_with_two_names_has_its_first():
    network = Block(
        lambda self, x: self.b(torch.relu(self.a(torch.relu(self.stem(x))))),
        stem=nn.Linear(3, 4),
        a=nn.Linear(4, 4),
        b=nn.Linear(4, 4),
    )
    network.b.weight = network.a.weight
    # The outputs have an identity and are also hidden units, which are read by the weight that
    # reads the stem: nothing is free.
    assert proved(network, 3).groups == ()


def test_a_squared_activation_doubles_the_exponent():
    network = proved(ARCHITECTURES["squares"][0](), 3)
    assert [leg.power for leg in network["hidden1"].legs] == [1, 1, -2]


@pytest.mark.parametrize("packed", [True, False])
def test_heads_are_permuted_and_not_more(packed: bool):
    """Queries, keys and values have a run each of a packed weight; units are blocks."""
    spec = proved(packed_attention() if packed else self_attention(6, 3), 4, 6)
    assert kinds(spec) == [(3, "none", True)]
    legs = {
        (leg.tensor.removeprefix("inner."), leg.start, leg.block, leg.power)
        for leg in spec["hidden1"].legs
    }
    separate = {
        (f"{name}.{kind}", 0, 2, 1)
        for name in ("query", "key", "value")
        for kind in ("weight", "bias")
    }
    runs = {(f"in_proj_{kind}", start, 2, 1) for kind in ("weight", "bias") for start in (0, 6, 12)}
    assert legs == (
        runs | {("out_proj.weight", 0, 2, -1)} if packed else separate | {("out.weight", 0, 2, -1)}
    )


def packed_attention() -> nn.Module:
    return Block(
        lambda self, x: self.inner(x, x, x)[0], inner=nn.MultiheadAttention(6, 3, batch_first=True)
    )


@pytest.mark.parametrize("packed", [True, False])
def test_a_matrix_acts_on_queries_and_keys_of_each_head_and_one_on_its_values(packed: bool):
    spec = proved(packed_attention() if packed else self_attention(6, 3), 4, 6, within_heads=True)
    assert kinds(spec) == [(2, "linear", True)] * 6
    assert [group.name for group in spec.groups] == [
        f"hidden{part}.head{head}" for part in (1, 2) for head in (1, 2, 3)
    ]
    query, key, value, out = (
        (
            ("inner.in_proj", 0),
            ("inner.in_proj", 6),
            ("inner.in_proj", 12),
            ("inner.out_proj.weight", 0),
        )
        if packed
        else (("query", 0), ("key", 0), ("value", 0), ("out.weight", 0))
    )
    joint = "_" if packed else "."

    def rows(part: tuple[str, int], power: int) -> tuple[Leg, ...]:
        return tuple(
            Leg(f"{part[0]}{joint}{kind}", 0, power, start=part[1] + 2)
            for kind in ("weight", "bias")
        )

    assert set(spec["hidden1.head2"].legs) == {*rows(query, 1), *rows(key, -1)}
    assert set(spec["hidden2.head2"].legs) == {*rows(value, 1), Leg(out[0], 1, -1, start=2)}


def test_without_heads_of_their_own_coordinates_nothing_changes():
    for network in (lenet(), mlp(3, 4, 2)):
        shape = (1, 8, 8) if isinstance(network[0], nn.Conv2d) else (3,)
        assert proved(network, *shape, within_heads=True) == proved(network, *shape)


HEADS_MEET = {
    # Two means over heads, and a layer that mixes heads: one matrix would have to act on all of
    # them, which is not reported.
    "values averaged": lambda self, x: self.out((_scores(self, x) @ _heads(self.value, x)).mean(1)),
    "queries averaged": lambda self, x: self.last(
        (
            torch.softmax(_heads(self.query, x).mean(1) @ _heads(self.key, x).mean(1).mT, -1)[
                :, None
            ]
            @ _heads(self.value, x)
        )
        .transpose(1, 2)
        .flatten(2)
    ),
    "values mixed": lambda self, x: self.last(
        self.talk((_scores(self, x) @ _heads(self.value, x)).permute(0, 2, 3, 1))
        .transpose(2, 3)
        .flatten(2)
    ),
}


def _heads(layer: nn.Module, x: Tensor) -> Tensor:
    return layer(x).unflatten(-1, (3, 2)).transpose(1, 2)


def _scores(self: Block, x: Tensor) -> Tensor:
    return torch.softmax(_heads(self.query, x) @ _heads(self.key, x).mT, -1)


@pytest.mark.parametrize("name", HEADS_MEET)
def test_no_matrix_of_its_own_where_heads_meet(name: str):
    layers = {part: nn.Linear(6, 6) for part in ("query", "key", "value", "last")}
    network = Block(
        HEADS_MEET[name], **layers, out=nn.Linear(2, 3), talk=nn.Linear(3, 3, bias=False)
    )
    spec = proved(network, 4, 6, within_heads=True)
    kept = {
        "values averaged": {"query", "key"},
        "queries averaged": {"value", "last"},
        "values mixed": {"query", "key"},
    }[name]
    assert {
        leg.tensor.split(".")[0]
        for group in spec.groups
        if ".head" in group.name
        for leg in group.legs
    } == kept


def test_transformer_stream_is_permuted_though_layer_norm_forbids_its_scale():
    layer = nn.TransformerEncoderLayer(6, 2, 5, batch_first=True)
    network = nn.Sequential(nn.Linear(3, 6), layer, nn.Flatten(), nn.Linear(24, 2))
    spec = proved(network, 4, 3)
    assert spec["hidden1"].permute
    assert spec["hidden1"].scale == "none"
    # Stream, heads, hidden units; the weight and bias of the last norm are read by the last layer
    # only.
    assert [g.size for g in spec.exact().groups if g.permute] == [6, 2, 5]


def test_a_mask_pins_positions_and_not_heads():
    def forward(self: Block, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (3, 2)).transpose(1, 2) for f in (self.q, self.k, self.v))
        return self.out(
            F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask).transpose(1, 2).flatten(2)
        )

    network = Block(forward, **{name: nn.Linear(6, 6) for name in ("q", "k", "v", "out")})
    network.register_buffer("mask", torch.ones(4, 4).tril().bool())
    assert kinds(proved(network, 4, 6)) == [(3, "none", True)]


def test_a_bias_along_other_units_forbids_their_scale():
    with_bias, without = (
        proved(ARCHITECTURES[name][0](), 3, 5) for name in ("mixing", "mixing without bias")
    )
    assert [group.scale for group in with_bias.exact().groups] == ["none", "positive"]
    assert [group.scale for group in without.exact().groups] == ["positive", "positive"]
    assert proved(ARCHITECTURES["padding with ones"][0](), 1, 5)["hidden1"].scale == "none"


def test_embedding():
    """Words have an identity; the coordinates of their vectors are units, read without an
    activation: a linear group."""
    network = Block(
        lambda self, x: self.out(self.words(x).mean(1)),
        words=nn.Embedding(7, 4),
        out=nn.Linear(4, 2),
    ).double()
    tokens = torch.arange(12).reshape(3, 4) % 7
    spec = discover(network, tokens)
    assert spec["hidden1"].legs == (Leg("words.weight", 1), Leg("out.weight", 1, power=-1))
    assert spec["hidden1"].scale == "linear"
    certify(
        spec, network, parameters(network), inputs=tokens, generator=stream("certificate")
    ).require()


def masked(mask: Tensor, *, persistent: bool) -> Block:
    """A network whose hidden units are multiplied by a constant."""
    network = Block(
        lambda self, x: self.b(self.mask * torch.relu(self.a(x))),
        a=nn.Linear(3, 4),
        b=nn.Linear(4, 2),
    )
    network.register_buffer("mask", mask.double(), persistent=persistent)
    return network


def test_a_constant_of_the_architecture_is_not_moved():
    network = masked(torch.tensor([1.0, 0.0, 1.0, 1.0]), persistent=False)
    assert [group.name for group in discover(network.double(), example(3)).groups] == ["head"]


def test_a_constant_whose_entries_are_alike_pins_nothing():
    network = masked(torch.full((4,), 0.5), persistent=False)
    assert kinds(discover(network.double(), example(3)))[0] == (4, "positive", True)


def test_a_constant_that_is_kept_with_the_weights_moves_with_them():
    spec = proved(masked(torch.tensor([1.0, 0.0, 2.0, 1.0]), persistent=True), 3)
    assert Leg("mask", 0, power=0, buffer=True) in spec["hidden1"].legs
    assert spec["hidden1"].scale == "positive"


def test_an_addition_of_a_constant_forbids_scales():
    network = Block(
        lambda self, x: self.b(torch.relu(self.a(x)) + 1), a=nn.Linear(3, 4), b=nn.Linear(4, 2)
    )
    assert kinds(proved(network, 3)) == [(4, "none", True), (1, "positive", False)]


def test_writing_in_place_is_seen_by_later_uses():
    """The first layer's result is read again after a ReLU was written over it: its units are not
    linear."""

    def forward(self: Block, x: Tensor) -> Tensor:
        y = self.a(x)
        y.relu_()
        return self.b(y)

    assert kinds(proved(Block(forward, a=nn.Linear(3, 4), b=nn.Linear(4, 2)), 3))[0] == (
        4,
        "positive",
        True,
    )


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (lambda x: torch.log_softmax(x, -1), True),
        (lambda x: x, True),
        (lambda x: x + 1, False),
        (lambda x: x.unsqueeze(0), False),
        (lambda x: (x, x * 2), False),
    ],
)
def test_head_only_where_a_last_layer_sets_the_scale(last: object, expected: bool):
    network = Block(lambda self, x: last(self.a(x)), a=nn.Linear(3, 2)).double()
    assert [group.name for group in discover(network, example(3)).groups] == ["head"] * expected


def test_no_head_if_its_weight_is_used_elsewhere():
    network = Block(lambda self, x: self.a(torch.relu(self.a(x))), a=nn.Linear(3, 3)).double()
    assert discover(network, example(3)).groups == ()


# -- what cannot be done ---------------------------------------------------------------------------

UNKNOWN = {
    "operation 'aten.cumprod.default'": lambda x: x.cumprod(-1),
    "division with rounding": lambda x: x.div(2.0, rounding_mode="floor"),
    "a power that is not a constant": lambda x: 2**x,
    "dropout that is on in eval mode": lambda x: F.dropout(x, 0.5, training=True),
    "an activation that is random in eval mode": lambda x: F.rrelu(x, training=True),
    "attention with dropout that is on": lambda x: F.scaled_dot_product_attention(
        *[x.view(-1, 1, 2, 2)] * 3, dropout_p=0.5
    ),
    "a norm that counts entries": lambda x: torch.linalg.vector_norm(x, 0, dim=0),
    "a clamp at tensors": lambda x: x.clamp(min=torch.zeros(4).to(x)),
    "entries that are not all repeated as often": lambda x: x.repeat_interleave(2),
    "a shift of the flattened tensor": lambda x: x.roll(1),
    "angles between vectors of different lengths": lambda x: F.cosine_similarity(x, x[:, :1]),
    "a sum of products along a diagonal": lambda x: torch.einsum("ii->i", x[:, :2]),
    "a sum of products whose result is not written out": lambda x: torch.einsum("ii", x[:, :2]),
    "a sum of products with an axis that is stretched": lambda x: torch.einsum(
        "ij,ij->i", x, x[:1]
    ),
    "entries taken along axes that are not neighbours": lambda x: x.view(-1, 2, 2)[
        torch.tensor([0, 1]), :, torch.tensor([0, 1])
    ],
}


@pytest.mark.parametrize("reason", UNKNOWN)
def test_what_is_not_known_is_named_with_its_module(reason: str):
    network = nn.Sequential(
        nn.Linear(3, 4, bias=False), nn.Sequential(Block(lambda self, x: UNKNOWN[reason](x)))
    )
    message = (
        f"Cannot discover the symmetries through {reason}.* in module '1.0' .Block.. Write a "
        f"SymmetrySpec .* by hand"
    )
    with pytest.raises(SymgeomError, match=message):
        discover(network, torch.zeros(2, 3), strict=True)


def test_an_unknown_operation_of_the_network_itself():
    with pytest.raises(SymgeomError, match="'aten.cumprod.default' in the network's own forward"):
        discover(
            Block(lambda self, x: self.a(x).cumprod(-1), a=nn.Linear(3, 4)),
            torch.zeros(2, 3),
            strict=True,
        )


def test_an_example_of_the_wrong_shape():
    with pytest.raises(
        SymgeomError,
        match=r"Cannot run the network \(Sequential\) on inputs of shape \(2, 5\).*Give a "
        r"batch",
    ):
        discover(mlp(3, 4, 2), torch.zeros(2, 5, dtype=torch.float64))


def test_a_network_that_is_random_in_eval_mode():
    with pytest.raises(SymgeomError, match="two evaluations on one input in eval mode differ"):
        discover(Block(lambda self, x: F.dropout(x, 0.5, training=True)), torch.ones(20, 3))


def test_a_network_that_cannot_be_captured():
    with pytest.raises(
        SymgeomError, match="Cannot capture the graph of the network .Block.: .* by hand"
    ):
        discover(Block(lambda self, x: x if float(x.sum()) > 0 else -x), torch.ones(2, 3))
