"""The workflow from end to end, through the real snakemake, on the default study in small."""

import hashlib
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from clones import (
    ROOT,
    RULES_OF_KILLED,
    Job,
    alone,
    copy_repository,
    first_jobs,
    override,
    planned,
    snakemake,
    written_by,
)

from symgeom.store import open_study, read_store, write_store
from symgeom.study.claims.record import read_claims
from symgeom.study.figures.catalogue import figures_of_case, figures_of_model
from symgeom.study.figures.record import figure_named

TABLES = ("claims", "barriers", "ensembles")
SMALL = "tests/small_study.yaml"
CONFIG = yaml.safe_load((ROOT / SMALL).read_text())
FIGURES = {figure.name for figure in figures_of_case(CONFIG, "tiny")}
OF_TWO_LAYERS = {figure.name for figure in figures_of_model(CONFIG, "two_layer")}

pytestmark = pytest.mark.workflow


def digests(clone: Path) -> dict[str, str]:
    """Return a digest of every array, table and figure of the study."""
    endings = (".zip", ".csv", ".json", ".svg", ".png", ".pdf")
    digests = {}
    for path in sorted((clone / "results/small").rglob("*")):
        if path.suffix in endings and path.name != "provenance.json":
            name = str(path.relative_to(clone))
            digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished small study, in a copy of the repository."""
    clone = copy_repository(tmp_path_factory.mktemp("study") / "clone", config=SMALL)
    run = snakemake(clone, "--cores", "2")
    assert run.returncode == 0, run.stdout + run.stderr
    return clone, run


def test_the_study_ends_with_a_report_and_says_where(study):
    clone, run = study
    assert "results/small/report.html" in run.stdout + run.stderr
    assert re.search(r"\d+ of \d+ steps \(100%\) done", run.stdout + run.stderr)
    page = (clone / "results/small/report.html").read_text()
    assert not re.search(r"""(src|href)=["']https?:""", page)
    assert {path.stem for path in (clone / "results/small/figures/tiny").glob("*.svg")} == FIGURES
    assert {
        path.stem for path in (clone / "results/small/figures/two_layer").glob("*.svg")
    } == OF_TWO_LAYERS
    assert (clone / "results/small/figures/perceptron/perceptron.svg").is_file()
    for word in ("H1a", "H2a", "H3a", "H4", "C1", "C3", "C6", "N1"):
        assert word in page


def test_every_stage_is_in_one_labelled_tree(study):
    tree = open_study(study[0] / "results/small")
    stages = {
        "data",
        "minima",
        "ledgers",
        "canonical",
        "alignments",
        "distances",
        "paths",
        "chains",
        "maps",
        "simplices",
    }
    assert set(tree["tiny"].children) == stages | {
        "flatness",
        "curvature",
        "equilibria",
        "orbits",
        "neighbours",
        "valleys",
        "charts",
        "initialisations",
    }
    assert set(tree["perceptron"].children) == {"solutions"}
    assert set(tree["ellipse"].children) == {"ellipses"}
    assert set(tree["two_layer"].children) == {"descents"}
    assert set(tree["noise_models"].children) == set(CONFIG["noise_models"]["experiments"])
    assert tree["tiny/minima"].sizes["arm"] == 4
    assert tree["tiny/alignments"].sizes["pair"] == 8 * 7 // 2
    assert tree["tiny/minima"]["parameter.0.weight"].dims[:3] == ("arm", "seed", "hidden1")
    for node in tree.subtree:
        for variable in node.data_vars.values():
            assert variable.attrs["long_name"]
            assert variable.attrs["units"]


def test_numbers_are_those_of_the_landscape(study):
    tree = open_study(study[0] / "results/small")["tiny"]
    minima, paths = tree["minima"].to_dataset(), tree["paths"].to_dataset()
    usable = minima["usable"].sel(arm=["rsgd", "sgd", "adam"])
    assert usable.all()
    # The ends of every path are the minima themselves, whatever symmetries were removed.
    for pair in range(paths.sizes["pair"]):
        first = minima.sel(
            arm=str(paths["first_arm"].values[pair]), seed=int(paths["first_seed"].values[pair])
        )
        if bool(first["usable"]) and np.isfinite(paths["error"].values[pair]).all():
            for split in ("train", "test"):
                ends = paths["error"].sel(split=split, t=0).values[pair]
                np.testing.assert_allclose(ends, float(first[f"{split}_error"]), atol=1e-12)
    assert float(tree["canonical"]["certificate"].sel(arm="sgd").max()) < 1e-10
    assert float(tree["ledgers"]["closure"].sel(arm=["rsgd", "sgd", "adam"]).max()) < 1e-10
    assert float(tree["ledgers"]["first_order"].sel(arm="sgd").max()) == 0


