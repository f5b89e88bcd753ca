"""Symmetries of a case, discovered and certified."""

from dataclasses import replace

from cases import mlp_spec
from tiny_study import WIDTHS, TinyStudy
from torch import nn

from symgeom.study.stages import symmetry


def test_the_spec_is_the_one_that_is_written_by_hand(tiny: TinyStudy):
    by_hand = mlp_spec(*WIDTHS)
    hidden = [group for group in tiny.spec.groups if group.name != "head"]
    assert [group.name for group in hidden] == ["hidden1", "hidden2"]
    for group, expected in zip(hidden, by_hand.groups, strict=False):
        assert set(group.legs) == set(expected.legs)
        assert (group.size, group.scale, group.permute) == (expected.size, "positive", True)


def test_networks_without_batch_norm_are_measured_as_they_are_trained(tiny: TinyStudy):
    assert tiny.spec == tiny.trained_spec
    assert symmetry.measure(tiny.case) == (tiny.spec, tiny.trained_spec)


def test_binary_networks_have_signs_and_no_head(signs: TinyStudy):
    assert [(group.name, group.scale) for group in signs.spec.groups] == [
        ("hidden1", "sign"),
        ("hidden2", "sign"),
    ]


class Multiplied(nn.Module):
    """A network with an operation that no rule describes behind its first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 5)
        self.second = nn.Linear(5, 6)
        self.last = nn.Linear(6, 10)

    def forward(self, inputs):
        return self.last(self.second(self.first(inputs).cumprod(1)).relu())


def test_an_operation_that_is_unknown_fixes_what_it_touches_and_is_named(tiny: TinyStudy):
    unknown = replace(tiny.case, trained=Multiplied(), measured=Multiplied())
    spec, _ = symmetry.measure(unknown)
    assert [group.size for group in spec.groups if group.permute] == [6]
    reasons = {axis.reason for axis in spec.fixed}
    assert "cumprod in the network's own forward" in reasons
