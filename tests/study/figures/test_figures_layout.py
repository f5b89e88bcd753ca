"""Pictures of studies of other shapes: nothing leaves the page, overlaps or is dropped in silence.

The made-up studies here have seven or eleven arms, nine groups of units, many failed seeds, errors
at their ceiling, or pairs within arms alone.
"""

from collections.abc import Sequence

import numpy as np
import pytest
import synthetic_dynamics
import synthetic_landscape
import synthetic_study
import xarray as xr
from drawn import FIGURES, OF_CASES, draw, faults, panel, prose
from matplotlib.collections import QuadMesh
from synthetic_study import ARMS, case

from symgeom.study.figures.keys import note
from symgeom.study.figures.style import FAMILIAR, PAGE, looks, sheet, words, wrapped


def of_arms(monkeypatch: pytest.MonkeyPatch, arms: Sequence[str]) -> None:
    """Let the made-up studies have other arms."""
    for module in (synthetic_landscape, synthetic_study, synthetic_dynamics):
        monkeypatch.setattr(module, "ARMS", list(arms))


def replaced(study: xr.DataTree, stage: str, **arrays: object) -> xr.DataTree:
    """Replace arrays of a stage."""
    study[stage] = xr.DataTree(study[stage].to_dataset().assign(arrays))
    return study


def test_texts_that_leave_the_page_or_overlap_are_faults():
    figure, panels = sheet("a", width=PAGE, height=2)
    assert faults(figure) == []
    panels["a"].annotate("one text", (0.5, 0.5))
    panels["a"].annotate("another", (0.52, 0.5))
    figure.text(0.95, 0.5, "beyond the edge")
    assert faults(figure) == ["leaves the page: beyond the edge", "overlap: one text | another"]


@pytest.mark.parametrize("name", ["distances", "barrier_matrices"])
def test_eleven_arms_fit(name, monkeypatch):
    arms = [arm for arm in FAMILIAR if arm not in ("equal_budget", "same_order")]
    of_arms(monkeypatch, arms)
    assert faults(draw(name, case(FIGURES[name]), arms)) == []


@pytest.mark.parametrize("name", OF_CASES)
def test_eight_arms_fit_and_the_failed_seeds_of_one_are_named_inside_the_page(name, monkeypatch):
    arms = [*ARMS, "entropy_sgd", "same_order", "plain"]
    of_arms(monkeypatch, arms)
    study = case(FIGURES[name])
    minima = study["minima"]
    minima["status"] = minima["status"].astype("U40")
    minima["usable"].loc[{"arm": "plain"}] = False
    minima["status"].loc[{"arm": "plain"}] = "reached a loss that cannot be compared"
    figure = draw(name, study, arms)
    assert faults(figure) == []
    assert "plain seeds 0, 1, 2 (reached a loss that cannot be compared)" in prose(figure)


def test_a_figure_grows_by_the_lines_of_its_remarks():
    heights = []
    for repeats in (1, 40):
        figure, panels = sheet("a", width=PAGE, height=2)
        note(figure, *["Three units are lost."] * repeats)
        assert faults(figure) == []
        heights.append(panels["a"].get_position().height * figure.get_figheight())
    assert heights[1] == pytest.approx(heights[0], rel=0.05)


def test_words_stay_in_their_frame():
    figure = words("No minimum can be used, for reasons that take a line or two to say. " * 4)
    assert faults(figure) == []
    frame = figure.texts[0].get_bbox_patch().get_window_extent()
    assert frame.x0 > 0
    assert frame.x1 < figure.get_figwidth() * figure.dpi


def test_paragraphs_keep_their_words():
    text = "A word and anextremelylongwordthatisnevershorter stay."
    lines = wrapped(text, size=8, width=1)
    assert " ".join(lines) == text
    assert "anextremelylongwordthatisnevershorter" in lines
    assert wrapped("", size=8, width=1) == []


def of_groups(count: int) -> xr.DataTree:
    """Return a made-up study whose distances have so many groups."""
    study = case(FIGURES["distances"])
    one = study["distances"].to_dataset().isel(group=[0] * count)
    named = one.assign_coords(group=[f"group{number}" for number in range(count)])
    study["distances"] = xr.DataTree(named)
    return study


@pytest.mark.parametrize(("arms", "count"), [(5, 4), (7, 1), (7, 9)])
def test_every_group_of_the_distances_has_its_strip(count, arms, monkeypatch):
    names = [*ARMS, "entropy_sgd", "plain"][:arms]
    of_arms(monkeypatch, names)
    figure = draw("distances", of_groups(count), names)
    titles = [axes.get_title(loc="left").split()[-1] for axes in figure.axes]
    assert [title for title in titles if title.startswith("group")] == [
        f"group{number}" for number in range(count)
    ]
    assert faults(figure) == []
    for axes in figure.axes[1:]:
        assert len({line.get_color() for line in axes.lines} & colours(names)) == arms


def colours(arms: Sequence[str]) -> set[str]:
    return {look.colour for look in looks(arms).values()}


