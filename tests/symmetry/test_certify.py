"""Certificates: what is right passes, and whatever is wrong is named."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from cases import Block, batch, mlp, mlp_spec, randomised
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.symmetry import trials
from symgeom.symmetry.certificate import Certificate, certify, certify_in_place
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 6, 4, 7, 3)


def certificate(spec: SymmetrySpec, network: nn.Module, **options: object) -> Certificate:
    inputs, _ = batch(20, 5, 3)
    return certify(
        spec, network, parameters(network), inputs=inputs, generator=stream("certify"), **options
    )


def changed(spec: SymmetrySpec, name: str, **changes: object) -> SymmetrySpec:
    """Return the spec with some fields of one group replaced."""
    return SymmetrySpec(
        tuple(dataclasses.replace(g, **changes) if g.name == name else g for g in spec.groups)
    )


def test_a_right_spec_passes():
    result = certificate(mlp_spec(*WIDTHS), mlp(*WIDTHS), draws=4)
    assert result.passed
    assert result.require() is result
    assert 0 < result.residual < 1e-13
    assert (result.tolerance, result.head_unchanged, result.worst_group, result.draws) == (
        1e-10,
        True,
        None,
        4,
    )


def test_float32_has_its_own_bound():
    network = mlp(*WIDTHS)
    inputs, _ = batch(20, 5, 3)
    single = cast(parameters(network), torch.float32)
    result = certify(mlp_spec(*WIDTHS), network, single, inputs=inputs, generator=stream("certify"))
    assert result.passed
    assert 1e-10 < result.residual < 1e-5 < result.tolerance == 1e-4


@pytest.mark.parametrize("wrong", ["hidden1", "hidden2", "hidden3"])
@pytest.mark.parametrize("fault", ["power", "missing leg", "kind"])
def test_the_wrong_group_is_named(wrong: str, fault: str):
    """One group of four is wrong: a power, a bias left out, or a scale that the activation does not
    allow."""
    activation = nn.GELU if fault == "kind" else nn.ReLU
    right = mlp_spec(*WIDTHS, scale="none" if fault == "kind" else "positive")
    weight, bias, outgoing = right[wrong].legs
    changes = {
        "power": {"legs": (weight, bias, dataclasses.replace(outgoing, power=-2))},
        "missing leg": {"legs": (weight, outgoing)},
        "kind": {"scale": "positive"},
    }[fault]
    result = certificate(changed(right, wrong, **changes), mlp(*WIDTHS, activation=activation))
    assert not result.passed
    assert result.worst_group == wrong
    assert result.residual > 1e-3
    with pytest.raises(
        SymgeomError,
        match=f"Cannot certify the spec: group '{wrong}' is not a symmetry .*outputs change by",
    ):
        result.require()


def test_a_wrong_permutation_is_named():
    """Units are permuted, and what reads them is not."""
    network = nn.Sequential(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 3)).double()
    lonely = UnitGroup("lonely", 4, (Leg("0.weight", 0), Leg("0.bias", 0)), "none")
    assert certificate(SymmetrySpec((lonely,)), network).worst_group == "lonely"


def test_zero_biases_do_not_hide_a_missing_leg():
    """At zero biases a spec without them is right: only the points nearby show that it is not."""
    network = mlp(*WIDTHS)
    with torch.no_grad():
        for layer in network[::2]:
            layer.bias.zero_()
    group = mlp_spec(*WIDTHS)["hidden2"]
    spec = changed(mlp_spec(*WIDTHS), "hidden2", legs=(group.legs[0], group.legs[2]))
    assert certificate(spec, network, draws=1).passed
    assert certificate(spec, network, draws=2).worst_group == "hidden2"


def test_a_running_variance_moves_with_its_eps():
    network = randomised(
        nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, eps=0.1), nn.Tanh(), nn.Linear(4, 3))
    )
    legs = [Leg("0.weight", 0), Leg("0.bias", 0), Leg("1.running_mean", 0, buffer=True)]
    right, wrong = (
        Leg("1.running_var", 0, power=2, buffer=True, shift=shift) for shift in (0.1, 0.0)
    )
    assert certificate(
        SymmetrySpec((UnitGroup("scale", 4, (*legs, right), permute=False),)), network
    ).passed
    assert (
        certificate(
            SymmetrySpec((UnitGroup("scale", 4, (*legs, wrong), permute=False),)), network
        ).worst_group
        == "scale"
    )


def test_a_head_without_its_bias_changes_classes():
    spec = mlp_spec(*WIDTHS)
    result = certificate(changed(spec, "head", legs=spec["head"].legs[:1]), mlp(*WIDTHS), draws=10)
    assert (result.head_unchanged, result.worst_group) == (False, "head")
    assert result.residual < 1e-13
    with pytest.raises(
        SymgeomError,
        match="group 'head' is not a symmetry of this network .predicted classes change.",
    ):
        result.require()


def test_outputs_that_are_no_numbers_fail():
    """A logarithm of a negative number after a wrong sign."""
    network = Block(
        lambda self, x: torch.log(self.a(x.abs())), a=nn.Linear(5, 3), unused=nn.Linear(2, 3)
    ).double()
    with torch.no_grad():
        network.a.weight.fill_(1.0)
        network.a.bias.fill_(1.0)
    flip = UnitGroup("flip", 3, (Leg("a.weight", 0), Leg("a.bias", 0)), "sign", permute=False)
    still = UnitGroup("still", 3, (Leg("unused.bias", 0),), "positive", permute=False)
    result = certificate(SymmetrySpec((still, flip)), network, draws=1)
    assert result.residual != result.residual
    assert not result.passed
    assert result.worst_group == "flip"


class Stateful(nn.Module):
    """A network that counts its calls in a buffer and clips its weights in place: unkind, and
    legal."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 4), nn.Linear(4, 3)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.a.weight.data.clamp_(-100, 100)
        return self.b(torch.relu(self.a(inputs)))


