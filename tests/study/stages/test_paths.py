"""Paths between minima: their ends, their barriers, and what is left out by name."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_study import TinyStudy, write

from symgeom.landscape.barriers import barrier
from symgeom.study.gauges import Gauges
from symgeom.study.stages import paths
from symgeom.study.stages.paths import BARRIERS, ESCAPES, Grid
from symgeom.symmetry.group import identity

POINTS = 5
EXACT = {"precision": "float64", "points": POINTS, "refinements": 0}


def options_of(study: TinyStudy, **changes: object) -> dict:
    return study.options["paths"] | EXACT | changes


@pytest.fixture(scope="module")
def real(tiny: TinyStudy) -> xr.Dataset:
    options = options_of(tiny, repair=True)
    grid = Grid.joined(POINTS)
    return paths.measure(tiny.case, tiny.gauges, pairs=tiny.pairs, options=options, grid=grid)


@pytest.fixture(scope="module")
def binary(signs: TinyStudy) -> xr.Dataset:
    options = options_of(signs, repair=True, orders=2)
    grid = Grid.joined(POINTS)
    return paths.measure(signs.case, signs.gauges, pairs=signs.pairs, options=options, grid=grid)


def names_of(dataset: xr.Dataset, row: int) -> tuple[tuple[str, int], tuple[str, int]]:
    pair = dataset.isel(pair=row)
    first = (pair["first_arm"].item(), pair["first_seed"].item())
    return first, (pair["second_arm"].item(), pair["second_seed"].item())


def check_ends(study: TinyStudy, dataset: xr.Dataset) -> None:
    """Both ends of every path that is measured have the errors of the minima, on both splits."""
    count = 0
    for row in range(dataset.sizes["pair"]):
        for t, (arm, seed) in zip((0.0, 1.0), names_of(dataset, row), strict=True):
            for split in ("train", "test"):
                errors = dataset["error"].isel(pair=row).sel(t=t, split=split).values
                measured = errors[np.isfinite(errors)]
                expected = study.minimum(arm, seed)[f"{split}_error"].item()
                np.testing.assert_allclose(measured, expected, atol=1e-12)
                count += len(measured)
    assert count


def test_paths_begin_and_end_at_the_minima(tiny: TinyStudy, real):
    check_ends(tiny, real)


def test_paths_of_binary_networks_begin_and_end_at_the_minima(signs: TinyStudy, binary):
    check_ends(signs, binary)


def test_losses_at_raw_ends_are_those_that_training_stored(tiny: TinyStudy, real):
    row = list(tiny.pairs).index(("sgd", 0, "sgd", 1))
    loss = real["loss"].isel(pair=row).sel(variant="linear raw", split="test")
    for t, seed in ((0.0, 0), (1.0, 1)):
        stored = tiny.minimum("sgd", seed)["test_loss"].item()
        assert loss.sel(t=t).item() == pytest.approx(stored, rel=1e-12)


def test_the_middle_of_a_straight_line_is_the_mean_network(tiny: TinyStudy, real):
    row = list(tiny.pairs).index(("adam", 0, "adam", 1))
    first, second = (tiny.minima.networks["adam", seed] for seed in (0, 1))
    mean = {name: (first[name] + second[name]) / 2 for name in first}
    problem = tiny.case.problems("float64")["test"]
    middle = real.isel(pair=row).sel(variant="linear raw", split="test", t=0.5)
    assert middle["loss"].item() == pytest.approx(problem.loss(mean).item(), rel=1e-12)
    assert middle["error"].item() == pytest.approx(problem.error(mean).item(), rel=1e-12)


def test_barriers_are_those_of_the_profiles(real):
    t = torch.tensor(real["t"].values)
    for pair in range(real.sizes["pair"]):
        for variant in real["variant"].values:
            row = real.isel(pair=pair).sel(variant=variant, split="test")
            if np.isfinite(row["error"]).all():
                expected = barrier(t, torch.tensor(row["error"].values))
                assert row["barrier"].item() == expected.item()
                highest = row["error"].sel(t=row["peak"])
                assert highest.item() == row["error"].max().item()


def test_relative_barriers_are_shares_of_the_headroom(tiny: TinyStudy, real, binary):
    for split, problem in tiny.case.problems("float64").items():
        counts = np.bincount(problem.targets.numpy())
        ceiling = 1 - counts.max() / counts.sum()
        assert real["guessing_error"].sel(split=split).item() == pytest.approx(ceiling)
    error = real["error"].transpose(..., "t")
    t = real["t"].values
    line = error.values[..., :1] * (1 - t) + error.values[..., -1:] * t
    room = real["guessing_error"].values[:, None] - line
    with np.errstate(all="ignore"):
        shares = np.where(room > 0, (error.values - line) / room, np.nan).max(-1)
    np.testing.assert_allclose(real["relative_barrier"].values, shares, atol=1e-12)
    assert np.isfinite(shares).any()
    assert binary["relative_barrier"].notnull().any()


def test_escape_angles_are_taken_from_the_stored_profiles(tiny: TinyStudy, real):
    """From each end: the share of the way to the first rise, times the distance of the ends."""
    assert real["escape_angle"].dims == ("pair", "geodesic", "end")
    geodesics = ["geodesic normalised", "geodesic both", "geodesic greedy"]
    assert real["geodesic"].values.tolist() == geodesics
    t = real["t"].values
    reached = 0
    for row, pair in enumerate(tiny.pairs):
        error = real["error"].isel(pair=row).sel(variant="geodesic both", split="train").values
        escape = real[["escape_angle", "escape_reached"]].isel(pair=row)
        escape = escape.sel(geodesic="geodesic both")
        if np.isnan(error).any():
            assert escape["escape_angle"].isnull().all()
            assert escape["escape_reached"].isnull().all()
            continue
        distance = tiny.torus.distance(*tiny.gauges.ends(pair)["both"]).item()
        for end, values in (("first", error), ("second", error[::-1])):
            fine = np.linspace(0, 1, 100001)
            risen = np.interp(fine, t, values) >= values[0] + 0.05
            share = fine[risen.argmax()] if risen.any() else 1.0
            angle = escape["escape_angle"].sel(end=end).item()
            assert angle == pytest.approx(share * distance, abs=2e-5 * distance)
            assert escape["escape_reached"].sel(end=end).item() == risen.any()
            reached += risen.any()
    assert reached


def test_only_real_networks_have_geodesics(binary):
    assert not {"escape_angle", "escape_reached"} & set(binary)


def test_between_networks_of_one_valley_the_escape_angle_is_their_distance(tiny: TinyStudy):
    turned = tiny.torus.geodesic(
        tiny.gauges.canonical["sgd", 0],
        tiny.torus.random_point(
            tiny.gauges.canonical["sgd", 0], generator=torch.Generator().manual_seed(0)
        ),
        1e-3,
    )
    dataset = paths.measure(
        tiny.case,
        made_up(tiny, turned),
        pairs=[("sgd", 0, "made", 0)],
        options=options_of(tiny),
        grid=Grid.joined(POINTS),
    )
    escape = dataset.sel(geodesic="geodesic both").isel(pair=0)
    distance = tiny.torus.distance(tiny.gauges.canonical["sgd", 0], turned).item()
    np.testing.assert_allclose(escape["escape_angle"], distance, rtol=1e-9)
    assert (escape["escape_reached"] == 0).all()


def test_what_is_measured_within_arms_and_across(tiny: TinyStudy, real):
    across = real["first_arm"] != real["second_arm"]
    trained = (real["first_arm"] != "wild") & (real["second_arm"] != "wild")
    within = real.isel(pair=(trained & ~across).values)
    assert within["error"].notnull().all()
    between = real.isel(pair=(trained & across).values)
    measured = between["error"].notnull().all(["pair", "split", "t"])
    assert measured["variant"].values[measured.values].tolist() == [
        "geodesic both",
        "repaired both",
    ]
    assert between["error"].isnull().all(["pair", "split", "t"]).sum() == len(measured) - 2


def test_pairs_with_a_network_that_diverged_are_not_a_number(real):
    wild = (real["first_arm"] == "wild") | (real["second_arm"] == "wild")
    for name in ("loss", "error", *BARRIERS):
        assert real[name][wild.values].isnull().all()
    assert real.attrs["undefined"] == []


@pytest.mark.parametrize("binary_weights", [False, True])
def test_slices_joined_equal_the_whole(tiny, signs, tmp_path, binary_weights: bool):
    study = signs if binary_weights else tiny
    options = options_of(study, refinements=1)
    stores = []
    for number, rows in enumerate(([1, 3], [0, 2, 4])):
        grid = Grid.slice(POINTS, rows)
        part = paths.measure(
            study.case, study.gauges, pairs=study.pairs, options=options, grid=grid
        )
        assert not {*BARRIERS, *ESCAPES} & set(part)
        stores.append(str(tmp_path / f"{number}.zarr.zip"))
        write(stores[-1], part)
    joined, whole = (
        paths.measure(study.case, study.gauges, pairs=study.pairs, options=options, grid=grid)
        for grid in (Grid.joined(POINTS, stores), Grid.joined(POINTS))
    )
    xr.testing.assert_identical(joined, whole)


def test_refinement_finds_no_lower_barrier(tiny: TinyStudy, real):
    grid = Grid.joined(POINTS)
    options = options_of(tiny, repair=True, refinements=2)
    fine = paths.measure(tiny.case, tiny.gauges, pairs=tiny.pairs, options=options, grid=grid)
    train = {"split": "train"}
    defined = real["barrier"].sel(train).notnull()
    higher = fine["barrier"].sel(train) >= real["barrier"].sel(train)
    assert higher.where(defined, other=True).all()
    xr.testing.assert_equal(fine["error"], real["error"])


def made_up(study: TinyStudy, second: dict[str, torch.Tensor]) -> Gauges:
    """Return a network of the study and a made-up one, aligned by nothing."""
    key, other = ("sgd", 0), ("made", 0)
    gauges = study.gauges
    return replace(
        gauges,
        raw={key: gauges.raw[key], other: gauges.raw[key]},
        canonical={key: gauges.canonical[key], other: second},
        records={key: gauges.records[key], other: gauges.records[key]},
        elements={(*key, *other): identity(study.spec), (*key, *key): identity(study.spec)},
    )


def test_between_identical_networks_there_is_no_barrier(tiny: TinyStudy):
    gauges = made_up(tiny, tiny.gauges.canonical["sgd", 0])
    pair = ("sgd", 0, "sgd", 0)
    dataset = paths.measure(
        tiny.case, gauges, pairs=[pair], options=options_of(tiny), grid=Grid.joined(POINTS)
    )
    assert (dataset["barrier"] == 0).all()
    assert (abs(dataset["loss_barrier"]) < 1e-12).all()
    assert (dataset["error"] == dataset["error"].sel(t=0)).all()


def test_a_geodesic_between_antipodal_units_is_named_as_undefined(tiny: TinyStudy):
    turned = {name: tensor.clone() for name, tensor in tiny.gauges.canonical["sgd", 0].items()}
    turned["0.weight"][2] *= -1
    turned["0.bias"][2] *= -1
    gauges = made_up(tiny, turned)
    pair = ("sgd", 0, "made", 0)
    dataset = paths.measure(
        tiny.case, gauges, pairs=[pair], options=options_of(tiny), grid=Grid.joined(POINTS)
    )
    assert dataset.attrs["undefined"] == ["geodesic both: sgd/0 to made/0"]
    assert dataset["error"].sel(variant="geodesic both").isnull().all()


def test_binary_networks_cannot_be_repaired(binary, real):
    assert binary.attrs["left_out"] == ["repaired both"]
    assert binary["variant"].values.tolist() == [
        "latent raw",
        "latent aligned",
        "hamming raw",
        "hamming aligned",
    ]
    assert real.attrs["left_out"] == []
    assert "repaired both" in real["variant"].values


def test_what_no_one_asks_for_is_not_measured(tiny: TinyStudy):
    options = options_of(tiny, compare="none", repair=False)
    grid = Grid.joined(POINTS)
    dataset = paths.measure(tiny.case, tiny.gauges, pairs=[], options=options, grid=grid)
    assert not {"geodesic greedy", "repaired both"} & set(dataset["variant"].values)
    assert dataset.sizes["pair"] == 0


def test_paths_say_what_they_are(real):
    assert real["error"].dims == ("pair", "variant", "split", "t")
    assert real["barrier"].dims == ("pair", "variant", "split")
    assert real["loss_barrier"].attrs["units"] == "nat"
    assert real["t"].values.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert real["variant_title"].dims == ("variant",)
    assert real["split"].values.tolist() == ["train", "test"]
    for array in real.data_vars.values():
        assert array.dtype == np.float64
