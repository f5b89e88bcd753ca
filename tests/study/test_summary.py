"""Tables of a study: every single number once, in the row of its minimum or pair."""

import csv
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import synthetic_study
import xarray as xr

from symgeom.study.claims.flatness import mean_local_energy
from symgeom.study.summary import minima_table, pairs_table, simplices_table, write_table

LEDGER = ("arm", "seed", "step", "h")


@pytest.fixture(scope="module")
def stages() -> dict:
    names = ("minima", "flatness", "distances", "paths", "chains")
    return {name: node.to_dataset() for name, node in synthetic_study.case(names).children.items()}


def test_minima_have_their_own_numbers_and_means_of_curves(stages):
    rows = minima_table("tiny", {name: stages[name] for name in ("minima", "flatness")})
    minima = stages["minima"]
    assert [(row["arm"], row["seed"]) for row in rows] == list(
        product(minima["arm"].values, minima["seed"].values.tolist())
    )
    energy = mean_local_energy(stages["flatness"])
    for row in rows:
        at = {"arm": row["arm"], "seed": row["seed"]}
        assert row["test_error"] == minima["test_error"].sel(at).item()
        assert row["status"] == minima["status"].sel(at).item()
        assert row["mean_local_energy"] == energy.sel(at).item()
        assert row["case"] == "tiny"
        assert "history_loss" not in row
    assert len({tuple(row) for row in rows}) == 1


def test_ledgers_are_told_by_both_ends_and_by_what_changed_them():
    """One seed ends a snapshot before the other; two units, whose means are kept."""
    charge = xr.DataArray(
        [[[[1.0, 3.0], [2.0, 6.0], [np.nan] * 2], [[0.0, 0.0], [1.0, 1.0], [5.0, 7.0]]]],
        dims=LEDGER,
    )
    terms = xr.concat([charge - 1, 2 * charge], xr.IndexVariable("term", ["noise", "optimizer"]))
    named = {"arm": ["sgd"], "seed": [0, 1]}
    ledgers = xr.Dataset(
        {"charge_h": charge, "term_h": terms, "closure": charge[:, :, 0, 0]}, named
    )
    first, second = minima_table("tiny", {"ledgers": ledgers})
    assert (
        first["charge_h start"],
        first["charge_h end"],
        first["term_h noise"],
        first["term_h optimizer"],
    ) == (2, 4, 3, 8)
    assert (
        second["charge_h start"],
        second["charge_h end"],
        second["term_h noise"],
        second["term_h optimizer"],
    ) == (0, 6, 5, 12)
    assert (first["closure"], second["closure"]) == (1, 0)


def test_walks_have_a_column_for_every_moment_and_imbalance():
    valleys = synthetic_study.case(["valleys"])["valleys"].to_dataset()
    rows = minima_table("tiny", {"valleys": valleys})
    arm, seed = rows[4]["arm"], rows[4]["seed"]
    at_end = valleys.sel(arm=arm, seed=seed, moment="end")
    assert rows[4]["eigenvalue end -4"] == at_end["eigenvalue"].sel(imbalance=-4).item()
    assert rows[4]["own_eigenvalue end"] == at_end["own_eigenvalue"].item()
    assert not [name for name in rows[4] if name.startswith(("charge", "flow_loss"))]


def test_charges_that_were_measured_once_are_those_at_the_end():
    """Of networks that were trained elsewhere, beside those that were trained here."""
    here = xr.Dataset(
        {"charge_h": (LEDGER, [[[[1.0], [3.0]]]])}, {"arm": ["sgd"], "seed": [0], "step": [0, 9]}
    )
    elsewhere = xr.Dataset(
        {"charge_h": (LEDGER, [[[[5.0]]]])}, {"arm": ["known"], "seed": [0], "step": [0]}
    )
    rows = minima_table("tiny", {"ledgers": xr.concat([here, elsewhere], "arm", join="outer")})
    ends = [(row["arm"], row["charge_h start"], row["charge_h end"]) for row in rows]
    assert ends == [("sgd", 1, 3), ("known", pytest.approx(np.nan, nan_ok=True), 5)]


def test_pairs_have_a_column_for_every_variant_and_stage(stages):
    rows = pairs_table("tiny", {name: stages[name] for name in ("distances", "paths", "chains")})
    paths = stages["paths"]
    assert len(rows) == max(stages[name].sizes["pair"] for name in ("distances", "paths", "chains"))
    names = ("first_arm", "first_seed", "second_arm", "second_seed")
    found = {tuple(row[name] for name in names): row for row in rows}
    for place, key in enumerate(zip(*(paths[name].values.tolist() for name in names), strict=True)):
        barrier = paths["barrier"].isel(pair=place)
        assert (
            found[key]["barrier geodesic both train"]
            == barrier.sel(variant="geodesic both", split="train").item()
        )
        raw = barrier.sel(variant="linear raw", split="test").item()
        assert found[key]["barrier linear raw test"] == pytest.approx(raw, nan_ok=True)
    assert not any("group" in column or column.startswith("error") for column in rows[0])
    assert {"distance aligned", "distance normalised", "bend_error"} <= rows[0].keys()


def test_simplices_have_a_column_for_every_split():
    simplices = synthetic_study.case(["simplices"])["simplices"].to_dataset()
    rows = simplices_table("tiny", {"simplices": simplices})
    assert len(rows) == simplices.sizes["simplex"]
    for number, row in enumerate(rows):
        of_row = simplices.isel(simplex=number)
        vertices = of_row["simplex_seed"].values[: of_row["vertices"].item()].tolist()
        assert row["arm"] == of_row["simplex_arm"].item()
        assert [int(seed) for seed in row["seeds"].split()] == vertices
        for split in ("train", "test"):
            centre = of_row["centre_error"].sel(split=split).item()
            assert row[f"centre_error {split}"] == pytest.approx(centre, nan_ok=True)


def test_a_table_is_read_back(tmp_path: Path):
    write_table(
        tmp_path / "minima.csv",
        [{"arm": "sgd", "error": 1 / 3, "seed": 2}, {"arm": "sam", "error": float("nan")}],
    )
    with open(tmp_path / "minima.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"arm": "sgd", "error": "0.333333", "seed": "2"},
            {"arm": "sam", "error": "nan", "seed": ""},
        ]


def test_no_minima_make_no_rows():
    assert minima_table("tiny", {}) == []
    assert pairs_table("tiny", {}) == []
    assert simplices_table("tiny", {}) == []