@pytest.mark.parametrize("network", [mlp(*WIDTHS), Stateful().double()], ids=["plain", "stateful"])
def test_nothing_is_modified(network: nn.Module):
    inputs, params = batch(4, 5, 3)[0], parameters(network.train())
    if isinstance(network, Stateful):
        params["a.weight"][0, 0] = 1e6
    before = {name: tensor.clone() for name, tensor in (params | {"inputs": inputs}).items()}
    own = parameters(network)
    units = {"a.weight": 0, "a.bias": 0, "b.weight": 1}
    legs = tuple(Leg(name, axis, power=1 - 2 * axis) for name, axis in units.items())
    spec = (
        SymmetrySpec((UnitGroup("hidden1", 4, legs),))
        if isinstance(network, Stateful)
        else mlp_spec(*WIDTHS)
    )
    certify(spec, network, params, inputs=inputs, generator=stream("certify"))
    assert all(torch.equal((params | {"inputs": inputs})[name], before[name]) for name in before)
    assert all(torch.equal(tensor, own[name]) for name, tensor in parameters(network).items())
    assert network.training


def test_a_spec_that_does_not_fit_is_named():
    spec = changed(mlp_spec(*WIDTHS), "hidden1", size=99)
    with pytest.raises(
        SymgeomError, match="group 'hidden1': leg on tensor '0.weight', axis 0: 99 units need"
    ):
        certificate(spec, mlp(*WIDTHS))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_finite(value: float):
    network = mlp(*WIDTHS)
    with torch.no_grad():
        network[2].weight[0, 0] = value
    with pytest.raises(
        SymgeomError, match="Cannot use the network to certify: tensor '2.weight' holds 1 values"
    ):
        certificate(mlp_spec(*WIDTHS), network)


