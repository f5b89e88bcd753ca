"""Symmetries of a case, discovered and certified."""

from dataclasses import replace

import pytest
from cases import mlp_spec
from tiny_study import WIDTHS, TinyStudy
from torch import nn

from symgeom.ground.checks import SymgeomError
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


class Counting(nn.Module):
    """A module whose outputs jump: no continuous symmetry of its layers survives."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, inputs):
        return self.layer(inputs).cumprod(1)


def test_an_operation_that_is_unknown_is_named(tiny: TinyStudy):
    unknown = replace(tiny.case, trained=Counting(), measured=Counting())
    with pytest.raises(SymgeomError, match="cumprod"):
        symmetry.measure(unknown)
