"""What the figures show is what the arrays hold, and the pictures are the same on every run."""

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import scipy.stats
import synthetic_study
import yaml
from drawn import FIGURES, KEPT, curves, draw, pairs_within, panel, texts
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from overlays import DEFAULT
from synthetic_study import ARMS, SETTINGS, case

from symgeom.study.figures.style import COLOURS, FAMILIAR, looks, ordered_looks, save


@cache
def drawn(name: str) -> Figure:
    """Draw a figure once."""
    return draw(name)


def test_histories_end_where_their_seed_left():
    minima, axes = case(["minima"])["minima"], panel(drawn("training"), "loss")
    expected = minima["history_loss"].sel(arm="sam", seed=2).values
    ends = [line for line in axes.lines if line.get_marker() == "x"]
    assert (
        [line.get_xdata()[0] for line in ends] == [minima["epochs"].sel(arm="sam", seed=2)] == [7]
    )
    assert any(
        np.array_equal(curve, expected[:8]) for curve in curves(axes, looks(ARMS)["sam"].colour, 8)
    )
    assert SETTINGS["stop_loss"] in [line.get_ydata()[0] for line in axes.lines]


def test_local_energies_are_means_over_usable_seeds():
    energy = case(["flatness"])["flatness"]["local_energy"]
    axes = panel(drawn("flatness"), "local energy")
    for arm, seeds in KEPT.items():
        mean = np.mean([energy.sel(arm=arm, seed=seed).values for seed in seeds], axis=0)
        (curve,) = curves(axes, looks(ARMS)[arm].colour, len(mean))
        np.testing.assert_allclose(curve, mean, rtol=1e-12)
    bands = [band for band in axes.collections if isinstance(band, FillBetweenPolyCollection)]
    sgd = np.array([energy.sel(arm="sgd", seed=seed).values[-1] for seed in range(3)])
    top = bands[list(KEPT).index("sgd")].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(
        sgd.mean() + 4.302653 * sgd.std(ddof=1) / np.sqrt(3), rel=1e-6
    )  # Student's t, 2 degrees of freedom


def test_every_usable_minimum_is_one_point():
    study, axes = case(["minima", "flatness"]), drawn("generalisation").axes[0]
    for arm, seeds in KEPT.items():
        look = looks(ARMS)[arm]
        points = next(
            line
            for line in axes.lines
            if line.get_color() == look.colour and line.get_marker() == look.marker
        )
        np.testing.assert_array_equal(
            points.get_ydata(), study["minima"]["test_error"].sel(arm=arm, seed=seeds)
        )
        energy = (
            study["flatness"]["local_energy"]
            .sel(arm=arm, seed=seeds)
            .transpose("seed", "amplitude")
            .values
        )
        trapezoids = (energy[:, :-1] + energy[:, 1:]).mean(axis=1) / 2  # equal steps
        np.testing.assert_allclose(points.get_xdata(), trapezoids, rtol=1e-12)


def test_distances_are_means_over_usable_pairs_in_degrees():
    data = case(["distances"])["distances"]
    aligned = data["distance"].sel(stage="aligned").values
    shown = texts(drawn("distances"))
    for arm in KEPT:
        members = pairs_within(arm, data)
        assert f"{aligned[members].mean() * 180 / np.pi:.1f}" in shown
        assert f"n = {len(members)}" in shown


def test_profiles_are_means_over_usable_pairs():
    error = case(["paths"])["paths"]["error"]
    axes = panel(drawn("barriers"), "made-up linear aligned")
    for arm in KEPT:
        members = pairs_within(arm, error)
        for split in ("train", "test"):
            expected = np.mean(
                [error.sel(variant="linear aligned", split=split).values[pair] for pair in members],
                axis=0,
            )
            assert any(
                np.allclose(curve, expected, rtol=1e-12)
                for curve in curves(axes, looks(ARMS)[arm].colour, len(expected))
            )