OTHER = {
    "widths": (
        (5, 6, 4, 8, 3),
        r"tensor '4.weight' has shape \(8, 4\), expected \(7, 4\), tensor '4.bias' has shape",
    ),
    "depth": ((5, 6, 4, 7), r"tensors missing \['6.bias', '6.weight'\]"),
    "more layers": ((5, 6, 4, 7, 3, 2), r"tensors not expected \['8.bias', '8.weight'\]"),
}


@pytest.mark.parametrize("other", OTHER)
def test_weights_of_another_architecture(other: str):
    widths, message = OTHER[other]
    weights, inputs = parameters(mlp(*widths)), batch(20, 5, 3)[0]
    with pytest.raises(
        SymgeomError,
        match=rf"Cannot use these weights in the network \(Sequential\): {message}",
    ):
        certify(
            mlp_spec(*WIDTHS), mlp(*WIDTHS), weights, inputs=inputs, generator=stream("certify")
        )


def test_inputs_of_the_wrong_shape():
    network = mlp(*WIDTHS)
    message = (
        r"Cannot run the network \(Sequential\) on inputs of shape \(4, 6\) and type "
        r"torch.float64: .* Give a batch of"
    )
    with pytest.raises(SymgeomError, match=message):
        certify(
            mlp_spec(*WIDTHS),
            network,
            parameters(network),
            inputs=batch(4, 6, 3)[0],
            generator=stream("certify"),
        )


def test_inputs_that_are_not_finite():
    network, inputs = mlp(*WIDTHS), batch(4, 5, 3)[0]
    inputs[0, 0] = torch.nan
    with pytest.raises(SymgeomError, match="its outputs are all zero, or not finite"):
        certify(
            mlp_spec(*WIDTHS),
            network,
            parameters(network),
            inputs=inputs,
            generator=stream("certify"),
        )


def test_no_draw_proves_nothing():
    with pytest.raises(
        SymgeomError, match="Cannot certify with 0 random elements: nothing would be proved"
    ):
        certificate(mlp_spec(*WIDTHS), mlp(*WIDTHS), draws=0)


def test_the_walk_leaves_no_two_units_alike():
    """Zero weights of a size beyond the noise's period: a permutation that forgets a leg must still
    be seen."""
    network = nn.Sequential(nn.Linear(2, 70_000), nn.ReLU(), nn.Linear(70_000, 2)).double()
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.fill_(0.01)
    inputs, legs = (
        batch(3, 2, 2)[0],
        (Leg("0.weight", 0), Leg("0.bias", 0), Leg("2.weight", 1, power=-1)),
    )
    right, wrong = (
        SymmetrySpec((UnitGroup("hidden1", 70_000, some, "none"),)) for some in (legs, legs[:2])
    )

    def proof(spec: SymmetrySpec, draws: int) -> Certificate:
        return certify(
            spec,
            network,
            parameters(network),
            inputs=inputs,
            generator=stream("certify"),
            draws=draws,
        )

    assert proof(right, 2).passed
    assert proof(wrong, 1).passed
    assert not proof(wrong, 2).passed


def test_a_network_that_is_random_in_eval_mode():
    network = Block(
        lambda self, x: nn.functional.dropout(self.a(x), 0.5, training=True), a=nn.Linear(5, 3)
    ).double()
    with pytest.raises(
        SymgeomError,
        match=r"Cannot certify the network \(Block\): two evaluations on one input in eval mode "
        r"differ",
    ):
        certificate(SymmetrySpec(()), network)


def test_outputs_that_are_all_zero():
    network = Block(lambda self, x: 0 * self.a(x), a=nn.Linear(5, 3)).double()
    with pytest.raises(SymgeomError, match="its outputs are all zero, or not finite"):
        certificate(SymmetrySpec(()), network)