def test_groups_without_room_are_counted():
    figure = draw("distances", of_groups(15))
    assert "12 of 15 unit groups are shown." in prose(figure)
    assert len(figure.axes) == 14


def only_within(study: xr.DataTree) -> xr.DataTree:
    """Leave out the paths between two arms."""
    stage = study["paths"].to_dataset()
    study["paths"] = xr.DataTree(stage.isel(pair=stage["first_arm"] == stage["second_arm"]))
    return study


def test_matrices_that_would_be_dashes_are_columns():
    study = only_within(case(FIGURES["barrier_matrices"]))
    barrier = study["paths"]["barrier"].sel(variant="geodesic both", split="train")
    figure = draw("barrier_matrices", study)
    assert "–" not in prose(figure)
    axes = figure.axes[0]
    points = {
        line.get_color(): line.get_ydata()[0] for line in axes.lines if len(line.get_xdata()) == 1
    }
    mean = barrier.values[barrier["first_arm"].values == "rsgd"].mean()
    assert points[looks(ARMS)["rsgd"].colour] == pytest.approx(mean)
    assert f"{100 * mean:.2f}" in prose(figure)
    assert faults(figure) == []
    assert not any(axes.images for axes in figure.axes)
    assert all(axes.images for axes in draw("barrier_matrices").axes)


def test_numbers_of_many_columns_stand_apart_and_below_marks_at_the_ceiling(monkeypatch):
    arms = [arm for arm in FAMILIAR if arm not in ("equal_budget", "same_order")][:9]
    of_arms(monkeypatch, arms)
    study = only_within(case(FIGURES["barrier_matrices"]))
    study = replaced(study, "paths", barrier=0 * study["paths"]["barrier"] + 0.8)
    figure = draw("barrier_matrices", study, arms)
    assert faults(figure) == []
    for axes in figure.axes:
        marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
        lowest = min(axes.transData.transform(line.get_xydata())[0, 1] for line in marks)
        numbers = [text for text in axes.texts if "n = " in text.get_text()]
        assert len(numbers) == len(marks) == len(arms)
        assert max(text.get_window_extent().y1 for text in numbers) < lowest - 5


def test_maps_without_a_basin_say_so_and_are_not_all_dark():
    study = case(FIGURES["maps"])
    high = 0.6 + study["maps"]["error"] / 3
    figure = draw("maps", replaced(study, "maps", error=high))
    mesh = next(item for item in figure.axes[0].collections if isinstance(item, QuadMesh))
    shades = mesh.norm(high.values)
    assert shades.min() == pytest.approx(0, abs=0.01)
    assert shades.max() == pytest.approx(1, abs=0.01)
    assert "Lowest to highest error (%): a 60.0 to" in prose(figure)
    assert faults(figure) == []


def test_barriers_at_their_ceiling_are_named():
    study = case(FIGURES["barriers"])
    untrained = float(study["minima"]["history_error"].isel(epoch=0).median())
    error = study["paths"]["error"]
    high = error.where(error["variant"] != "linear raw", untrained)
    figure = draw("barriers", replaced(study, "paths", error=high))
    assert "At the ceiling: a; the training error of every arm comes within 10 %" in prose(figure)
    assert faults(figure) == []
    heights = [line.get_ydata()[0] for line in panel(figure, "linear both").lines]
    assert untrained in heights
    assert "At the ceiling" not in prose(draw("barriers"))
    without = study["minima"].to_dataset().drop_vars("history_error")
    study["minima"] = xr.DataTree(without)
    assert "untrained" not in prose(draw("barriers", study))


def test_high_barriers_fill_the_star():
    study = case(FIGURES["star"])
    figure = draw("star", replaced(study, "paths", barrier=0.8 + study["paths"]["barrier"] / 5))
    assert figure.axes[0].get_ylim()[0] > 0.5
    assert faults(figure) == []
    none = draw("star", replaced(study, "paths", barrier=0 * study["paths"]["barrier"]))
    assert none.axes[0].get_ylim()[0] <= 0
    assert faults(none) == []


def test_layers_are_columns_and_no_axis():
    axes = draw("layers").axes[-1]
    assert list(axes.get_xticks()) == [0, 1, 2]
    arms = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    assert {line.get_linestyle() for line in arms} == {"None"}


@pytest.mark.parametrize("closure", [1e-15, 1e-13, 1e-9])
def test_accounts_leave_few_decades_empty(closure):
    study = case(FIGURES["charges"])
    study["ledgers"]["closure"][:] = closure
    figure = draw("charges", study)
    low, high = panel(figure, "left unexplained").get_ylim()
    assert low < closure < high
    assert high < 1e3 * max(closure, 1e-10 if closure > 1e-12 else 0)
    count = 0 if closure > 1e-10 else 13
    assert f"{count} of 13 closed" in prose(figure)
    assert faults(figure) == []


def test_starts_of_the_model_lie_where_their_size_puts_them():
    figure = draw("model_valley")
    bars = [line.get_xdata() for line in panel(figure, "random starts").lines]
    middles = {round(float(np.mean(bar)), -1) for bar in bars}
    assert len(middles) > 4
    assert "standard deviations of the closed form" in prose(figure)
