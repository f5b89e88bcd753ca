"""Variants of paths: which ones a study asks for, and which ones a case can have."""

import pytest

from symgeom.study.cases import Case
from symgeom.study.stages import data
from symgeom.study.variants.catalogue import KINDS, asked_variants
from symgeom.study.variants.repaired import can_be_repaired

REAL = ("linear", "geodesic", "repaired")


def test_names_are_unique_and_tell_the_kind_and_what_is_removed():
    names = []
    for kind in KINDS:
        for variant in kind.variants:
            names.append(variant.name)
            assert variant.name == f"{variant.kind} {variant.removed}"
            assert variant.removed in ("raw", "normalised", "aligned", "both", "greedy")
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({"compare": "none", "repair": False}, set()),
        ({"compare": "greedy", "repair": False}, {"geodesic greedy"}),
        ({"compare": "none", "repair": True}, {"repaired both"}),
    ],
)
def test_a_study_asks_for_comparison_and_repair(options: dict, more: set[str]):
    optional = {"geodesic greedy", "repaired both"}
    asked = {variant.name for variant, _ in asked_variants(options)}
    assert asked & optional == more
    always = {variant.name for kind in KINDS for variant in kind.variants} - optional
    assert always <= asked


def test_binary_and_real_networks_have_kinds_of_their_own():
    for kind in KINDS:
        for variant in kind.variants:
            assert kind.binary == (variant.kind not in REAL)


@pytest.mark.parametrize(
    ("name", "options", "policy", "possible"),
    [
        ("mlp", {"widths": [5]}, "fold", True),
        ("binary_mlp", {"widths": [5]}, "fold", False),
        ("resnet20", {"depth": 8, "width": 0.25, "batch_norm": True}, "fold", True),
        ("resnet20", {"depth": 8, "width": 0.25, "batch_norm": True}, "recompute", False),
    ],
)
def test_statistics_are_repaired_where_networks_keep_them(
    name: str, options: dict, policy: str, possible: bool
):
    recipe = {"name": "digits", "options": {"subset": 30, "images": True}}
    network = {"name": name, "options": options, "batch_norm": policy, "device": "cpu"}
    case = Case.build("made up", data.measure(recipe, root=""), network)
    assert can_be_repaired(case, case.problems("float32")["train"]) == possible