def test_a_diverged_arm_is_recorded_and_left_out_by_name(study):
    clone, _ = study
    status = open_study(clone / "results/small")["tiny/minima"]["status"]
    assert status.sel(arm="wild").values.tolist() == ["diverged", "diverged"]
    claims = {claim.identifier: claim for claim in read_claims(clone / "results/small/claims.csv")}
    assert claims["C2"].verdict == "undecided"
    assert "wild/0" in claims["C2"].note
    assert np.isnan(claims["C2"].estimate)
    assert "diverged" in (clone / "results/small/report.html").read_text()


def test_a_second_run_has_nothing_to_do(study):
    run = snakemake(study[0], "--cores", "2")
    assert "Nothing to be done" in run.stdout + run.stderr


@pytest.fixture(scope="session")
def jobs_done(study):
    return first_jobs(study[0])


BASES = {"job", "job_on_case", "job_on_minima"}
"""What rules take over; no jobs."""

RULES = {
    rule
    for file in (ROOT / "workflow/rules").glob("*.smk")
    for rule in re.findall(r"^(?:use rule \w+ as|checkpoint) (\w+)", file.read_text(), re.MULTILINE)
} - BASES
CASES = ("tiny", "perceptron", "ellipse", "two_layer", "noise_models")
RULES |= {f"draw_figures_{case}" for case in CASES}
IN_COMMON = {"train_to_depths", "train_at_budget", "choose_depth", "select_minima"}
"""Rules of cases whose training stops in common."""

ELSEWHERE = {"import_minima", "measure_slices", "keep_reference", "check_case"} | IN_COMMON
"""Rules that the small study does not run; they have tests of their own."""


def test_the_small_study_runs_every_rule(jobs_done):
    assert {*jobs_done, *ELSEWHERE} == RULES


LIGHT = {"evaluate_claims", "write_report", "keep_reference"}
LIGHT |= {rule for rule in RULES if rule.startswith("draw_figures")}
"""Rules whose jobs compute with no network: they do not wait for torch to be imported."""

WARM = RULES_OF_KILLED - LIGHT
"""Rules that run as users run them elsewhere; here the others do."""


def run_alone(
    clone: Path, folder: Path, rule: str, job: Job
) -> tuple[Path, subprocess.CompletedProcess]:
    """Run a job again on one core: without other results, and without torch if it is light.

    Unless another test does it, it runs in an interpreter of its own.
    """
    place = alone(clone, folder, job)
    if rule in LIGHT:
        (place / "torch.py").write_text("raise ImportError('no job of this rule needs torch')\n")
    words = (*job.outputs, "--cores", "1", "--allowed-rules", rule)
    return place, snakemake(place, *words, cold=rule not in WARM)


def same_report(page: bytes) -> list[bytes]:
    """Return a report without what this run took, where and when."""
    parts = re.split(rb'<h2 id="run">.*provenance.json</code>', page, flags=re.DOTALL)
    assert len(parts) == 2
    return parts


@pytest.mark.parametrize("rule", sorted(RULES - ELSEWHERE))
def test_each_rule_alone_gives_the_bytes_that_the_study_has(study, jobs_done, rule, tmp_path):
    job = jobs_done[rule]
    clone, run = run_alone(study[0], tmp_path / "clone", rule, job)
    assert run.returncode == 0, run.stderr
    for name in job.outputs:
        before = (study[0] / name).read_bytes()
        again = (clone / name).read_bytes()
        if rule == "write_report":
            assert name.endswith("provenance.json") or same_report(again) == same_report(before)
        else:
            assert again == before, name


def test_what_is_kept_for_reference_is_made_of_what_its_rule_reads(study, tmp_path):
    target = "results/reference/small/README.md"
    plan = snakemake(study[0], target, "--dry-run", "--cores", "1", "--quiet", "host").stdout
    inputs = re.search(r"^    input: (.*)$", plan, re.MULTILINE)[1].split(", ")
    job = Job(inputs, [target])
    clone, run = run_alone(study[0], tmp_path / "clone", "keep_reference", job)
    assert run.returncode == 0, run.stderr
    kept = clone / "results/reference/small"
    claims = (study[0] / "results/small/claims.csv").read_bytes()
    assert (kept / "claims.csv").read_bytes() == claims
    assert len((kept / "minima.csv").read_text().splitlines()) == 1 + 8
    assert len((kept / "pairs.csv").read_text().splitlines()) == 1 + 28
    pictures = {path.stem for path in (kept / "figures/tiny").iterdir()}
    assert pictures == FIGURES - {"layers", "spectra"}
    assert "Made by `snakemake --cores 2` at commit" in (kept / "README.md").read_text()


