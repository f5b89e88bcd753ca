"""However a study is split into jobs its results are the same, and where it grows or shrinks only what is concerned runs."""

from pathlib import Path

import pytest
import xarray as xr
from clones import copy_repository, counted, draw_only, edit, override, snakemake

from symgeom.store import open_study
from symgeom.study.claims.record import read_claims

CONFIG = "tests/small_pairs.yaml"
FINE = "{arms_per_job: 2, arms_per_chain_job: 2, seeds_per_job: 1, pairs_per_job: 3, points_per_job: 3, pairs_at_once: 1}"
ASKED = ("claims.csv", "figures/tiny/distances.svg", "figures/tiny/maps.svg")
DRAWN = ("distances", "maps", "mine")
"""The figures of the copy, and one that a test adds."""
MEASURED = ("canonicalise_minima", "measure_flatness", "measure_equilibria")
"""Stages that look at each network alone."""

pytestmark = pytest.mark.workflow


def fine(text: str = "") -> str:
    """Return a configuration that splits the study into as many jobs as there are."""
    return f"study: fine\ngranularity: {FINE}\n{text}"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository with the measurements of one study twice: in one part, and in many small jobs."""
    clone = copy_repository(tmp_path_factory.mktemp("split") / "clone", config=CONFIG)
    draw_only(clone, *DRAWN)
    for study, words in (("whole", ()), ("fine", override(clone.parent, fine()))):
        run = snakemake(
            clone, *(f"results/{study}/{name}" for name in ASKED), *words, "--cores", "2"
        )
        assert run.returncode == 0, run.stdout + run.stderr
    return clone


def jobs(clone: Path, place: Path, text: str = "", target: str = "claims.csv") -> dict[str, int]:
    """Return how many jobs of each rule the claims of the finely split study need after a change."""
    change = override(place, fine(text))
    run = snakemake(
        clone, f"results/fine/{target}", *change, "--dry-run", "--cores", "2", "--quiet", "host"
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return counted(run.stdout)


def names(clone: Path, study: str, stage: str) -> set[str]:
    """Return the names of the stores of a stage."""
    return {
        path.name.removesuffix(".zarr.zip")
        for path in (clone / f"results/{study}/{stage}/tiny").glob("*.zip")
    }


def test_results_are_the_same_bit_for_bit_however_they_are_split(clone):
    assert names(clone, "whole", "minima") == {"rsgd", "sgd", "adam"}
    assert names(clone, "fine", "minima") == {
        f"{arm}{block}" for arm in ("rsgd", "sgd", "adam") for block in ("", ".1")
    }
    assert names(clone, "whole", "paths") == {"0"}
    assert names(clone, "fine", "paths") == {"0", "0.1", "0.1-1", "1", "1.1"}
    assert {"1.1_0", "1.1_1"} < names(clone, "fine", "slices/paths")
    for stage in (
        "minima",
        "ledgers",
        "alignments",
        "distances",
        "paths",
        "chains",
        "flatness",
        "equilibria",
    ):
        one, many = (
            open_study(folder, files=list((folder / stage / "tiny").glob("*.zip")))[
                f"tiny/{stage}"
            ].to_dataset()
            for folder in (clone / "results/whole", clone / "results/fine")
        )
        xr.testing.assert_equal(one, many)
    for table in ("claims.csv", "barriers.csv"):
        assert (clone / "results/whole" / table).read_bytes() == (
            clone / "results/fine" / table
        ).read_bytes()


def test_new_seeds_are_trained_and_measured_and_nothing_else_is(clone, tmp_path):
    assert jobs(clone, tmp_path) == {}
    found = jobs(clone, tmp_path, "seeds: 3")
    assert found.pop("train_minima") == 3
    assert {found.pop(rule) for rule in MEASURED} == {2}
    assert found.pop("evaluate_claims") == 1
    # Pairs with the new seed, three in a job. Aligned: 2 of rsgd and 5 + 2 of sgd, 10 + 2 of adam; paths: 2 and 7 (the star), 4.
    counts = {
        "align_pairs": 3 + 4,
        "measure_distances": 3 + 4,
        "measure_paths": 3 + 2,
        "connect_chains": 2 + 1,
    }
    assert found == counts | {"measure_slices": 2 * counts["measure_paths"]}


def test_a_new_data_set_or_network_runs_its_own_jobs(clone, tmp_path):
    case = "{data: {name: digits, options: {subset: 100}}, network: {name: mlp, options: {widths: [8]}}}"
    found = jobs(clone, tmp_path, f"cases: {{more: {case}}}")
    assert found["prepare_data"] == found["discover_symmetry"] == 1
    assert found["train_minima"] == 6
    wider = jobs(clone, tmp_path, "cases: {tiny: {network: {options: {widths: [9, 6]}}}}")
    assert wider == {rule: count for rule, count in found.items() if rule != "prepare_data"}


def test_a_changed_learning_rate_runs_its_arm_and_what_depends_on_it(clone, tmp_path):
    found = jobs(clone, tmp_path, "arms: {adam: {learning_rate: 0.02}}")
    assert found.pop("train_minima") == 2
    assert {found.pop(rule) for rule in MEASURED} == {2}
    assert found.pop("evaluate_claims") == 1
    assert set(found) == {
        "align_pairs",
        "measure_distances",
        "measure_paths",
        "measure_slices",
        "connect_chains",
    }
    assert found["align_pairs"] == len(
        [name for name in names(clone, "fine", "alignments") if name.startswith("1")]
    )


def test_a_new_figure_is_drawn_and_nothing_else(clone, tmp_path):
    figures = clone / "symgeom/study/figures"
    before = jobs(clone, tmp_path, target="report.html")
    training = (figures / "training.py").read_text()
    (figures / "mine.py").write_text(training.replace('name="training"', 'name="mine"'))
    edit(figures / "catalogue.py", '^    "training",$', '    "training",\n    "mine",')
    assert jobs(clone, tmp_path, target="figures/tiny/mine.svg") == {"draw_figures_tiny": 1}
    assert jobs(clone, tmp_path, target="report.html") == before | {"draw_figures_tiny": 1}
    edit(figures / "catalogue.py", '^    "mine",\n', "")


def test_an_arm_that_is_removed_is_gone_from_the_claims(clone, tmp_path):
    without = "arms: {adam: null}\nclaims: {roles: {sharp: rsgd}}"
    assert jobs(clone, tmp_path, without) == {"evaluate_claims": 1}
    change = override(tmp_path, fine(without))
    run = snakemake(clone, "results/fine/claims.csv", *change, "--cores", "2")
    assert run.returncode == 0, run.stderr
    assert "adam" in names(clone, "fine", "minima")  # its stores are still there
    assert not [
        claim for claim in read_claims(clone / "results/fine/claims.csv") if "adam" in f"{claim}"
    ]
    assert "adam" not in (clone / "results/fine/barriers.csv").read_text()
    for figure in ("distances", "maps"):
        words = snakemake(
            clone,
            f"results/fine/figures/tiny/{figure}.svg",
            *change,
            "--dry-run",
            "--cores",
            "1",
            "--quiet",
            "host",
        )
        assert "minima/sgd.zarr.zip" in words.stdout
        assert "minima/adam" not in words.stdout
