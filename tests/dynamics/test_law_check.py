"""Every law of every layer is certified by autograd; each way to break one is named."""

import pytest
import torch
from cases import (
    ARCHITECTURES,
    Block,
    cifar_resnet,
    mlp,
    mlp_spec,
    network,
    randomised,
    self_attention,
)
from torch import nn
from torch.nn import functional as F  # noqa: N812

from symgeom.dynamics.laws import check_laws
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

ROUNDING = 1e-12


def checked(module, *shape, spec=None, samples=6, within_heads=False, training=False):
    inputs = torch.randn(samples, *shape, generator=stream("inputs"), dtype=torch.float64)
    spec = spec or discover(module, inputs, within_heads=within_heads)
    return check_laws(
        spec, module, parameters(module), inputs=inputs, generator=stream("loss"), training=training
    )


def without_eps(module):
    """Make the eps of batch norms no more than rounding."""
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eps = 1e-300
    return module


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_law_that_is_found_holds(name):
    build, shape, *_ = ARCHITECTURES[name]
    for check in checked(without_eps(randomised(build())), *shape, training=True):
        assert check.defect < ROUNDING, check
        assert check.holds


MORE = {
    # Channels that padding adds are families of their own: 1, 3 and 5 of them in the three stages.
    # Inputs of norms at the stream: 4 * 1 + 3 * 3 + 3 * 5; inside the blocks 9 inputs and 9 pairs;
    # 5 for the stream itself.
    "residual network": (lambda: cifar_resnet(4), (3, 8, 8), 51),
    "attention": (lambda: self_attention(6, 3), (4, 6), 6),
    "transformer": (
        lambda: nn.Sequential(
            nn.Linear(3, 6), nn.TransformerEncoderLayer(6, 2, 5, dropout=0.0, batch_first=True)
        ),
        (4, 3),
        5,
    ),
    # The up rows and down columns of a gated layer; the gate has no scale.
    "gated layer": (
        lambda: Block(
            lambda self, x: self.down(F.silu(self.gate(x)) * self.up(x)),
            gate=nn.Linear(3, 4),
            up=nn.Linear(3, 4),
            down=nn.Linear(4, 3),
        ),
        (3,),
        1,
    ),
    # An adapter of rank two beside a weight.
    "low-rank adapter": (
        lambda: Block(
            lambda self, x: self.out(torch.relu(self.base(x) + self.b(self.a(x)))),
            base=nn.Linear(3, 4),
            a=nn.Linear(3, 2, bias=False),
            b=nn.Linear(2, 4, bias=False),
            out=nn.Linear(4, 2),
        ),
        (3,),
        2,
    ),
    # One matrix for the whole stream: writers against readers, embedding and head included.
    "residual stream": (
        lambda: Block(
            lambda self, x: self.out((y := self.stem(x)) + self.b(torch.relu(self.a(y)))),
            stem=nn.Linear(3, 4),
            a=nn.Linear(4, 5),
            b=nn.Linear(5, 4),
            out=nn.Linear(4, 2),
        ),
        (3,),
        2,
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_laws_of_blocks(name):
    build, shape, groups = MORE[name]
    found = checked(without_eps(randomised(build())), *shape, within_heads=True, training=True)
    assert len(found) == groups
    assert all(check.defect < ROUNDING for check in found)


def broken(module, spec, *shape, **options):
    (check,) = [check for check in checked(module, *shape, spec=spec, **options) if not check.holds]
    assert check.defect > 1e-6
    return check.reason


def hidden(*legs, scale="positive", size=5):
    return SymmetrySpec((UnitGroup("hidden1", size, legs, scale),))


IN, BIAS, OUT = Leg("0.weight", 0), Leg("0.bias", 0), Leg("2.weight", 1, power=-1)


def test_a_bias_left_out_is_named():
    assert (
        broken(mlp(3, 5, 2), hidden(IN, OUT), 3) == "'0.bias' was left out: it moves with the units"
    )


def test_a_bias_of_attention_left_out_is_named():
    module = randomised(self_attention(6, 3))
    legs = (Leg("query.weight", 0), Leg("key.weight", 0, power=-1))
    assert (
        broken(module, hidden(*legs, scale="linear", size=2), 4, 6)
        == "'query.bias' was left out: it moves with the units"
    )


def test_a_leg_too_many_is_named():
    legs = (IN, BIAS, OUT, Leg("2.bias", 0, power=-1))
    assert broken(mlp(3, 5, 5), hidden(*legs), 3) == "'2.bias' does not move with the units"


@pytest.mark.parametrize(
    ("activation", "operation"), [(nn.GELU, "gelu"), (nn.Tanh, "tanh"), (nn.Sigmoid, "sigmoid")]
)
def test_an_activation_without_a_degree_is_named(activation, operation):
    reason = broken(mlp(3, 5, 2, activation=activation), hidden(IN, BIAS, OUT), 3)
    assert reason == f"no scale passes through {operation} in module '1' ({activation.__name__})"


def test_the_degree_of_the_activation_is_named():
    module = randomised(ARCHITECTURES["squares"][0]())
    legs = (Leg("a.weight", 0), Leg("a.bias", 0), Leg("b.weight", 1, power=-1))
    assert (
        broken(module, hidden(*legs, size=4), 3)
        == "'b.weight' has power -1, the degree of the activation makes it -2"
    )


def test_matrices_across_rectified_units_are_named():
    reason = broken(mlp(3, 5, 2), hidden(IN, BIAS, OUT, scale="linear"), 3)
    assert reason.startswith("its units are treated one by one")


def test_tied_weights_are_named():
    module = randomised(
        Block(
            lambda self, x: self.out(torch.relu(self.again(torch.relu(self.again(x))))),
            again=nn.Linear(4, 4),
            out=nn.Linear(4, 2),
        )
    )
    legs = (Leg("again.weight", 0), Leg("again.bias", 0), Leg("out.weight", 1, power=-1))
    reason = broken(module, hidden(*legs, size=4), 4)
    assert (
        reason
        == "'again.weight' is used 2 times (tied weights): what moves one use moves the others"
    )


def test_inputs_have_an_identity():
    module = mlp(3, 5, 2)
    reason = broken(module, hidden(Leg("0.weight", 1), Leg("2.weight", 0, power=-1), size=2), 3)
    assert reason.startswith("its units have an identity")


@pytest.mark.parametrize(("eps", "defect"), [(1e-5, 1e-2), (1e-3, 1.0)])
def test_the_eps_of_a_normalisation_is_named(eps, defect):
    module = randomised(
        nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5, eps=eps), nn.ReLU(), nn.Linear(5, 2))
    )
    with torch.no_grad():
        module[0].weight /= 10
    norm_in, norm_pair = checked(module, 3, training=True, samples=40)
    assert "eps" in norm_in.reason
    assert 1e-6 < norm_in.defect < defect
    assert norm_pair.holds
    kept = checked(module, 3, samples=40)[0]
    assert kept.reason.startswith("the statistics of its normalisation are kept")


def test_bad_requests_are_refused():
    module = mlp(3, 5, 2)
    with pytest.raises(SymgeomError, match="4 units need the entries 0 to 4 of that axis"):
        checked(module, 3, spec=mlp_spec(3, 5, 4, 2))
    params = network(3, 5, 2) | {"0.bias": torch.full((5,), torch.nan)}
    with pytest.raises(SymgeomError, match=r"0\.bias"):
        check_laws(
            mlp_spec(3, 5, 2), module, params, inputs=torch.ones(2, 3), generator=stream("loss")
        )
