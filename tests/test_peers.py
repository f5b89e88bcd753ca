"""Faults of public matching libraries, as tests that ours passes: what is discovered is counted
by hand, on real networks."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from cases import Block, cifar_resnet, randomised, torchvision_models
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.quotient.alignment import align
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, extend, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, check_spec

ROUNDING = 1e-10  # relative, of the outputs, in float64


def images(size: int) -> Tensor:
    return torch.randn(2, 3, size, size, generator=stream("images"), dtype=torch.float64)


def relative_change(module: nn.Module, spec: SymmetrySpec, inputs: Tensor) -> float:
    """Return how much a random group element changes the outputs, in units of the largest
    output."""
    params = parameters(module)
    element = random_element(spec, generator=stream("element"))
    with torch.no_grad():
        before, after = (
            torch.func.functional_call(module, theta, (inputs,))
            for theta in (params, act(spec, element, params))
        )
    return float((after - before).abs().max() / before.abs().max())


def permuted(spec: SymmetrySpec) -> set[tuple[str, int]]:
    """Return the axes of tensors along which units may change places."""
    return {(leg.tensor, leg.axis) for group in spec.groups if group.permute for leg in group.legs}


def test_classes_never_change_places():
    """A published VGG16 spec permutes the outputs of its classifier (git-re-basin-pytorch)."""
    with torch.device("meta"):  # the architecture only: 138 million weights are not needed
        module = torchvision_models().vgg16()
    shapes = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    module = randomised(thin(module))
    spec = discover(module, images(32))
    hidden = [name.removesuffix(".weight") for name, shape in shapes.items() if len(shape) > 1][:-1]
    assert len(hidden) == 15
    assert [group.legs[0] for group in spec.exact().groups] == [
        Leg(f"{name}.weight", 0) for name in hidden
    ]
    assert ("classifier.6.weight", 1) in permuted(spec)
    assert {axis for name, axis in permuted(spec) if name.startswith("classifier.6.")} == {1}
    assert relative_change(module, spec.exact(), images(32)) < ROUNDING


def thin(module: nn.Module) -> nn.Module:
    """Return VGG16 with a sixteenth of its channels and of its hidden units, and all of its
    classes."""
    features: list[nn.Module] = []
    for layer in module.features:
        if isinstance(layer, nn.Conv2d):
            fan_in = max(layer.in_channels // 16, 3)
            layer = nn.Conv2d(fan_in, layer.out_channels // 16, 3, padding=1)
        features.append(layer)
    module.features = nn.Sequential(*features)
    sizes = {0: (32 * 49, 256), 3: (256, 256), 6: (256, 1000)}
    module.classifier = nn.Sequential(
        *(
            nn.Linear(*sizes[k]) if k in sizes else layer
            for k, layer in enumerate(module.classifier)
        )
    )
    return module


@pytest.mark.parametrize("width", [1, 3, 7])
@pytest.mark.parametrize("projection", [False, True])
def test_widths_of_any_size(width: int, projection: bool):
    """A hard-wired shortcut makes width 1 fail, or every width but one (git-re-basin-pytorch)."""
    module = randomised(cifar_resnet(width, 1, projection=projection))
    spec, inputs = discover(module, images(8)), images(8)
    certify(
        spec, module, parameters(module), inputs=inputs, generator=stream("certificate"), draws=2
    ).require()
    inner = [
        group.size
        for group in spec.groups
        if group.permute and group.legs[0].tensor.endswith("conv1.weight")
    ]
    assert inner == [width, 2 * width, 4 * width]


def identity_resnet() -> nn.Module:
    """Two residual blocks on one stream of six channels, with five and four channels inside."""

    def forward(self: Block, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(x + self.b1(torch.relu(self.a1(x))))
        x = torch.relu(x + self.b2(torch.relu(self.a2(x))))
        return self.head(x.mean((2, 3)))

    layers = {"stem": nn.Conv2d(3, 6, 3), "head": nn.Linear(6, 4)}
    for block, inside in ((1, 5), (2, 4)):
        layers |= {
            f"a{block}": nn.Conv2d(6, inside, 3, padding=1),
            f"b{block}": nn.Conv2d(inside, 6, 3, padding=1),
        }
    return randomised(Block(forward, **layers))


def test_every_group_of_an_identity_shortcut_is_found():
    """The residual stream is dropped by rebasin: the stem and two blocks write it, two blocks
    and the last layer read it."""
    module = identity_resnet()
    spec = discover(module, images(6))
    stream_group, first, second = spec.exact().groups
    assert [(group.size, group.scale, group.permute) for group in spec.exact().groups] == [
        (6, "positive", True),
        (5, "positive", True),
        (4, "positive", True),
    ]
    written = {
        (f"{layer}.{kind}", 0, 1) for layer in ("stem", "b1", "b2") for kind in ("weight", "bias")
    }
    read = {(f"{layer}.weight", 1, -1) for layer in ("a1", "a2", "head")}
    assert {(leg.tensor, leg.axis, leg.power) for leg in stream_group.legs} == written | read
    for group, block in ((first, 1), (second, 2)):
        inside = {(f"a{block}.weight", 0, 1), (f"a{block}.bias", 0, 1), (f"b{block}.weight", 1, -1)}
        assert {(leg.tensor, leg.axis, leg.power) for leg in group.legs} == inside
    assert relative_change(module, spec.exact(), images(6)) < ROUNDING


def test_biases_and_norm_weights_move_with_their_units():
    """One-dimensional tensors do not count in rebasin: here every one that belongs to hidden
    units has its leg."""
    module = randomised(cifar_resnet(2, 1))
    spec = discover(module, images(8))
    hidden = {name for name, tensor in parameters(module).items() if tensor.ndim == 1} - {
        f"{len(module) - 1}.bias"
    }
    assert {name for name, axis in permuted(spec) if axis == 0} >= hidden


@pytest.mark.parametrize("norm_first", [False, True])
def test_heads_and_hidden_units_of_a_transformer_layer(norm_first: bool):
    """One group is found by rebasin; there are three: four heads of three, five hidden units,
    and the stream of twelve."""
    layer = nn.TransformerEncoderLayer(12, 4, 5, batch_first=True, norm_first=norm_first)
    module = randomised(nn.Sequential(nn.Linear(3, 12), layer, nn.Flatten(), nn.Linear(72, 2)))
    inputs = torch.randn(2, 6, 3, generator=stream("tokens"), dtype=torch.float64)
    spec = discover(module, inputs)
    permutable = {group.size: group for group in spec.exact().groups if group.permute}
    assert sorted(group.size for group in spec.exact().groups if group.permute) == [4, 5, 12]
    packed = {
        (f"1.self_attn.in_proj_{kind}", 0, 3, start)
        for kind in ("weight", "bias")
        for start in (0, 12, 24)
    }
    found = {(leg.tensor, leg.axis, leg.block, leg.start) for leg in permutable[4].legs}
    assert found == packed | {("1.self_attn.out_proj.weight", 1, 3, 0)}
    assert {(leg.tensor, leg.axis) for leg in permutable[5].legs} == {
        ("1.linear1.weight", 0),
        ("1.linear1.bias", 0),
        ("1.linear2.weight", 1),
    }
    assert permutable[5].scale == "positive"
    assert relative_change(module, spec.exact(), inputs) < ROUNDING


def test_a_layer_alone_leaves_its_stream_to_inputs_and_outputs():
    layer = randomised(nn.TransformerEncoderLayer(12, 4, 5, batch_first=True))
    spec = discover(layer, torch.randn(2, 6, 12, generator=stream("tokens"), dtype=torch.float64))
    assert [group.size for group in spec.groups if group.permute] == [4, 5]


@pytest.fixture(scope="module")
def bottlenecks() -> tuple[nn.Module, SymmetrySpec]:
    """Return a ResNet50 with a sixteenth of the channels inside its bottlenecks."""
    models = torchvision_models()
    module = models.ResNet(models.resnet.Bottleneck, [3, 4, 6, 3], num_classes=5, width_per_group=4)
    module = randomised(module)
    return module, discover(module, images(32))


def edited(spec: SymmetrySpec, old: Leg, *new: Leg) -> SymmetrySpec:
    """Return the spec with one leg of its permuting group exchanged for others."""
    groups = [
        dataclasses.replace(
            group,
            legs=tuple(leg for found in group.legs for leg in (new if found == old else (found,))),
        )
        if group.permute
        else group
        for group in spec.groups
    ]
    return SymmetrySpec(tuple(groups))


def test_a_typo_in_a_spec_by_hand_is_named(bottlenecks: tuple[nn.Module, SymmetrySpec]):
    """The published ResNet50 spec names a layer twice, and so leaves another out; it fits no
    network (git-re-basin, issue 10)."""
    module, spec = bottlenecks
    params, inputs = parameters(module), images(32)
    right = Leg("layer2.1.conv2.weight", 1, power=-1)
    (group,) = (
        group
        for group in spec.groups
        if group.permute and right.tensor in {leg.tensor for leg in group.legs[-1:]}
    )
    (right,) = (leg for leg in group.legs if (leg.tensor, leg.axis) == (right.tensor, 1))
    twice, once_less = (
        dataclasses.replace(right, tensor="layer2.2.conv2.weight"),
        edited(spec, right),
    )
    with pytest.raises(
        SymgeomError,
        match=r"tensor 'layer2.2.conv2.weight', axis 1: .* also permuted by group 'hidden\d+'",
    ):
        check_spec(edited(spec, right, twice), params)
    with pytest.raises(
        SymgeomError,
        match=(
            f"group '{group.name}': leg on tensor 'layer2.1.conv2.weight', .* listed twice in "
            f"the group"
        ),
    ):
        check_spec(edited(spec, right, right, right), params)
    with pytest.raises(
        SymgeomError,
        match=r"leg on tensor 'layer2.1.conv4.weight', axis 1: the network has no such tensor",
    ):
        check_spec(
            edited(spec, right, dataclasses.replace(right, tensor="layer2.1.conv4.weight")), params
        )
    check_spec(once_less, params)
    found = certify(
        once_less, module, params, inputs=inputs, generator=stream("certificate"), draws=1
    )
    assert found.worst_group == group.name
    with pytest.raises(
        SymgeomError,
        match=f"Cannot certify the spec: group '{group.name}' is not a symmetry of this network",
    ):
        found.require()


def test_resnet50_of_torchvision_is_used_as_it_is():
    """Users must not have to rewrite their network; the moved one computes the same function
    (git-re-basin-pytorch, issue 5)."""
    module, inputs = torchvision_models().resnet50().double().eval(), images(32)
    spec = discover(module, inputs)
    assert relative_change(module, spec.exact(), inputs) < ROUNDING
    # Sixteen blocks with two families inside each, the stem, and four residual streams.
    assert sum(group.permute for group in spec.exact().groups) == 16 * 2 + 1 + 4


def two_networks(
    factory: Callable[[], nn.Module], size: int
) -> tuple[nn.Module, SymmetrySpec, list[dict[str, Tensor]]]:
    """Return a module, its spec without the head, and the weights of two networks."""
    module = randomised(factory())
    networks = [parameters(randomised(factory(), seed)) for seed in range(2)]
    return module, discover(module, images(size)).exact(), networks


def test_matching_keeps_the_classes_and_the_function():
    """After matching with a published VGG16 spec the class order had changed in 4 of 5 pairs
    (git-re-basin-pytorch)."""
    module, spec, (first, second) = two_networks(
        lambda: thin(torchvision_models().vgg11(num_classes=1000)), 32
    )
    moved = act(spec, align(spec, first, second).element, second)
    with torch.no_grad():
        before, after = (
            torch.func.functional_call(module, theta, (images(32),)) for theta in (second, moved)
        )
    assert float((after - before).abs().max() / before.abs().max()) < ROUNDING
    assert not torch.equal(moved["features.0.weight"], second["features.0.weight"])


@pytest.mark.parametrize("width", [1, 3])
def test_narrow_and_odd_networks_can_be_matched(width: int):
    """Width 1 ends in a KeyError (git-re-basin-pytorch)."""
    module, spec, (first, second) = two_networks(lambda: cifar_resnet(width, 1), 8)
    found = align(spec, first, second)
    moved = act(spec, found.element, second)
    with torch.no_grad():
        before, after = (
            torch.func.functional_call(module, theta, (images(8),)) for theta in (second, moved)
        )
    assert found.converged
    assert float((after - before).abs().max() / before.abs().max()) < ROUNDING


@pytest.mark.parametrize("kept", ["bias", "weight"])
def test_vectors_count_in_the_match(kept: str):
    """A permutation planted in the biases (or in the weights of a norm) alone is not found
    (rebasin)."""
    module = nn.Sequential(
        nn.Conv2d(3, 6, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 1)
    )
    spec = discover(randomised(module), images(4)).exact()
    alike = {
        name: tensor if name == f"1.{kept}" else torch.ones_like(tensor)
        for name, tensor in parameters(module).items()
    }
    planted = extend(
        spec,
        GroupElement(
            {"hidden1": torch.tensor([3, 5, 0, 2, 1, 4])}, {"hidden1": torch.ones(6).double()}
        ),
    )
    found = align(spec, alike, act(spec, planted, alike)).element
    assert torch.equal(
        planted.permutations["hidden1"][found.permutations["hidden1"]], torch.arange(6)
    )


def test_every_group_of_a_residual_network_is_matched():
    """The residual stream is dropped, so that only the blocks are matched (rebasin)."""
    _, spec, (first, _) = two_networks(lambda: cifar_resnet(4, 1, projection=True), 8)
    planted = random_element(spec, generator=stream("planted"), spread=0.0)
    assert all(
        not torch.equal(p, torch.arange(len(p)))
        for name, p in planted.permutations.items()
        if spec[name].permute
    )
    found = align(spec, first, act(spec, planted, first)).element
    for group in (group for group in spec.groups if group.permute):
        assert torch.equal(
            planted.permutations[group.name][found.permutations[group.name]],
            torch.arange(group.size),
        )


def test_the_spread_of_local_optima_is_reported():
    """One random sweep order and one local optimum, without a word about the others
    (git-re-basin and its descendants)."""
    _, spec, (first, second) = two_networks(lambda: cifar_resnet(5, 1), 8)
    found = align(spec, first, second, starts=4, generator=stream("starts"))
    assert len(found.objectives) == 4
    assert max(found.objectives) > min(found.objectives)
    assert found.objective == max(found.objectives)
