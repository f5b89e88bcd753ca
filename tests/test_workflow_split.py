"""However a study is split into jobs its results are the same; changed, little of it runs anew."""

from pathlib import Path

import pytest
import xarray as xr
from clones import copy_repository, draw_only, edit, override, planned, snakemake

from symgeom.ground.sealed_json import read_sealed_json
from symgeom.store import open_study, read_store
from symgeom.study.claims.record import read_claims

CONFIG = "tests/small_pairs.yaml"
FINE = """
study: fine
granularity:
  arms_per_job: 2
  arms_per_chain_job: 2
  seeds_per_job: 1
  pairs_per_job: 3
  points_per_job: 3
  pairs_at_once: 1
"""
COMMON = """
study: common
training: {stop: common, depths: [2.0, 1.0, 0.5, 0.2, 0.1, 0.001]}
granularity: {arms_per_job: 1, seeds_per_job: 1}
"""
DRAWN = ("distances", "maps", "mine")
"""The figures of the copy, and one that a test adds."""

ASKED = ("claims.csv", "figures/tiny/distances.svg")
ALONE = (
    "canonicalise_minima",
    "measure_flatness",
    "measure_equilibria",
    "measure_orbits",
)
"""Stages that look at each network alone."""

COMPARED = (
    "minima",
    "ledgers",
    "alignments",
    "distances",
    "paths",
    "chains",
    "simplices",
    "flatness",
    "equilibria",
)

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository with one study twice: in one part, and in many small jobs."""
    clone = copy_repository(tmp_path_factory.mktemp("split") / "clone", config=CONFIG)
    draw_only(clone, *DRAWN)
    for study, words in (("whole", ()), ("fine", override(clone.parent, FINE))):
        targets = [f"results/{study}/{name}" for name in ASKED]
        run = snakemake(clone, *targets, *words, "--cores", "2")
        assert run.returncode == 0, run.stdout + run.stderr
    return clone


def jobs(clone: Path, folder: Path, text: str = "", target: str = "claims.csv") -> dict[str, int]:
    """Return how many jobs of each rule the finely split study needs after a change."""
    return planned(clone, f"results/fine/{target}", *override(folder, f"{FINE}{text}"))


def names(clone: Path, study: str, stage: str) -> set[str]:
    """Return the names of the stores of a stage."""
    stores = (clone / f"results/{study}/{stage}/tiny").glob("*.zip")
    return {path.name.removesuffix(".zarr.zip") for path in stores}


def joined(folder: Path, stage: str) -> xr.Dataset:
    """Return a stage of a study."""
    files = list((folder / stage / "tiny").glob("*.zip"))
    return open_study(folder, files=files)[f"tiny/{stage}"].to_dataset()


def test_results_are_the_same_bit_for_bit_however_they_are_split(clone):
    arms = {"rsgd", "sgd", "adam"}
    assert names(clone, "whole", "minima") == arms
    assert names(clone, "fine", "minima") == arms | {f"{arm}.1" for arm in arms}
    assert names(clone, "whole", "paths") == {"0"}
    assert names(clone, "fine", "paths") == {
        *("0", "0.1", "0.1-1", "1"),
        *("1.1", "1.1-1", "1.1-2"),
    }
    assert {"1.1_0", "1.1_1"} < names(clone, "fine", "slices/paths")
    whole = clone / "results/whole"
    fine = clone / "results/fine"
    for stage in COMPARED:
        xr.testing.assert_equal(joined(whole, stage), joined(fine, stage))
    for table in ("claims.csv", "barriers.csv"):
        assert (whole / table).read_bytes() == (fine / table).read_bytes()


def test_new_seeds_are_trained_and_measured_and_nothing_else_is(clone, tmp_path):
    assert jobs(clone, tmp_path) == {}
    counts = jobs(clone, tmp_path, "seeds: 3")
    assert counts.pop("train_minima") == 3
    assert counts.pop("check_training") == 2
    assert counts.pop("check_case") == 1
    assert {counts.pop(rule) for rule in ALONE} == {2}
    assert counts.pop("evaluate_claims") == counts.pop("measure_simplices") == 1
    # Pairs with the new seed, three in a job. Aligned: 2 of rsgd and 5 + 2 of sgd, 10 + 2 of adam;
    # paths: 2 and 7 (the star), 12 (the star at the sharp ends).
    of_pairs = {
        "align_pairs": 3 + 4,
        "measure_distances": 3 + 4,
        "measure_paths": 3 + 4,
        "measure_slices": 2 * (3 + 4),
        "connect_chains": 2 + 1,
    }
    assert counts == of_pairs


def test_a_new_data_set_or_network_runs_its_own_jobs(clone, tmp_path):
    data = "{name: digits, options: {subset: 100}}"
    network = "{name: mlp, options: {widths: [8]}}"
    case = f"{{data: {data}, network: {network}}}"
    counts = jobs(clone, tmp_path, f"cases: {{more: {case}}}")
    assert counts["discover_symmetry"] == 1
    assert counts["train_minima"] == 6
    wider = jobs(clone, tmp_path, "cases: {tiny: {network: {options: {widths: [9, 6]}}}}")
    assert counts == wider | {"prepare_data": 1}


def test_a_changed_learning_rate_runs_its_arm_and_what_depends_on_it(clone, tmp_path):
    counts = jobs(clone, tmp_path, "arms: {adam: {learning_rate: 0.02}}")
    assert counts.pop("train_minima") == 2
    assert counts.pop("check_training") == 2
    assert counts.pop("check_case") == 1
    assert {counts.pop(rule) for rule in ALONE} == {2}
    assert counts.pop("evaluate_claims") == counts.pop("measure_simplices") == 1
    of_pairs = {"align_pairs", "measure_distances", "measure_paths", "measure_slices"}
    assert set(counts) == of_pairs | {"connect_chains"}
    later = [name for name in names(clone, "fine", "alignments") if name.startswith("1")]
    assert counts["align_pairs"] == len(later)


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
    assert jobs(clone, tmp_path, without) == {"check_case": 1}  # what follows is planned then
    change = override(tmp_path, f"{FINE}{without}")
    run = snakemake(clone, "results/fine/claims.csv", *change, "--cores", "2")
    assert run.returncode == 0, run.stderr
    assert "adam" in names(clone, "fine", "minima")  # its stores are still there
    claims = read_claims(clone / "results/fine/claims.csv")
    assert not [claim for claim in claims if "adam" in f"{claim}"]
    assert "adam" not in (clone / "results/fine/barriers.csv").read_text()
    target = "results/fine/figures/tiny/distances.svg"
    plan = snakemake(clone, target, *change, "--dry-run", "--cores", "1", "--quiet", "host")
    assert "minima/tiny/sgd.zarr.zip" in plan.stdout
    assert "minima/tiny/adam" not in plan.stdout


def in_common(clone: Path, folder: Path, arms: str = "") -> xr.Dataset:
    """Train the study that stops in common, with more arms, and return its minima."""
    words = override(folder, f"{COMMON}{arms}")
    run = snakemake(clone, "results/common/reached/tiny.json", *words, "--cores", "2")
    assert run.returncode == 0, run.stdout + run.stderr
    return joined(clone / "results/common", "minima")


def times(clone: Path, stage: str) -> dict[str, int]:
    """Return when the stores of a stage of the study that stops in common were written."""
    files = (clone / "results/common" / stage / "tiny").glob("*.zip")
    return {file.name: file.stat().st_mtime_ns for file in files}


def test_all_arms_are_compared_at_a_loss_that_all_came_to(clone, tmp_path):
    """A new arm leaves the trained ones as they are, and the minima too while the depth stays."""
    minima = in_common(clone, tmp_path)
    trained = times(clone, "depths/minima")
    selected = times(clone, "minima")
    least = []
    for name in trained:
        store = read_store(clone / "results/common/depths/minima/tiny" / name)
        least.append(store["history_loss"].sel(depth=0).min("epoch").item())
    depth = min(loss for loss in (2.0, 1.0, 0.5, 0.2, 0.1, 0.001) if loss >= max(least))
    assert minima.attrs["depth"] == depth
    came = minima["train_loss"] <= depth
    assert (minima["usable"] == came).all()
    assert came.drop_sel(arm="adam").all()  # at the budget of sgd, whether it comes there or not
    words = override(tmp_path, f"{COMMON}seeds: 3")
    new = {"train_to_depths": 2, "choose_depth": 1, "select_minima": 2, "train_at_budget": 1}
    new["check_training"] = 3
    target = "results/common/reached/tiny.json"
    assert planned(clone, target, *words) == new | {"check_case": 1}
    fast = "arms: {fast: {method: sgd, learning_rate: 0.2}}"
    assert in_common(clone, tmp_path, fast).attrs["depth"] == depth
    assert selected.items() < times(clone, "minima").items()
    slow = fast.replace("}}", "}, slow: {method: sgd, learning_rate: 0.02}}")
    compared = in_common(clone, tmp_path, slow)
    assert compared.attrs["depth"] > depth
    assert compared["usable"].drop_sel(arm="adam").all()
    assert trained.items() < times(clone, "depths/minima").items()
    choice = read_sealed_json(clone / "results/common/depths/tiny.choice.json")
    assert choice["decided_by"].startswith("slow seed ")