REDRAWN = {"draw_figures_tiny", "write_report"}
GATHER = {"evaluate_claims", *REDRAWN}
EDITS = {
    "symgeom/landscape/path/geodesic.py": {
        "measure_paths",
        "connect_chains",
        "map_planes",
        "measure_simplices",
        "chart_valleys",
        "measure_neighbours",
        *GATHER,
    },
    "symgeom/neighbours/robustness/attack.py": {"measure_neighbours", *GATHER},
    "symgeom/landscape/repairing.py": {"measure_paths", *GATHER},
    "symgeom/landscape/plane.py": {"map_planes", *REDRAWN},
    "symgeom/landscape/flatness/hessian.py": {
        "measure_flatness",
        "measure_curvature",
        "measure_orbits",
        "walk_valleys",
        "chart_valleys",
        *GATHER,
    },
    "symgeom/landscape/flatness/worst_case.py": {
        "measure_curvature",
        *REDRAWN,
    },
    "symgeom/models/perceptron/descent.py": {
        "solve_perceptron",
        "draw_figures_perceptron",
        *GATHER,
    },
    "symgeom/models/noise/linear/descent.py": {
        "run_noise_model",
        "draw_figures_noise_models",
        *GATHER,
    },
    "symgeom/study/stages/charts.py": {"chart_valleys", *REDRAWN},
    "symgeom/study/stages/valleys.py": {"walk_valleys", *GATHER},
}


@pytest.mark.parametrize("file", EDITS)
def test_editing_library_code_reruns_what_depends_on_it(study, file):
    path = study[0] / file
    text = path.read_text()
    try:
        path.write_text(text + "\n# An edit.\n")
        assert set(planned(study[0])) == EDITS[file]
    finally:
        path.write_text(text)


@pytest.mark.parametrize(
    ("edit", "again"),
    [
        (
            lambda text: f"{text}\n# An edit.\n",
            {"draw_figures_tiny": 1, "write_report": 1},
        ),
        (
            lambda text: text.replace("Training loss (a)", "The training loss (a)"),
            {"write_report": 1},
        ),
    ],
)
def test_editing_a_figure_redraws_its_cases_and_its_caption_nothing(study, edit, again):
    path = study[0] / "symgeom/study/figures/training.py"
    before, text = path.stat(), path.read_text()
    try:
        path.write_text(edit(text))
        assert planned(study[0]) == again
    finally:
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert planned(study[0]) == {}


def test_the_report_of_snakemake_has_the_figures_their_captions_and_the_tables(study, tmp_path):
    run = snakemake(study[0], "--report", str(tmp_path / "report.html"))
    assert run.returncode == 0, run.stderr
    shown = json.loads(
        re.search(
            r"^ *var results = (\{.*\});$", (tmp_path / "report.html").read_text(), re.MULTILINE
        ).group(1)
    )
    drawn = {
        path.relative_to(study[0]).as_posix()
        for path in (study[0] / "results/small/figures").rglob("*.svg")
    }
    assert {*shown} == drawn | {f"results/small/{table}.csv" for table in TABLES}
    assert all(
        each["caption"].startswith("<p><strong>") and "system-message" not in each["caption"]
        for each in shown.values()
    )
    for name in drawn:
        title = html.escape(figure_named(Path(name).stem).title, quote=False)
        assert shown[name]["caption"].startswith(f"<p><strong>{title}</strong>")


def test_a_new_arm_runs_its_own_jobs_and_what_gathers(study, tmp_path):
    new = override(tmp_path, "arms: {new: {method: sam}}")
    once = [
        "train_minima",
        "check_training",
        "check_case",
        "canonicalise_minima",
        "align_pairs",
        "measure_distances",
        "measure_paths",
        "measure_simplices",
        "connect_chains",
    ]
    once += [
        "measure_flatness",
        "measure_curvature",
        "measure_equilibria",
        "measure_orbits",
        "walk_valleys",
        "chart_valleys",
        "evaluate_claims",
        "write_report",
    ]
    # The new arm shares its jobs with the last one, whose chains are in a job of their own.
    expected = dict.fromkeys([*once, "draw_figures_tiny"], 1) | {"connect_chains": 2}
    assert planned(study[0], *new) == expected