def test_barriers_between_arms_are_means_over_usable_pairs():
    barrier = case(["paths"])["paths"]["barrier"].sel(variant="geodesic both", split="test")
    ends = (
        barrier["first_arm"].values,
        barrier["first_seed"].values,
        barrier["second_arm"].values,
        barrier["second_seed"].values,
    )
    usable = [
        i in KEPT[a] and j in KEPT[b] and {a, b} == {"sam", "adam"}
        for a, i, b, j in zip(*ends, strict=True)
    ]
    cells = [text.get_text() for text in panel(drawn("barrier_matrices"), "test error (%)").texts]
    assert sum(usable) == 1  # seed 1 alone is usable in both
    assert cells.count(f"{100 * barrier.values[usable][0]:.2f}") == 2  # a symmetric matrix


def test_connected_pairs_are_counted():
    chains = case(["chains"])["chains"]
    counts = [
        text.get_text() for text in panel(drawn("chains"), "work").texts if "/" in text.get_text()
    ]
    members = [pairs_within(arm, chains) for arm in KEPT]
    needed = chains["epochs_needed"].values
    assert counts == [
        f"{sum(bool(needed[pair] > 0) for pair in pairs)}/{len(pairs)}" for pairs in members
    ]


def test_causes_add_up_to_the_change_of_the_charge():
    charge = case(["ledgers"])["ledgers"]["charge_hidden2"]
    axes = panel(drawn("charges"), "what moved it, hidden2")
    sums = [float(line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "D"]
    moved = [
        np.mean(
            [
                charge.sel(arm=arm, seed=seed).values[-1] - charge.sel(arm=arm, seed=seed).values[0]
                for seed in seeds
            ]
        )
        for arm, seeds in KEPT.items()
    ]
    first = case(["ledgers"])["ledgers"]["term_hidden2"].isel(step=0).sum("term").mean("hidden2")
    offsets = [float(first.sel(arm=arm, seed=seeds).mean()) for arm, seeds in KEPT.items()]
    np.testing.assert_allclose(sums, np.add(moved, offsets), rtol=1e-9)


def test_accounts_end_where_their_seed_left():
    study = case(["minima", "ledgers"])
    study["ledgers"]["term_hidden1"].loc[{"arm": "sgd", "seed": 0}][12:] = np.nan
    axes = panel(draw("charges", study), "what moved it, hidden1")
    sums = [float(line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "D"]
    terms = (
        study["ledgers"]["term_hidden1"].sel(arm="sgd").sum("term", skipna=False).mean("hidden1")
    )
    expected = np.mean(
        [terms.sel(seed=seed).values[last] for seed, last in ((0, 11), (1, -1), (2, -1))]
    )
    assert sums[list(KEPT).index("sgd")] == pytest.approx(expected, rel=1e-12)


def test_an_account_that_does_not_close_is_in_view():
    study = case(["minima", "ledgers"])
    study["ledgers"]["closure"].loc[{"arm": "adam", "seed": 1}] = 0.3
    study["ledgers"]["closure"].loc[{"arm": "adam", "seed": 2}] = 0.0
    axes = panel(draw("charges", study), "left unexplained")
    low, high = axes.get_ylim()
    assert all(low < value < high for line in axes.lines for value in line.get_ydata())
    assert high > 0.3


def test_what_diverges_leaves_the_panel_and_not_the_key():
    study = case(["minima"])
    study["minima"]["history_loss"].loc[{"arm": "sam", "seed": 2}] *= 1e9
    study["minima"]["usable"].loc[{"arm": "sam"}] = False
    figure = draw("training", study)
    assert panel(figure, "loss").get_ylim()[1] < 100
    assert "sam (3)" in texts(figure)


def test_medians_leave_out_units_without_an_equilibrium():
    units = case(["equilibria"])["equilibria"]["displacement_hidden1"].sel(moment="end")
    axes, look = panel(drawn("equilibria"), "hidden1: 12 units per network"), looks(ARMS)["adam"]
    values = np.abs(
        np.concatenate([units.sel(arm="adam", seed=seed).values for seed in KEPT["adam"]])
    )
    median = np.median(values[np.isfinite(values)])
    marks = [
        line.get_ydata()[0]
        for line in axes.lines
        if line.get_markerfacecolor() == look.colour and line.get_marker() == look.marker
    ]
    assert median in marks
    assert "of 572 values are left out" in texts(
        drawn("equilibria")
    )  # 13 minima, 22 units, 2 moments


def test_every_minimum_stands_at_its_displacement():
    study, figure = case(FIGURES["joined"]), drawn("joined")
    units = study["equilibria"]["displacement_hidden1"].sel(moment="end")
    distance = study["distances"]["distance"].sel(stage="aligned")
    by_label = {axes.get_ylabel().split()[0]: axes for axes in figure.axes if axes.get_ylabel()}
    assert list(by_label) == ["local", "trace", "distance"]
    columns = len(figure.axes) // len(by_label)
    for arm, seeds in KEPT.items():
        colour = looks(ARMS)[arm].colour
        trace = study["orbits"]["trace"].sel(arm=arm, seed=seeds, point="trained").dropna("seed")
        (of_all,) = curves(by_label["trace"], colour, len(trace))
        np.testing.assert_array_equal(of_all, trace)
        of_group = figure.axes[1]
        (line,) = [line for line in of_group.lines if line.get_color() == colour]
        sizes = np.abs(units.sel(arm=arm, seed=seeds).values)
        np.testing.assert_allclose(line.get_xdata(), np.nanmedian(sizes, axis=1))
        of_noise = figure.axes[columns - 1]
        (line,) = [line for line in of_noise.lines if line.get_color() == colour]
        length = study["orbits"]["distance"].sel(arm=arm, seed=seeds, point="noise")
        np.testing.assert_allclose(line.get_xdata(), length / np.sqrt(22))  # 12 and 10 units
        apart = [[] for _ in seeds]
        for pair in pairs_within(arm, distance):
            for end in ("first", "second"):
                apart[seeds.index(int(distance[f"{end}_seed"][pair]))].append(distance.values[pair])
        (of_others,) = curves(by_label["distance"], colour, len(seeds))
        np.testing.assert_allclose(of_others, [np.mean(values) for values in apart])


def test_displacement_is_correlated_with_the_trace_inside_arms_alone():
    study, figure = case(FIGURES["joined"]), drawn("joined")
    displacement = study["equilibria"]["displacement"].sel(moment="end")
    trace = study["orbits"]["trace"].sel(point="trained")
    inside = []
    for arm, seeds in KEPT.items():
        traces = trace.sel(arm=arm, seed=seeds).dropna("seed")
        if len(traces) > 2:
            displaced = displacement.sel(arm=arm, seed=traces["seed"])
            inside.append(scipy.stats.spearmanr(displaced, traces).statistic)
    (axes,) = [axes for axes in figure.axes if axes.get_ylabel().startswith("trace")]
    title = axes.get_title(loc="left").split()[0]
    assert title == f"{np.mean(inside):.2f}".replace("-", "\N{MINUS SIGN}")
    binary = case(["minima", "equilibria", "flatness", "distances"])
    assert "trace" not in texts(draw("joined", binary))


def test_claims_point_to_the_side_that_they_assert():
    axes = drawn("claims").axes[0]
    middle = next(
        line.get_xdata()[0] for line in axes.lines if line.get_xdata()[0] == line.get_xdata()[-1]
    )
    points = [line for line in axes.lines if line.get_marker() in ("o", "X", "D")]
    assert [line.get_marker() for line in points] == ["o", "D", "X", "D", "o"]
    assert [line.get_xdata()[0] > middle for line in points] == [True, True, False, False, True]
    bars = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 1.8]
    assert [bool(min(bar) > middle) for bar in bars] == [True, False, False, False, True]
    assert [bool(max(bar) > middle) for bar in bars] == [True, True, False, False, True]
    assert "undecided (not asked)" in texts(drawn("claims"))
    assert texts(drawn("claims")).count("too few data") == 1


def test_colour_is_never_the_only_code():
    many = looks([f"arm{number}" for number in range(72)])
    assert len({(look.colour, look.marker) for look in many.values()}) == 72
    labels = [f"label{number}" for number in range(72)]
    ordered = ordered_looks(labels)
    assert len({(look.colour, look.marker) for look in ordered.values()}) == 72
    assert len({look.marker for look in list(ordered.values())[:9]}) == 9
    assert len(looks([f"arm{number}" for number in range(80)])) == 80


OTHER_STUDIES = [["adversarial", "swa", "sgd", "rsgd"], ["new", *ARMS], ["adam"], [*ARMS, "plain"]]


@pytest.mark.parametrize("others", OTHER_STUDIES)
def test_an_arm_looks_the_same_in_every_study(others):
    here, there = looks(ARMS), looks(others)
    for arm in {*ARMS} & {*others}:
        assert there[arm] == here[arm]


@pytest.mark.parametrize("arms", [["mine", "yours"], ["yours", "theirs", "mine"]])
def test_unfamiliar_arms_keep_their_look_unless_another_has_it(arms):
    alone = {arm: looks([arm])[arm] for arm in arms}
    assert looks(arms)[arms[0]] == alone[arms[0]]
    assert len({look.colour for look in looks(arms).values()}) == len(arms)


def arms_of(file: str) -> list[str]:
    """List the arms of a configuration, merged with the default one."""
    default, own = (yaml.safe_load((DEFAULT.parent / name).read_text()) for name in (DEFAULT, file))
    arms = default["arms"] | (own.get("arms") or {})
    return [arm for arm, options in arms.items() if options]


@pytest.mark.parametrize("file", sorted(path.name for path in DEFAULT.parent.glob("*.yaml")))
def test_arms_of_a_configuration_have_different_colours(file):
    arms = arms_of(file)
    of_arms = looks(arms)
    assert len({look.colour for look in of_arms.values()}) == min(len(arms), len(COLOURS))
    assert {*arms} <= {*FAMILIAR}


FILES = {"flatness": ["pdf", "png", "svg"], "measures": ["svg"], "maps": ["pdf"]}
"""One figure in all formats, one with random numbers, and one with a picture inside."""

SCRIPT = f"""
import sys
import matplotlib
matplotlib.rcParams.update({{"font.size": 20, "axes.grid": True, "svg.fonttype": "none"}})
import drawn
from symgeom.study.figures.style import save
for name, endings in {FILES}.items():
    save(drawn.draw(name), *(f"{{sys.argv[1]}}/{{name}}.{{ending}}" for ending in endings))
assert "matplotlib.pyplot" not in sys.modules, "a figure loaded pyplot"
"""


def test_equal_runs_give_equal_bytes_whatever_the_users_settings(tmp_path):
    here, one, other = (
        os.path.dirname(synthetic_study.__file__),
        tmp_path / "one",
        tmp_path / "other",
    )
    environment = os.environ | {
        "PYTHONPATH": f"{os.path.dirname(here)}:{here}",
        "PYTHONHASHSEED": "7",
        "SOURCE_DATE_EPOCH": "1",
    }
    subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(other)], env=environment, check=True
    )
    for name, endings in FILES.items():
        files = [f"{name}.{ending}" for ending in endings]
        save(draw(name), *(one / file for file in files))
        for file in files:
            assert (
                hashlib.sha256((one / file).read_bytes()).digest()
                == hashlib.sha256((other / file).read_bytes()).digest()
            ), file
