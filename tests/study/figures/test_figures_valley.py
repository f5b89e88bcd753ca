"""Figures of the valley and of the two-layer model, against the numbers that they draw."""

import numpy as np
import xarray as xr
from drawn import KEPT, OF_TWO_LAYERS, curves, draw, panel, prose, texts
from synthetic_dynamics import ellipse, two_layer
from synthetic_study import ARMS, case

from symgeom.study.figures.style import looks, ordered_looks


def test_walks_are_mean_logarithms_over_the_balanced_network():
    figure, colour = draw("valleys"), looks(ARMS)["sgd"].colour
    for title, top in (("after training: sharpness", 1.0), ("before training: rate", np.log2(1.5))):
        (line,) = curves(panel(figure, title), colour, 5)
        np.testing.assert_allclose(line, top * np.array([1, 0.25, 0, 0.25, 1]), atol=1e-12)
    assert "Outputs change by at most 1e-15 of their size." in texts(figure)


def test_seeds_that_could_not_be_moved_are_in_no_mean():
    study = case(["minima", "valleys"])
    study["minima"]["usable"][:] = True
    line = curves(
        panel(draw("valleys", study), "after training: sharpness"), looks(ARMS)["sgd"].colour, 5
    )
    assert np.isfinite(line).all()


def test_slices_are_the_middle_of_the_units():
    study = case(["minima", "valleys", "initialisations"])
    figure = draw("starts", study)
    kinds = study["initialisations"]["initialisation"].values.tolist()
    bars = [line for line in panel(figure, "hidden1").lines if line.get_linewidth() == 2.2]
    drawn = study["initialisations"]["charge_hidden1"].sel(initialisation="he").values
    np.testing.assert_allclose(bars[kinds.index("he")].get_xdata(), np.percentile(drawn, [10, 90]))
    ended = study["valleys"]["charge_hidden1"].sel(arm="sam", seed=KEPT["sam"], moment="end").values
    np.testing.assert_allclose(bars[len(kinds) + 1].get_xdata(), np.percentile(ended, [10, 90]))


def test_each_usable_minimum_is_a_point_and_each_pair_of_an_arm():
    figure = draw("coordinates")
    for name, count in (("minima as trained", len(KEPT["rsgd"])), ("pairs inside arms", 3)):
        (points,) = curves(panel(figure, name), looks(ARMS)["rsgd"].colour, count)
        assert np.isfinite(points).all()


def test_a_study_without_charges_says_so():
    for name in ("starts", "valleys", "charts", "coordinates"):
        assert "to show" in texts(draw(name, case(["minima", "distances"])))
    for name in OF_TWO_LAYERS:
        assert "not followed" in prose(draw(name, xr.DataTree()))
    assert "not followed" in prose(draw("model_ellipse", xr.DataTree()))


def test_drift_is_relative_to_the_squares_of_the_start():
    descents = (
        two_layer()["descents"]
        .to_dataset()
        .sel(precision="double", activation="relu")
        .isel(network=0)
    )
    moved = np.abs(descents["charge"] - descents["charge"][0])[1:] / descents["size"]
    lines = curves(panel(draw("model_drift"), "relu"), ordered_looks(["a"])["a"].colour, len(moved))
    np.testing.assert_allclose(lines[0], np.maximum(moved, 1e-12))
    assert len(lines) == 2  # double and single precision


def test_the_axes_of_the_drift_have_no_empty_decades():
    figure = draw("model_drift")
    for title in ("identity", "relu"):
        axes = panel(figure, title)
        least = min(line.get_ydata().min() for other in figure.axes[:4] for line in other.lines)
        assert least / 10 < axes.get_ylim()[0] < least


def test_charts_are_those_of_the_roles_and_ratios_those_of_all_arms():
    study = case(["minima", "charts"])
    figure, charts = draw("charts", study), study["charts"].to_dataset()
    titles = [axes.get_title(loc="left").strip() for axes in figure.axes]
    assert titles[:6] == ["rsgd", "sgd", "adversarial"] * 2
    ways = curves(figure.axes[0], looks(ARMS)["rsgd"].colour, 5)
    np.testing.assert_allclose(ways[0], charts["t"])
    for title, ratio in (("as trained", 1.3), ("balanced", 1.5), ("noise equilibrium", 1.04)):
        for arm in ("rsgd", "sam", "sgd", "adversarial"):
            (line,) = curves(panel(figure, title), looks(ARMS)[arm].colour, 5)
            np.testing.assert_allclose(line, ratio)
        assert not curves(panel(figure, title), looks(ARMS)["adam"].colour, 5)  # seed 0 is left out
    assert "the loss changes by at most 0 of itself" in prose(figure)
    kept = charts.isel(pair=(charts["first_arm"] != "adam").values)
    nearest = kept["trace"].min("imbalance") / kept["point_trace"].sel(point="flattest")
    assert f"at least {float(nearest.min()):.3g} times the smallest of its orbit." in prose(figure)


def test_of_roles_that_nobody_plays_the_first_arms_are_charted():
    figure = draw("charts", case(["minima", "charts"]), settings={"roles": {"flat": "other"}})
    titles = [axes.get_title(loc="left").strip() for axes in figure.axes]
    assert titles[:3] == ["rsgd", "sam", "sgd"]


def test_pairs_without_a_chart_are_named_below_the_others():
    study = case(["minima", "charts"])
    charts = study["charts"].to_dataset()
    lost = charts["first_arm"] == "sgd"
    for name in charts.data_vars:
        charts[name] = charts[name].where(~lost)
    study["charts"] = xr.DataTree(charts.assign_attrs(undefined=["sgd/0 to sgd/1"]))
    figure = draw("charts", study)
    assert "Not charted: sgd/0 to sgd/1." in prose(figure)
    assert "sgd" not in [axes.get_title(loc="left").strip() for axes in figure.axes]


def test_the_ellipse_is_drawn_from_its_numbers():
    model = ellipse()["ellipses"].to_dataset()
    figure = draw("model_ellipse")
    flows = [line for line in panel(figure, "weights").lines if len(line.get_xdata()) == 32]
    np.testing.assert_allclose(flows[0].get_xdata()[:-1], model["flow_weights"][0, :, 0])
    assert len(flows) == 4 * model.sizes["start"]
    upright = [line for line in panel(figure, "charge and loss").lines if len(line.get_xdata()) > 1]
    for line in upright:
        assert np.ptp(line.get_xdata()) < 1e-12
    assert "Descent raises every charge by 0.0054 in each step" in prose(figure)