def two_layers(activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    return mlp(6, 8, 3, activation=activation)


def with_values(change: Callable[[nn.Sequential], object], **options: object) -> nn.Sequential:
    """Return a network of two layers with some of its weights changed."""
    network = two_layers(**options)
    with torch.no_grad():
        change(network)
    return network


def ended(end: nn.Module, change: Callable[[nn.Sequential], object]) -> nn.Sequential:
    """Return a network of two layers, changed, and with a layer behind it."""
    return nn.Sequential(*with_values(change), end)


class Two(nn.Module):
    """Two heads, or the sum of two branches, of one layer of hidden units."""

    def __init__(self, *, summed: bool, change: Callable[["Two"], object]) -> None:
        super().__init__()
        layers = two_layers()
        self.add_module("0", layers[0])
        self.add_module("2", layers[2])
        self.other = nn.Linear(8, 3).double()
        self.summed = summed
        with torch.no_grad():
            change(self)

    def forward(self, x: torch.Tensor) -> object:
        hidden = self.get_submodule("0")(x).relu()
        first = self.get_submodule("2")(hidden)
        if self.summed:
            return first + torch.relu(self.other(hidden))
        return first, self.other(hidden)


BLIND: dict[str, Callable[[], nn.Module]] = {
    "one huge bias": lambda: with_values(lambda n: n[2].bias[0].fill_(1e13)),
    "huge biases": lambda: with_values(lambda n: n[2].bias.fill_(-1e13)),
    "huge weights of a class": lambda: with_values(lambda n: n[2].weight[0].mul_(1e12)),
    "tiny weights of two classes": lambda: with_values(lambda n: n[2].weight[1:].mul_(1e-14)),
    "saturated softmax": lambda: ended(nn.Softmax(1), lambda n: n[2].weight.mul_(1e4)),
    "softmax of one class": lambda: ended(nn.Softmax(1), lambda n: n[2].bias[1].fill_(800)),
    "saturated hardtanh": lambda: ended(nn.Hardtanh(), lambda n: n[2].bias.fill_(1e5)),
    "saturated sigmoid": lambda: ended(nn.Sigmoid(), lambda n: n[2].bias.fill_(60)),
    "clipped outputs": lambda: ended(nn.ReLU6(), lambda n: n[2].bias.fill_(1e3)),
    "dead units": lambda: with_values(lambda n: n[0].bias.fill_(-100)),
    "saturated units": lambda: with_values(lambda n: n[0].bias.fill_(50), activation=nn.Sigmoid),
    "no outgoing weights": lambda: with_values(lambda n: n[2].weight.mul_(1e-16)),
    "tiny hidden biases": lambda: with_values(lambda n: n[0].bias.mul_(1e-14)),
    "a head behind a huge bias": lambda: Two(
        summed=False, change=lambda n: n.other.bias.fill_(1e14)
    ),
    "a dead branch": lambda: Two(summed=True, change=lambda n: n.other.bias.fill_(-1e3)),
}
"""Networks at whose weights it can hardly be seen whether the biases of units move with them."""


def spec_of(network: nn.Module, *, without: str = "") -> SymmetrySpec:
    """Return the spec of the hidden units of a network of two layers, perhaps without a leg."""
    scale = "none" if any(isinstance(layer, nn.Sigmoid) for layer in network.children()) else None
    legs = mlp_spec(6, 8, 3)["hidden1"].legs
    if isinstance(network, Two):
        legs = (*legs, Leg("other.weight", 1, power=-1))
    left = tuple(leg for leg in legs if leg.tensor != without)
    return SymmetrySpec((UnitGroup("hidden1", 8, left, scale or "positive"),))


@pytest.mark.parametrize("samples", [1, 8])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", BLIND)
def test_what_the_outputs_hardly_show_is_seen_elsewhere(name, dtype, samples):
    network = BLIND[name]()
    inputs = batch(samples, 6, 3)[0]
    params = cast(parameters(network), dtype)

    def proof(spec: SymmetrySpec) -> Certificate:
        return certify(spec, network, params, inputs=inputs, generator=stream("certify"))

    assert proof(spec_of(network)).passed
    for leg in spec_of(network)["hidden1"].legs:
        result = proof(spec_of(network, without=leg.tensor))
        assert (result.passed, result.worst_group) == (False, "hidden1"), leg.tensor


def constant(self: Block, x: torch.Tensor) -> torch.Tensor:
    return 1 + 1e-20 * self.b(torch.relu(self.a(x)))


def unread(self: Block, x: torch.Tensor) -> torch.Tensor:
    return self.b(0 * torch.relu(self.a(x)))


def rounded(self: Block, x: torch.Tensor) -> torch.Tensor:
    return 5 + torch.floor(self.b(torch.relu(self.a(x))) * 1e-9).clamp(0, 1)


@pytest.mark.parametrize("function", [constant, unread, rounded])
def test_a_group_that_no_weights_show_is_refused(function):
    network = randomised(Block(function, a=nn.Linear(5, 4), b=nn.Linear(4, 3)))
    legs = (Leg("a.weight", 0), Leg("a.bias", 0), Leg("b.weight", 1, power=-1))
    with pytest.raises(
        SymgeomError,
        match=r"network \(Block\): no output depends visibly on the weights of group 'units'",
    ):
        certificate(SymmetrySpec((UnitGroup("units", 4, legs),)), network)


def test_a_network_that_cannot_be_differentiated_is_tried_out():
    @torch.no_grad()
    def without_gradients(self: Block, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x)))

    network = randomised(Block(without_gradients, a=nn.Linear(5, 4), b=nn.Linear(4, 3)))
    legs = (Leg("a.weight", 0), Leg("a.bias", 0), Leg("b.weight", 1, power=-1))
    assert certificate(SymmetrySpec((UnitGroup("units", 4, legs),)), network).passed
    assert not certificate(SymmetrySpec((UnitGroup("units", 4, legs[::2]),)), network).passed


