"""Figures of studies with little or much to show say so, or make room."""

import numpy as np
import pytest
import xarray as xr
from drawn import FIGURES, OF_CASES, draw, faults, prose, texts
from synthetic_study import ARMS, case

from symgeom.study.figures.axes import columns
from symgeom.study.figures.style import PAGE, sheet


@pytest.mark.parametrize("name", [name for name in OF_CASES if name != "training"])
def test_without_usable_minima_a_figure_says_so(name):
    study = case(FIGURES[name])
    study["minima"]["usable"][:] = False
    written = prose(draw(name, study))
    assert "to show" in written or "to compare" in written
    assert "adversarial seeds 0, 1, 2 (reached)" in written


def test_without_claims_or_histories_a_figure_says_so():
    study = case(["minima"])
    study["minima"]["history_loss"][:] = np.nan
    assert "no seed was trained" in texts(draw("training", study))
    assert "No claim" in texts(draw("claims", claims=[]))


@pytest.mark.parametrize("name", OF_CASES)
def test_a_single_usable_seed_is_drawn_without_an_interval(name):
    study = case(FIGURES[name])
    study["minima"]["usable"][:] = False
    study["minima"]["usable"].loc[{"arm": "sgd", "seed": 1}] = True
    figure = draw(name, study)
    figure.draw_without_rendering()
    assert "sgd seeds 0, 2 (reached)" in prose(figure)


@pytest.mark.parametrize("name", ["training", "charges", "equilibria", "joined"])
def test_what_training_did_is_not_shown_of_minima_that_were_trained_elsewhere(name):
    study = case(FIGURES[name])
    study["minima"]["status"] = study["minima"]["status"].astype("U11")
    study["minima"]["status"].loc[{"arm": "sgd"}] = "imported"
    figure = draw(name, study)
    figure.draw_without_rendering()
    assert "Not shown: sgd (trained elsewhere)." in prose(figure)
    assert "rsgd (3)" in texts(figure)
    assert "\nsgd (3)" not in texts(figure)
    study["minima"]["status"][:] = "imported"
    assert name == "training" or "that was trained here" in prose(draw(name, study))


def test_many_arms_and_groups_find_room():
    arms = [*ARMS, *(f"a_long_name_{number}" for number in range(8))]
    figure = draw("training", arms=arms)
    assert "rsgd (3)" in texts(figure)
    study = case(["minima", "equilibria"])
    for number in range(3, 9):
        study["equilibria"][f"displacement_hidden{number}"] = study["equilibria"][
            "displacement_hidden1"
        ].rename(hidden1=f"hidden{number}")
    assert "3 of 8 unit groups are shown" in texts(draw("equilibria", study))


@pytest.mark.parametrize(("arms", "angle"), [(["rsgd", "sgd"], 0), (ARMS, 35)])
def test_names_stand_level_where_there_is_room(arms, angle):
    figure, panels = sheet("abc", width=PAGE, height=2)
    columns(panels["b"], arms)
    assert {label.get_rotation() for label in panels["b"].get_xticklabels()} == {angle}
    assert faults(figure) == []


def test_two_maps_are_larger_than_six():
    study = case(FIGURES["maps"])
    two = study.copy()
    two["maps"] = xr.DataTree(study["maps"].to_dataset().isel(plane=[0, 1]))
    widths = []
    for tree in (two, study):
        figure = draw("maps", tree)
        assert faults(figure) == []
        widths.append(figure.axes[0].get_window_extent().width)
    assert widths[0] > 1.5 * widths[1]
