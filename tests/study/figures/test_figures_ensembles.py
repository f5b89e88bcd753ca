"""Figures of ensembles, against the numbers that they draw."""

import numpy as np
import pytest
from drawn import curves, draw, panel, prose
from synthetic_neighbours import KINDS
from synthetic_study import case

from symgeom.study.figures.style import looks, ordered_looks


def test_means_of_all_kinds_are_drawn_as_differences_from_the_minimum():
    study = case(["minima", "neighbours"])
    axes = panel(draw("ensembles", study), " error")
    colour = looks(["rsgd", "sam", "sgd", "adam", "adversarial"])["sgd"].colour
    lines = [line for line in axes.lines if line.get_color() == colour]
    means = [line.get_xdata()[0] for line in lines if len(np.atleast_1d(line.get_xdata())) == 1]
    error = study["neighbours"]["error"].sel(arm="sgd", scale=0.1)
    expected = 100 * (error - error.sel(kind="single")).mean("seed").values[1:]
    np.testing.assert_allclose(means, expected)
    words = prose(draw("ensembles", study))
    assert "2 members, scale 0.1." in words
    assert all(f"the {kind}" in words for kind in KINDS if kind != "single")


@pytest.mark.parametrize(
    ("aim", "title"),
    [
        ("aimed", "aimed at the ensemble"),
        ("transferred", "aimed at the minimum"),
        ("either", "whichever succeeds"),
    ],
)
def test_errors_under_attack_begin_at_the_clean_error(aim, title):
    study = case(["minima", "neighbours"])
    axes = panel(draw("robustness", study), title)
    stage = study["neighbours"].sel(arm="sgd")
    for kind, look in ordered_looks(list(KINDS)).items():
        clean = stage["attacked_error"].sel(kind=kind).mean().item()
        attacked = stage["robust_error"].sel(kind=kind, attack="pgd", aim=aim).mean("seed")
        drawn = curves(axes, look.colour, 3)
        expected = [clean, *attacked.values]
        assert any(np.allclose(curve, expected) for curve in drawn)


def test_errors_against_the_scale_are_differences_from_the_minimum():
    study = case(["minima", "neighbours"])
    axes = panel(draw("ensemble_scales", study), "mean prediction")
    error = study["neighbours"]["error"].sel(arm="sgd")
    above = 100 * (error - error.sel(kind="single")).mean("seed")
    kinds = [kind for kind, (count, _) in KINDS.items() if count == 1][1:]
    for kind, look in ordered_looks(kinds).items():
        (drawn,) = curves(axes, look.colour, 2)
        np.testing.assert_allclose(drawn, above.sel(kind=kind).values, atol=1e-9)


@pytest.mark.parametrize("name", ["ensembles", "robustness", "ensemble_scales"])
def test_without_ensembles_a_sentence_says_so(name):
    study = case(["minima", "neighbours"])
    stage = study["neighbours"].to_dataset()
    study["neighbours"] = stage.where(stage["kind"] == "single")
    assert " to show: no usable minimum " in prose(draw(name, study))
    study["neighbours"] = stage.drop_vars(["error", "robust_error"])
    assert " to show: no usable minimum " in prose(draw(name, study))