@pytest.mark.parametrize(
    "error", [KeyError("k"), AttributeError(), OSError("gone"), ZeroDivisionError("by zero")]
)
def test_what_a_module_raises_is_said(error):
    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        raise error

    network = Block(forward, a=nn.Linear(5, 4)).double()
    with pytest.raises(
        SymgeomError, match=rf"network \(Block\) .*its forward raises {type(error).__name__}: "
    ) as refusal:
        certificate(SymmetrySpec(()), network)
    assert refusal.value.__cause__ is error


@pytest.mark.parametrize(("size", "looks"), [(1.0, ["float32"]), (1e-7, ["float32", "float64"])])
def test_what_float32_shows_is_not_asked_again(monkeypatch, size, looks):
    """A branch that adds little is lost in the rounding of float32, and seen in float64."""

    def alive(two):
        two.other.weight.mul_(size)
        two.other.bias.fill_(3 * size)

    torch.manual_seed(1)
    network = Two(summed=True, change=alive)
    seen = []

    def hidden_parts(spec, call, point, least, generator):
        seen.append(str(point["0.weight"].dtype).removeprefix("torch."))
        return looked_at(spec, call, point, least, generator)

    looked_at = trials.hidden_parts
    monkeypatch.setattr(trials, "hidden_parts", hidden_parts)
    inputs, _ = batch(20, 6, 3)
    proof = certify(
        spec_of(network),
        network,
        parameters(network),
        inputs=inputs,
        generator=stream("certify"),
    )
    assert proof.passed
    assert seen == looks


def test_a_certificate_in_place_is_the_same_and_gives_the_weights_up():
    network = mlp(*WIDTHS)
    inputs, _ = batch(20, 5, 3)
    point = parameters(network)
    proof = certify_in_place(
        mlp_spec(*WIDTHS),
        network,
        point,
        inputs=inputs,
        generator=stream("certify"),
    )
    assert proof == certificate(mlp_spec(*WIDTHS), network)
    assert not point