def test_a_dead_unit_is_named_and_can_be_dropped(study, tmp_path):
    clone, stored = tmp_path / "clone", "results/small/minima/tiny/sgd.zarr.zip"
    shutil.copytree(study[0], clone)
    minima = read_store(clone / stored)
    for name in ("parameter.0.weight", "parameter.0.bias"):
        minima[name][{"arm": 0, "seed": 1, "hidden1": 3}] = 0.0
    write_store(clone / stored, minima, config_digest=minima.attrs["config_digest"], seeds=[0, 1])
    target = "results/small/canonical/tiny/0.zarr.zip"
    run = snakemake(clone, target, "--cores", "1")
    assert run.returncode != 0
    assert "Minimum sgd/1: Cannot put units [3] of group 'hidden1' on the sphere" in run.stderr
    assert "symmetry.dead_units" in run.stderr
    assert "Traceback" not in run.stderr
    run = snakemake(
        clone,
        target,
        "--cores",
        "1",
        "--config",
        "symmetry={dead_units: drop, constant_inputs: absorb}",
    )
    assert run.returncode == 0, run.stderr
    canonical, data = (
        read_store(clone / target),
        read_store(clone / "results/small/data/tiny.zarr.zip"),
    )
    assert canonical["dead_units"].sum() == 1
    assert canonical["dead_units"].sel(arm="sgd", seed=1, group="hidden1") == 1
    pixels = np.concatenate([data[f"{split}_inputs"].values for split in ("train", "test")])
    constant = (pixels.reshape(len(pixels), -1) == pixels[0].ravel()).all(0).sum()
    assert constant > 0
    assert (canonical["absorbed_inputs"].sel(arm="sgd") == constant).all()


def test_a_network_that_does_not_fit_the_data_stops_with_one_sentence(study, tmp_path):
    target = "results/other/symmetry/tiny.json"
    change = override(tmp_path, "{study: other, cases: {tiny: {network: {input_shape: [32]}}}}")
    run = snakemake(study[0], target, *change, "--cores", "1")
    assert run.returncode != 0
    assert re.search(r"Error in discover_symmetry \(case tiny\): .*\b(32|64)\b", run.stderr)
    assert "Traceback" not in run.stderr
    assert (study[0] / "results/other/data/tiny.zarr.zip").is_file()  # what was done is kept


def test_a_store_of_another_schema_version_is_not_mixed_with_the_others(study, tmp_path):
    clone, target = tmp_path / "clone", "results/small/reached/tiny/0.json"
    shutil.copytree(study[0], clone)
    written_by(clone / "results/small/minima/tiny/sgd.zarr.zip", 2, "0.2.0")
    before = digests(clone)
    run = snakemake(clone, target, "--cores", "1", "--rerun-triggers", "mtime", "--force")
    assert run.returncode != 0
    found = (
        "sgd.zarr.zip': it has schema version 2 (of symgeom 0.2.0), not 1 (of symgeom 0.1.0), "
        "and versions are not mixed."
    )
    assert (
        "Error in check_training (case tiny, part 0): "
        f"Cannot read 'results/small/minima/tiny/{found}"
    ) in run.stderr
    assert (
        "Delete it and run snakemake again, which makes it anew (there is no migration), "
        "or go back to symgeom 0.2.0.\n"
    ) in run.stderr
    assert "Traceback" not in run.stderr
    after = digests(clone)
    assert {name: before[name] for name in before if name != target} == after


def test_networks_without_rescalings_are_aligned_and_have_matrices_of_charges_or_none(tmp_path):
    """Odd activations allow signs only, no activation allows matrices.

    Units are matched by activations and by weights.
    """
    clone = copy_repository(tmp_path / "clone", config=SMALL)
    roles = "{flat: sgd, reference: sgd, sharp: adam, adaptive: adam}"
    arms = f"arms: {{rsgd: null, wild: null}}\nclaims: {{roles: {roles}}}\nneighbours: null\n"
    found = {}
    for activation, method in (("tanh", "activations"), ("identity", "iterated")):
        network = f"{{tiny: {{network: {{options: {{activation: {activation}}}}}}}}}"
        change = override(
            tmp_path,
            f"study: {activation}\ncases: {network}\nalignment: {{method: {method}}}\n{arms}",
        )
        targets = [
            f"results/{activation}/{stage}/tiny/0.zarr.zip"
            for stage in ("distances", "alignments", "equilibria")
        ]
        run = snakemake(clone, *targets, *change, "--cores", "2")
        assert run.returncode == 0, run.stderr
        found[activation] = [read_store(clone / target) for target in targets]
        ledgers = read_store(clone / f"results/{activation}/ledgers/tiny/sgd.zarr.zip")
        charges = [name for name in ledgers.data_vars if name.startswith("charge_")]
        assert charges == ([] if activation == "tanh" else ["charge_hidden1", "charge_hidden2"])
        assert activation == "tanh" or float(ledgers["closure"].max()) < 1e-10
        assert np.isnan(found[activation][2]["displacement"]).all()
        near = found[activation][0]["distance"]
        assert (near.sel(stage="aligned") < near.sel(stage="normalised")).all()
    assert set(np.unique(found["tanh"][1]["scale_hidden1"])) == {-1.0, 1.0}
    assert found["tanh"][1].attrs["method"] == "activations"
    rotations = found["identity"][1]["scale_hidden1"].values
    assert np.abs(rotations @ rotations.swapaxes(1, 2) - np.eye(12)).max() < 1e-12
