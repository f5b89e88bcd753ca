"""Figures of the toroid study show what arrays hold, also of binary studies and without parts."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from drawn import FIGURES, KEPT, curves, draw, faults, panel, prose, texts
from matplotlib.collections import LineCollection, QuadMesh
from scipy.stats import spearmanr
from synthetic_landscape import BINARY, LAYERS, VARIANTS, maps, paths, perceptron
from synthetic_study import ARMS, SETTINGS, binary_case, case

from symgeom.landscape.flatness.measures.catalogue import rows
from symgeom.study.figures.axes import power
from symgeom.study.figures.style import looks, ordered_looks

COLOURS = {arm: look.colour for arm, look in looks(ARMS).items()}


def with_stage(study: xr.DataTree, name: str, stage: xr.Dataset) -> xr.DataTree:
    """Replace a stage of a made-up study."""
    study[name] = xr.DataTree(stage)
    return study


def titles(figure: object) -> list[str]:
    """Return the titles of all panels, without their letters."""
    return [
        axes.get_title(loc="left").strip() for axes in figure.axes if axes.get_title(loc="left")
    ]


def mean_curve(array: xr.DataArray, arm: str) -> np.ndarray:
    """Average over the usable seeds, one by one."""
    return np.mean([array.sel(arm=arm, seed=seed).values for seed in KEPT[arm]], axis=0)


def test_without_curvature_the_panel_is_left_out():
    study = with_stage(
        case(["minima", "flatness"]),
        "curvature",
        xr.Dataset(coords={"arm": sorted(ARMS), "seed": [0, 1, 2]}),
    )
    figure = draw("flatness", study)
    assert titles(figure) == ["local energy"]
    assert "multiplicative weight noise" in texts(figure)
    assert titles(draw("flatness", case(["minima", "flatness"]))) == ["local energy"]


def test_amplitudes_of_binary_networks_are_probabilities():
    assert "probability that a weight's sign flips" in texts(draw("flatness", binary_case()))
    assert "mean over probabilities 0.1 to 0.6" in texts(draw("generalisation", binary_case()))
    assert "energy, flips" in texts(draw("measures", binary_case()))
    assert "under a single one" in texts(draw("noises", binary_case()))


def filled_and_hollow(axes, arm: str) -> tuple[list[float], list[float]]:
    """Return what the filled symbols of an arm show, and what the hollow ones do."""
    lines = [line for line in axes.lines if line.get_color() == COLOURS[arm]]
    filled = [line for line in lines if line.get_markerfacecolor() != "white"]
    hollow = [line for line in lines if line.get_markerfacecolor() == "white"]
    return tuple(sorted(y for line in kind for y in line.get_ydata()) for kind in (filled, hollow))


def test_escape_angles_that_were_not_reached_are_hollow():
    study = case(["minima", "flatness", "paths"])
    flatness = study["flatness"].to_dataset()
    flatness["escape_reached"].loc[{"arm": "rsgd", "seed": 1}] = 0.9
    figure = draw("escapes", with_stage(study, "flatness", flatness))
    assert titles(figure) == ["random directions", "along geodesics", "barriers on geodesics"]
    assert "lower bound" in texts(figure)
    axes = panel(figure, "random directions")
    filled, hollow = filled_and_hollow(axes, "rsgd")
    angle = flatness["escape_angle"].sel(arm="rsgd")
    assert hollow == [angle.sel(seed=1).item()]
    assert filled == sorted(angle.sel(seed=[0, 2]).values)
    axes = panel(figure, "along geodesics")
    geodesic = study["paths"].to_dataset().sel(geodesic="geodesic both")
    for arm in ("rsgd", "adversarial"):
        inside = ((geodesic["first_arm"] == arm) & (geodesic["second_arm"] == arm)).values
        angles = geodesic["escape_angle"].values[inside]
        reached = geodesic["escape_reached"].values[inside] == 1
        expected = (sorted(angles[reached]), sorted(angles[~reached]))
        assert filled_and_hollow(axes, arm) == expected


def test_barriers_are_shown_as_shares_of_the_headroom():
    paths = case(["paths"])["paths"].to_dataset()
    axes = panel(draw("escapes"), "barriers on geodesics")
    inside = ((paths["first_arm"] == "sgd") & (paths["second_arm"] == "sgd")).values
    shares = paths["relative_barrier"].sel(variant="geodesic both", split="train").values[inside]
    assert filled_and_hollow(axes, "sgd")[0] == sorted(shares)
    assert axes.get_ylabel() == "barrier (% of the headroom)"


def halves(axes) -> list:
    """Return the symbols of pairs of two arms."""
    return [line for line in axes.lines if line.get_fillstyle() == "left"]


def of_arms(stage: xr.Dataset, first: str, second: str) -> list[int]:
    """Find the pairs of usable minima of two arms, by looking at all pairs."""
    rows = []
    for row in range(stage.sizes["pair"]):
        ends = []
        for end in ("first", "second"):
            ends.append((stage[f"{end}_arm"].item(row), stage[f"{end}_seed"].item(row)))
        usable = all(seed in KEPT[arm] for arm, seed in ends)
        if usable and sorted(arm for arm, _ in ends) == sorted((first, second)):
            rows.append(row)
    return rows


def test_losses_are_shown_beside_errors():
    study = case(["minima", "paths"])
    paths = study["paths"].to_dataset()
    paths["loss_barrier"][of_arms(paths, "rsgd", "adversarial")] = 0.0
    figure = draw("losses", with_stage(study, "paths", paths))
    assert titles(figure) == ["within arms", "pairs", "between / inside arms"]
    full = paths.sel(variant="geodesic both", split="train")
    (curve,) = curves(panel(figure, "within arms"), COLOURS["sgd"], 25)[:1]
    inside = of_arms(paths, "sgd", "sgd")
    np.testing.assert_allclose(curve, full["loss"][inside].mean("pair"), rtol=1e-12)
    axes = panel(figure, "pairs")
    (sgd,) = [line for line in axes.lines if line.get_marker() == "^"]
    np.testing.assert_array_equal(
        sgd.get_xydata().T, [full["barrier"][inside], full["loss_barrier"][inside]]
    )
    shown = sum(len(line.get_xdata()) for line in axes.lines)
    assert shown == sum(len(of_arms(paths, *ends)) for ends in combinations(KEPT, 2)) + sum(
        len(of_arms(paths, arm, arm)) for arm in KEPT
    )
    assert axes.get_xlim()[0] < 0
    assert axes.get_ylim()[0] < 0


def test_between_arms_the_loss_is_compared_with_the_error():
    study = case(["minima", "paths"])
    paths = study["paths"].to_dataset()
    full = paths.sel(variant="geodesic both", split="train")
    full["loss_barrier"][of_arms(paths, "rsgd", "adversarial")] = 0.0
    axes = panel(draw("losses", study), "between / inside arms")
    expected = []
    for name in ("loss_barrier", "barrier"):
        between, *inside = [
            full[name][of_arms(paths, *ends)].mean().item()
            for ends in (("rsgd", "adversarial"), ("rsgd", "rsgd"), ("adversarial", "adversarial"))
        ]
        expected.append(between / np.mean(inside))
    both = (COLOURS["rsgd"], COLOURS["adversarial"])
    (symbol,) = [
        line
        for line in halves(axes)
        if (line.get_markerfacecolor(), line.get_markerfacecoloralt()) == both
    ]
    assert symbol.get_xydata()[0] == pytest.approx(expected)


def test_without_pairs_of_two_arms_there_is_nothing_between_them():
    study = case(["minima", "paths"])
    paths = study["paths"].to_dataset()
    same = (paths["first_arm"] == paths["second_arm"]).values
    figure = draw("losses", with_stage(study, "paths", paths.isel(pair=np.flatnonzero(same))))
    assert titles(figure) == ["within arms", "pairs"]
    assert "two arms" not in texts(figure)
    paths["barrier"][np.flatnonzero(same)] = 0.0
    figure = draw("losses", with_stage(study, "paths", paths))
    assert titles(figure) == ["within arms", "pairs"]


def ends_of(stage: xr.Dataset) -> list[tuple]:
    """Return the arms and seeds of every pair."""
    names = ("first_arm", "first_seed", "second_arm", "second_seed")
    return list(zip(*(stage[name].values.tolist() for name in names), strict=True))


@pytest.mark.parametrize("binary", [False, True])
def test_flatness_distance_and_barrier_of_every_pair(binary):
    study = binary_case() if binary else case(["minima", "flatness", "distances", "paths"])
    curve = study["flatness"]["local_energy"]
    width = float(curve["amplitude"].max() - curve["amplitude"].min())
    energy_of = (curve.integrate("amplitude") / width).to_series()
    distances = study["distances"].to_dataset()
    aligned = distances["distance"].sel(stage="aligned").values
    distance_of = dict(zip(ends_of(distances), aligned, strict=True))
    # Other pairs were joined, in another order.
    paths = study["paths"].to_dataset().isel(pair=slice(None, None, -2))
    variant = "hamming aligned" if binary else "geodesic both"
    barrier = paths["barrier"].sel(variant=variant, split="train").values
    figure = draw("pairs", with_stage(study, "paths", paths))

    def energies(stage: xr.Dataset, rows: list[int]) -> list[float]:
        ends = [ends_of(stage)[row] for row in rows]
        return [(energy_of[a, i] + energy_of[b, j]) / 2 for a, i, b, j in ends]

    inside = []
    for arm in KEPT:
        joined, rows = of_arms(paths, arm, arm), of_arms(distances, arm, arm)
        inside.append((energies(distances, rows), aligned[rows]))
        expected = [inside[-1]]
        if joined:
            near = [distance_of[ends_of(paths)[row]] for row in joined]
            heights = barrier[joined]
            expected = [(near, heights), (energies(paths, joined), heights), inside[-1]]
        for axes, values in zip(figure.axes[-len(expected) :], expected, strict=True):
            symbols = [line for line in axes.lines if line.get_marker() not in ("None", "")]
            whole = [line for line in symbols if line not in halves(axes)]
            (shown,) = [line for line in whole if line.get_color() == COLOURS[arm]]
            np.testing.assert_allclose(shown.get_xydata().T, values, rtol=1e-12)
    correlations = [spearmanr(*values)[0] for values in inside if len(values[0]) > 2]
    means = [[np.mean(side) for side in values] for values in inside]
    between = spearmanr(*np.transpose(means))[0]
    title = figure.axes[2].get_title(loc="left").strip().replace("−", "-")
    assert title == f"in arms {np.mean(correlations):.2f}, of arms {between:.2f}"
    assert f"in c: {sum(len(values[0]) for values in inside)} within arms" in prose(figure)


def test_an_arm_with_one_minimum_has_escape_angles_along_random_directions_alone():
    study = case(["minima", "flatness", "paths"])
    minima = study["minima"].to_dataset()
    minima["usable"].loc[{"seed": [1, 2]}] = False
    assert titles(draw("escapes", with_stage(study, "minima", minima))) == ["random directions"]


def test_networks_of_signs_have_no_escape_angles():
    words = " ".join(texts(draw("escapes", binary_case())).split())
    assert "networks of signs have no directions" in words


def test_every_noise_has_its_panel():
    flatness = case(["flatness"])["flatness"]
    figure = draw("noises")
    names = [
        "relative to each weight",
        "isotropic on the torus",
        "raw, on the network as trained",
        "raw, on a rescaled copy",
    ]
    for name, title in zip(("local", "torus", "additive", "rescaled"), names, strict=True):
        axes = next(axes for axes in figure.axes if title in axes.get_title(loc="left"))
        for arm in KEPT:
            (curve,) = curves(axes, COLOURS[arm], 6)
            np.testing.assert_allclose(
                curve, mean_curve(flatness[f"{name}_energy"], arm), rtol=1e-12
            )
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] <= 1


@pytest.mark.parametrize("absent", ["torus", "additive"])
def test_noises_that_a_study_lacks_are_left_out(absent):
    names = {"torus": ["torus_energy"], "additive": ["additive_energy", "rescaled_energy"]}[absent]
    study = case(["minima", "flatness"])
    figure = draw(
        "noises", with_stage(study, "flatness", study["flatness"].to_dataset().drop_vars(names))
    )
    assert len(titles(figure)) == 4 - len(names)
    assert not any(
        {"torus": "torus", "additive": "raw"}[absent] in title for title in titles(figure)
    )


def test_measures_are_correlated_with_the_test_error():
    study = case(["minima", "flatness", "curvature"])
    error = [
        float(study["minima"]["test_error"].sel(arm=arm, seed=seed))
        for arm in KEPT
        for seed in KEPT[arm]
    ]
    trace = [
        float(study["curvature"]["trace"].sel(arm=arm, seed=seed))
        for arm in KEPT
        for seed in KEPT[arm]
    ]
    margin = [
        float(study["flatness"]["margin"].sel(arm=arm, seed=seed)[2])
        for arm in KEPT
        for seed in KEPT[arm]
    ]
    energy = [
        float(study["flatness"]["torus_energy"].sel(arm=arm, seed=seed).mean())
        for arm in KEPT
        for seed in KEPT[arm]
    ]
    axes = panel(draw("measures", study), "all minima (n = 13)")
    labels = [label.get_text() for label in axes.get_yticklabels()]
    points = {
        labels[int(line.get_ydata()[0])]: line for line in axes.lines if line.get_marker() == "o"
    }
    bars = {
        labels[int(line.get_ydata()[0])]: line.get_xdata()
        for line in axes.lines
        if line.get_linewidth() == 1.4
    }
    assert labels == [measure.label for measure in rows()]
    assert points["Hessian trace"].get_xdata()[0] == pytest.approx(
        spearmanr(trace, error)[0], abs=1e-12
    )
    assert points["minus margin at 10 %"].get_xdata()[0] == pytest.approx(
        -spearmanr(margin, error)[0], abs=1e-12
    )
    assert points["energy, noise on the torus"].get_xdata()[0] == pytest.approx(
        spearmanr(energy, error)[0], abs=0.02
    )
    assert all(low <= points[label].get_xdata()[0] <= high for label, (low, high) in bars.items())
    hollow = {label for label, line in points.items() if line.get_markerfacecolor() == "white"}
    assert hollow == {
        "energy, raw noise",
        "energy, raw, rescaled copy",
        "Hessian eigenvalue",
        "Hessian trace",
        "sharpness",
    }


def test_correlations_inside_arms_need_three_minima():
    study = case(["minima", "flatness", "curvature"])
    axes, row = panel(draw("measures", study), "inside arms: each, and their mean"), 10
    assert rows()[row].array == "trace"
    near = [
        line
        for line in axes.lines
        if line.get_marker() not in ("None", "") and abs(line.get_ydata()[0] - row) < 0.4
    ]
    inside = {line.get_color(): line.get_xdata()[0] for line in near}
    arms = [arm for arm in KEPT if len(KEPT[arm]) == 3]
    both = [
        [study[stage][name].sel(arm=arm).values for arm in arms]
        for stage, name in (("curvature", "trace"), ("minima", "test_error"))
    ]
    expected = {COLOURS[arm]: spearmanr(x, y)[0] for arm, x, y in zip(arms, *both, strict=True)}
    for colour, value in expected.items():
        assert inside.pop(colour) == pytest.approx(value, abs=1e-12)
    assert list(inside.values()) == pytest.approx([np.mean(list(expected.values()))])


def test_measures_that_a_study_lacks_have_no_row_and_incomplete_ones_say_their_number():
    study = case(["minima", "flatness", "curvature"])
    curvature = study["curvature"].to_dataset()[["eigenvalue", "sharpness"]]
    curvature["sharpness"].loc[{"arm": "sgd", "seed": 0}] = np.nan
    written = texts(draw("measures", with_stage(study, "curvature", curvature)))
    assert "torus_trace" not in written
    assert "trace" not in written
    assert "sharpness: 12 minima." in written


def test_layers_are_means_over_usable_seeds():
    study = case(["minima", "flatness", "curvature"])
    figure = draw("layers", study)
    margin = study["flatness"]["layer_margin"].sel(quantile=0.5)
    rows = {
        "time": study["flatness"]["layer_energy"],
        "boundary": margin,
        "Hessian": study["curvature"]["layer_trace"],
    }
    for title, measured in rows.items():
        axes = panel(figure, title)
        for arm in KEPT:
            (curve,) = curves(axes, COLOURS[arm], 3)
            np.testing.assert_allclose(curve, mean_curve(measured, arm), rtol=1e-12)
        bars = [bar for bar in axes.collections if isinstance(bar, LineCollection)]
        assert len(bars) == len(KEPT)
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        f"module {name}" for name in LAYERS
    ]
    assert axes.get_yscale() == "log"


def test_many_layers_are_readable_and_negative_traces_are_shown():
    study = case(["minima", "curvature"])
    curvature, names = (
        study["curvature"].to_dataset(),
        [f"layer{number}.0.conv1" for number in range(20)],
    )
    trace = xr.concat(
        [curvature["layer_trace"].isel(layer=0, drop=True)] * 20, "layer"
    ).assign_coords(layer=names)
    trace[3] *= -1
    figure = draw(
        "layers",
        with_stage(study, "curvature", curvature.drop_dims("layer").assign(layer_trace=trace)),
    )
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] < 0
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert len(boxes) == 20
    assert boxes[-1].x1 <= figure.get_figwidth() * figure.dpi
    assert "as a whole only" in texts(draw("layers", case(["minima"])))


def test_hubs_stand_at_their_flatness_and_at_the_barrier_over_them():
    study = case(FIGURES["star"])
    barrier = study["paths"]["barrier"].sel(variant="geodesic both", split="train")
    names = ("first_arm", "first_seed", "second_arm", "second_seed")
    ends = zip(*(barrier[name].values for name in names), strict=True)
    height = {
        frozenset([(a, i), (b, j)]): value
        for (a, i, b, j), value in zip(ends, barrier.values, strict=True)
    }
    energies, figure = study["flatness"]["local_energy"], draw("star", study)
    axes = panel(figure, "between two minima of sgd")
    for hub in ("rsgd", "sam", "sgd", "adam", "adversarial"):
        expected, all_ways = [], []
        for seed in KEPT[hub]:
            ways = []
            for two in combinations([("sgd", 0), ("sgd", 1), ("sgd", 2)], 2):
                if (hub, seed) not in two:
                    ways.append(max(height[frozenset([end, (hub, seed)])] for end in two))
            energy = energies.sel(arm=hub, seed=seed).values
            amplitude = energies["amplitude"].values
            area = np.trapezoid(energy, amplitude) / (amplitude[-1] - amplitude[0])
            expected.append((area, np.mean(ways)))
            all_ways += ways
        single, mean = (line for line in axes.lines if line.get_color() == COLOURS[hub])
        np.testing.assert_allclose(np.column_stack(single.get_data()), expected, rtol=1e-12)
        np.testing.assert_allclose(mean.get_ydata(), [np.mean(all_ways)], rtol=1e-12)
    direct = [height[frozenset(two)] for two in combinations([("sgd", i) for i in range(3)], 2)]
    assert axes.lines[0].get_ydata()[0] == pytest.approx(np.mean(direct))
    of_sharp = panel(figure, "between two minima of adversarial")
    drawn = {line.get_color() for line in of_sharp.lines}
    assert COLOURS["rsgd"] in drawn
    assert COLOURS["adversarial"] not in drawn  # two of them memorised: no third one between them
    assert faults(figure) == []


def test_ways_lead_from_the_hub_to_the_end():
    study = case(FIGURES["star"])
    error = study["paths"]["error"]
    rising = (0 * error).where(error["first_arm"] != "sgd", 0.5) + 0.1 * error["t"]
    falling = (error["first_arm"] != "sgd") & (error["second_arm"] == "sgd")
    toward = rising.where(~falling, 0.6 - 0.1 * error["t"])
    turned = study["paths"].to_dataset().assign(error=toward)
    axes = panel(draw("star", with_stage(study, "paths", turned)), "hub to minima of sgd")
    t = error["t"].values
    for hub in ("adam", "rsgd"):  # behind and before the ends in the order of pairs
        mean = next(line for line in axes.lines if line.get_color() == COLOURS[hub])
        np.testing.assert_allclose(mean.get_ydata(), 0.6 - 0.1 * t)
    thin = [path for lines in axes.collections for path in lines.get_paths()]
    assert len(thin) == 3 * (3 + 2 + 2 + 3) + 3 * 2


def test_without_triples_or_roles_the_star_says_so():
    study = case(FIGURES["star"])
    stage = study["paths"].to_dataset()
    inside = stage["first_arm"] == stage["second_arm"]
    alike = stage["first_seed"] == stage["second_seed"]
    for pairs in (inside, inside | alike):
        alone = with_stage(study, "paths", stage.isel(pair=pairs))
        assert "No triples to show" in texts(draw("star", alone))
    empty = with_stage(study, "paths", stage.isel(pair=slice(0)))
    assert "No triples to show" in texts(draw("star", empty))
    roles = SETTINGS | {"roles": {"flat": "rsgd"}}
    assert "No triples to show" in texts(draw("star", case(FIGURES["star"]), settings=roles))
    one = draw("star", case(FIGURES["star"]), settings=SETTINGS | {"roles": {"reference": "sgd"}})
    assert len(one.axes) == 2
    assert faults(one) == []


def test_middles_stand_at_the_number_of_minima_around_them():
    study = case(FIGURES["simplices"])
    stage = study["simplices"].to_dataset()
    figure = draw("simplices", study)
    for title, split in (("training", "train"), ("test", "test")):
        axes = panel(figure, f"on {title} data")
        for arm in ("rsgd", "adam"):  # one seed of adam is no minimum: two are left
            line = next(line for line in axes.lines if line.get_color() == COLOURS[arm])
            expected = []
            for size in (2, 3):
                inside = [
                    row
                    for row in range(stage.sizes["simplex"])
                    if stage["simplex_arm"].values[row] == arm
                    and stage["vertices"].values[row] == size
                    and set(stage["simplex_seed"].values[row][:size]) <= set(KEPT[arm])
                ]
                errors = stage["centre_error"].sel(split=split).values[inside]
                expected += [errors.mean()] if len(errors) else []
            np.testing.assert_allclose(line.get_ydata()[1:], expected)
            assert np.round(line.get_xdata()).tolist() == [1, 2, 3][: 1 + len(expected)]
    assert faults(figure) == []
    lost = stage.assign(centre_error=np.nan * stage["centre_error"])
    for nothing in (lost, stage.isel(simplex=slice(0))):
        assert "No middle to show" in texts(
            draw("simplices", with_stage(study, "simplices", nothing))
        )


def test_variants_that_a_study_adds_have_panels():
    stage = paths(
        np.random.default_rng(0), 3, variants=(*VARIANTS, "geodesic greedy", "repaired both")
    )
    figure = draw("barriers", with_stage(case(["minima"]), "paths", stage))
    assert len(titles(figure)) == 8
    axes = panel(figure, "made-up geodesic greedy")
    error = stage["error"].sel(variant="geodesic greedy", split="train")
    first = [
        place
        for place, arm in enumerate(stage["first_arm"].values)
        if arm == stage["second_arm"].values[place] == "sgd"
    ]
    assert any(
        np.allclose(curve, error.values[first].mean(0), rtol=1e-12)
        for curve in curves(axes, COLOURS["sgd"], 25)
    )
    assert [axes.get_xlabel() for axes in figure.axes].count("position along the path, t") == 3


def test_removals_show_the_mean_change_inside_each_arm():
    paths = case(["paths"])["paths"]
    barrier = paths["barrier"].sel(split="train")
    ends = [
        paths[f"{end}_{name}"].values for name in ("arm", "seed") for end in ("first", "second")
    ]
    inside = (ends[0] == "sgd") & (ends[1] == "sgd")
    inside &= np.isin(ends[2], KEPT["sgd"]) & np.isin(ends[3], KEPT["sgd"])
    figure = draw("ablation")
    assert titles(figure) == ["scales removed", "permutations removed", "geodesics for lines"]
    for title, before, after in [
        ("scales removed", "linear raw", "linear normalised"),
        ("permutations removed", "geodesic normalised", "geodesic both"),
        ("geodesics for lines", "linear both", "geodesic both"),
    ]:
        change = barrier.sel(variant=after) - barrier.sel(variant=before)
        symbols, _ = filled_and_hollow(panel(figure, title), "sgd")
        assert np.isclose(change.values[inside].mean(), symbols, rtol=1e-12).any()
    assert "no scales and no geodesics" in " ".join(texts(draw("ablation", binary_case())).split())


def test_binary_paths_have_four_panels_and_their_own_matrices():
    assert len(titles(draw("barriers", binary_case()))) == len(BINARY)
    barrier = binary_case()["paths"]["barrier"].sel(variant="hamming aligned", split="train")
    first = [
        place
        for place, arm in enumerate(barrier["first_arm"].values)
        if arm == barrier["second_arm"].values[place] == "rsgd"
    ]
    assert f"{100 * barrier.values[first].mean():.2f}" in texts(
        draw("barrier_matrices", binary_case())
    )


def test_maps_show_the_error_and_the_minima_of_usable_planes():
    stage = case(["maps"])["maps"]
    figure = draw("maps")
    assert titles(figure) == ["rsgd", "sgd", "adversarial", "across arms"]
    axes = panel(figure, " sgd")
    (picture,) = [mesh for mesh in axes.collections if isinstance(mesh, QuadMesh)]
    np.testing.assert_array_equal(picture.get_array(), stage["error"][ARMS.index("sgd")])
    places = [line.get_xydata()[0] for line in axes.lines if line.get_color() == COLOURS["sgd"]]
    np.testing.assert_array_equal(places, stage["places"][ARMS.index("sgd")])
    assert [text.get_text() for text in axes.texts] == ["0", "1", "2", "b"]


def test_without_planes_a_map_says_so():
    for stage in (maps(np.random.default_rng(0), 3).isel(plane=slice(0)), xr.Dataset()):
        assert "No map to show" in texts(draw("maps", with_stage(case(["minima"]), "maps", stage)))
    unmeasured = maps(np.random.default_rng(0), 3).drop_vars(["error", "loss"])
    assert "No map to show" in texts(draw("maps", with_stage(case(["minima"]), "maps", unmeasured)))


def test_spectra_hold_all_eigenvalues_and_average_over_seeds():
    curvature = case(["curvature"])["curvature"]
    axes = draw("spectra").axes[0]
    for arm in KEPT:
        (line,) = [line for line in axes.lines if line.get_color() == COLOURS[arm]]
        eigenvalue, share = line.get_data()
        linear = axes.xaxis.get_transform().linear_width
        decades = np.arcsinh(eigenvalue / linear) / np.log(10)
        assert np.trapezoid(share, decades) == pytest.approx(1, abs=0.01)
        own = curvature.sel(arm=arm, seed=KEPT[arm])
        mean = (own["density_node"] * own["density_weight"]).sum("step").mean()
        assert np.trapezoid(share * eigenvalue, decades) == pytest.approx(float(mean), rel=0.05)


def test_spectra_that_were_not_estimated_are_missed():
    study = case(["minima", "curvature"])
    study["curvature"]["density_node"].loc[{"arm": "sgd", "seed": 0}] = np.nan
    assert "sgd (2)" in texts(draw("spectra", study))
    assert "did not estimate" in texts(draw("spectra", binary_case()))


def test_great_circles_are_means_over_pairs_of_a_kind():
    solutions = perceptron()["solutions"]
    figure = draw("perceptron")
    axes = panel(figure, "along great circles")
    for kind, look in ordered_looks(["robust-robust", "robust-typical", "typical-typical"]).items():
        members = solutions["kind"].values == kind
        (curve,) = curves(axes, look.colour, 41)
        np.testing.assert_allclose(curve, solutions["error"].values[members].mean(0), rtol=1e-12)
        points = curves(panel(figure, "barriers"), look.colour, 10)
        np.testing.assert_array_equal(points[0], solutions["barrier"].values[members])
    assert (
        "500 weights, 3 constraints per weight, threshold −0.5. Left out: 1 of 12 solutions"
        in texts(figure)
    )


def test_a_perceptron_without_pairs_is_missed():
    study = perceptron()
    study["solutions"]["barrier"][:] = np.nan
    assert "not solved twice" in texts(draw("perceptron", study))
    assert "not solved twice" in texts(draw("perceptron", xr.DataTree()))


def test_costs_are_sample_gradients_of_all_runs():
    minima = case(["minima"])["minima"]
    axes = panel(draw("training"), "cost")
    shown = [
        value
        for line in axes.lines
        if line.get_color() == COLOURS["sam"]
        for value in line.get_ydata()
    ]
    assert sorted(shown) == sorted(minima["sample_gradients"].sel(arm="sam").values)
    crosses = [line for line in axes.lines if line.get_marker() == "x" and len(line.get_ydata())]
    assert [line.get_color() for line in crosses] == [COLOURS["sam"]]
    old = with_stage(case(["minima"]), "minima", minima.to_dataset().drop_vars("sample_gradients"))
    assert titles(draw("training", old)) == ["loss", "error"]


def test_chains_say_what_they_are():
    study = case(["minima", "chains"])
    study["chains"].attrs = {"kind": "bezier", "bends": 2, "constraint": "torus"}
    assert "along the Bézier curve, 2 bends, on the torus" in titles(draw("chains", study))


def test_large_numbers_have_raised_powers():
    assert [power(value) for value in (1e4, 5e4, 2e-5, 5000, 1e-3)] == [
        "10⁴",
        "5·10⁴",
        "2·10⁻⁵",
        "5000",
        "0.001",
    ]


def test_amplitudes_that_lie_close_share_no_room():
    study = case(["minima", "flatness", "curvature"])
    flatness = study["flatness"].to_dataset()
    figure = draw(
        "flatness",
        with_stage(
            study, "flatness", flatness.assign_coords(amplitude=[0.01, 0.02, 0.05, 0.1, 0.15, 0.2])
        ),
    )
    assert sorted(panel(figure, "local energy").get_xticks()) == [0.02, 0.05, 0.1, 0.15, 0.2]
