"""Certificates: what is right passes, and whatever is wrong is named."""

import dataclasses

import pytest
import torch
from cases import Block, batch, mlp, mlp_spec, randomised
from torch import nn

from symgeom.certify import Certificate, certify
from symgeom.checks import SymgeomError
from symgeom.randomness import stream
from symgeom.spec import Leg, SymmetrySpec, UnitGroup
from symgeom.types import cast, parameters

WIDTHS = (5, 6, 4, 7, 3)


def certificate(spec: SymmetrySpec, network: nn.Module, **options: object) -> Certificate:
    inputs, _ = batch(20, 5, 3)
    return certify(spec, network, parameters(network), inputs=inputs, generator=stream("certify"), **options)


def changed(spec: SymmetrySpec, name: str, **changes: object) -> SymmetrySpec:
    """Return the spec with some fields of one group replaced."""
    return SymmetrySpec(tuple(dataclasses.replace(g, **changes) if g.name == name else g for g in spec.groups))


def test_a_right_spec_passes():
    result = certificate(mlp_spec(*WIDTHS), mlp(*WIDTHS), draws=4)
    assert result.passed
    assert result.require() is result
    assert 0 < result.residual < 1e-13
    assert (result.tolerance, result.head_unchanged, result.worst_group, result.draws) == (1e-10, True, None, 4)


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
    """One group of four is wrong: a power, a bias left out, or a scale that the activation does not allow."""
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
    with pytest.raises(SymgeomError, match=f"Cannot certify the spec: group '{wrong}' is not a symmetry .*outputs change by"):
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
    network = randomised(nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, eps=0.1), nn.Tanh(), nn.Linear(4, 3)))
    legs = [Leg("0.weight", 0), Leg("0.bias", 0), Leg("1.running_mean", 0, buffer=True)]
    right, wrong = (Leg("1.running_var", 0, power=2, buffer=True, shift=shift) for shift in (0.1, 0.0))
    assert certificate(SymmetrySpec((UnitGroup("scale", 4, (*legs, right), permute=False),)), network).passed
    assert certificate(SymmetrySpec((UnitGroup("scale", 4, (*legs, wrong), permute=False),)), network).worst_group == "scale"


def test_a_head_without_its_bias_changes_classes():
    spec = mlp_spec(*WIDTHS)
    result = certificate(changed(spec, "head", legs=spec["head"].legs[:1]), mlp(*WIDTHS), draws=10)
    assert (result.head_unchanged, result.worst_group) == (False, "head")
    assert result.residual < 1e-13
    with pytest.raises(SymgeomError, match="group 'head' is not a symmetry of this network .predicted classes change."):
        result.require()


def test_outputs_that_are_no_numbers_fail():
    """A logarithm of a negative number after a wrong sign."""
    network = Block(lambda self, x: torch.log(self.a(x.abs())), a=nn.Linear(5, 3)).double()
    with torch.no_grad():
        network.a.weight.fill_(1.0)
        network.a.bias.fill_(1.0)
    flip = UnitGroup("flip", 3, (Leg("a.weight", 0), Leg("a.bias", 0)), "sign", permute=False)
    still = UnitGroup("still", 3, (Leg("a.bias", 0, power=0),), "positive", permute=False)
    result = certificate(SymmetrySpec((still, flip)), network, draws=1)
    assert result.residual != result.residual
    assert not result.passed
    assert result.worst_group == "flip"


def test_nothing_is_modified():
    network, inputs = mlp(*WIDTHS).train(), batch(4, 5, 3)[0]
    params = parameters(network)
    before = {name: tensor.clone() for name, tensor in params.items()}
    certify(mlp_spec(*WIDTHS), network, params, inputs=inputs, generator=stream("certify"))
    assert all(torch.equal(params[name], before[name]) for name in before)
    assert network.training


def test_a_spec_that_does_not_fit_is_named():
    spec = changed(mlp_spec(*WIDTHS), "hidden1", size=99)
    with pytest.raises(SymgeomError, match="group 'hidden1': leg on tensor '0.weight', axis 0: 99 units need"):
        certificate(spec, mlp(*WIDTHS))


def test_weights_that_are_not_finite():
    network = mlp(*WIDTHS)
    with torch.no_grad():
        network[2].weight[0, 0] = torch.nan
    with pytest.raises(SymgeomError, match="Cannot use the network to certify: tensor '2.weight'"):
        certificate(mlp_spec(*WIDTHS), network)


def test_a_network_that_is_random_in_eval_mode():
    network = Block(lambda self, x: nn.functional.dropout(self.a(x), 0.5, training=True), a=nn.Linear(5, 3)).double()
    with pytest.raises(
        SymgeomError, match=r"Cannot certify the network \(Block\): two evaluations on one input in eval mode differ"
    ):
        certificate(SymmetrySpec(()), network)


def test_outputs_that_are_all_zero():
    network = Block(lambda self, x: 0 * self.a(x), a=nn.Linear(5, 3)).double()
    with pytest.raises(SymgeomError, match="its outputs are all zero, or not finite"):
        certificate(SymmetrySpec(()), network)


def test_a_precision_without_a_bound():
    network = mlp(*WIDTHS)
    half = cast(parameters(network), torch.bfloat16)
    with pytest.raises(SymgeomError, match="Cannot certify weights of type .'torch.bfloat16'.: cast all of them"):
        certify(mlp_spec(*WIDTHS), network, half, inputs=batch(4, 5, 3)[0], generator=stream("certify"))
