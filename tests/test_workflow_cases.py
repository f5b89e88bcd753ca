"""The workflow on convolutions with batch norm, on binary weights, and on pixels with labels."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from clones import ROOT, copy_repository, draw_only, override, planned, snakemake
from snakemake.utils import update_config

from symgeom.store import dataset_to_parameters, open_study, read_store
from symgeom.study.claims.record import read_claims

CONVOLUTIONS, BINARY = "tests/small_convolutions.yaml", "tests/small_binary.yaml"
RECOMPUTED = "study: recomputed\nsymmetry: {batch_norm: recompute}\n"
SECOND_ORDER = ["eigenvalue", "trace", "relative_trace", "torus_trace", "layer_trace"]

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory):
    """A copy of the repository with two studies: batch norms folded, and recomputed."""
    folder = tmp_path_factory.mktemp("convolutions")
    clone = copy_repository(folder / "clone", config=CONVOLUTIONS)
    draw_only(clone, "flatness", "measures")
    folded = [f"results/convolutions/{stage}/resnet/0.zarr.zip" for stage in ("curvature", "maps")]
    folded.append("results/convolutions/claims.csv")
    anew = ["results/recomputed/figures/resnet/flatness.svg", "results/recomputed/claims.csv"]
    for words in (folded, [*anew, *override(folder, RECOMPUTED)]):
        run = snakemake(clone, *words, "--cores", "2")
        assert run.returncode == 0, run.stdout + run.stderr
    return clone


def write_pixels(clone: Path) -> None:
    """Write planes of tokens with a label for each, and a network that answers for each.

    A token is of the class of its remainder, but for the first of a plane, which does not count.
    """
    tokens = np.random.default_rng(0).integers(6, size=(80, 3, 2))
    labels = (tokens % 2).astype("uint8")
    labels[:, 0, 0] = 9
    (clone / "data").mkdir()
    np.savez(clone / "data/pixels.npz", inputs=tokens, targets=labels)
    shutil.copy(ROOT / "tests/of_pixels.py", clone)


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    """A finished study of binary networks, beside networks that answer for every pixel."""
    clone = copy_repository(tmp_path_factory.mktemp("binary") / "clone", config=BINARY)
    write_pixels(clone)
    # Of what binary networks lack or have alone.
    draw_only(clone, "flatness", "measures", "layers", "spectra", "barriers", "chains")
    run = snakemake(clone, "--cores", "2")
    assert run.returncode == 0, run.stdout + run.stderr
    return clone


def ends_are_minima(minima, paths, atol):
    """Check that every path, whatever symmetries were removed, begins at its first minimum."""
    for pair in range(paths.sizes["pair"]):
        first = minima.sel(
            arm=str(paths["first_arm"].values[pair]), seed=int(paths["first_seed"].values[pair])
        )
        begin = paths["error"].sel(split="train", t=0).values[pair]
        measured = begin[np.isfinite(begin)]
        assert len(measured)
        np.testing.assert_allclose(measured, float(first["train_error"]), atol=atol)


def test_folded_networks_have_every_measure(convolutions):
    tree = open_study(convolutions / "results/convolutions")
    stages = tree["resnet"]
    assert not stages["minima"]["status"].isin(["diverged"]).any()
    assert float(stages["canonical"]["certificate"].max()) < 1e-8
    curvature = stages["curvature"].to_dataset()
    assert curvature.attrs["left_out"] == []
    assert {*SECOND_ORDER, "sharpness", "adaptive_sharpness"} <= set(curvature)
    assert "repaired both" in stages["paths"]["variant"].values
    assert np.isfinite(stages["chains"]["torus_length_ratio"]).all()
    assert not [name for name in stages["ledgers"].data_vars if name.startswith("charge_")]
    names = [name for name in tree["resnet/minima"].data_vars if name.endswith("running_var")]
    assert names  # the minima are stored as trained


def test_recomputed_statistics_leave_out_what_they_do_not_allow_and_say_so(convolutions):
    folder = convolutions / "results/recomputed"
    tree = open_study(folder)["resnet"]
    curvature, paths = tree["curvature"].to_dataset(), tree["paths"].to_dataset()
    assert curvature.attrs["left_out"] == SECOND_ORDER
    assert set(curvature) == {"sharpness", "adaptive_sharpness"}
    assert np.isfinite(curvature["sharpness"]).all()
    assert paths.attrs["left_out"] == ["repaired both"]
    assert "repaired both" not in paths["variant"].values
    assert {claim.case for claim in read_claims(folder / "claims.csv")} == {"resnet"}


def test_both_policies_measure_the_same_minima(convolutions):
    minima = []
    for name in ("convolutions", "recomputed"):
        tree = open_study(convolutions / f"results/{name}")
        minima.append(tree["resnet/minima"].to_dataset().drop_attrs())
    assert minima[0].identical(minima[1])


def test_augmentation_is_not_in_the_errors_that_are_measured(convolutions):
    minima = open_study(convolutions / "results/convolutions")["resnet/minima"].to_dataset()
    last = minima["history_error"].isel(epoch=minima["epochs"])
    np.testing.assert_allclose(minima["train_error"], last, atol=1e-6)


def test_binary_networks_are_connected_by_flips(binary):
    tree = open_study(binary / "results/binary")["signs"]
    minima, paths, chains = (tree[stage].to_dataset() for stage in ("minima", "paths", "chains"))
    assert paths["variant"].values.tolist() == [
        "latent raw",
        "latent aligned",
        "hamming raw",
        "hamming aligned",
    ]
    ends_are_minima(minima, paths, 1e-12)
    assert np.isfinite(chains["bend_error"]).all()
    assert (chains["diverged"] == 0).all()
    for name in (name for name in tree["alignments"].data_vars if name.startswith("scale_")):
        assert np.isin(tree["alignments"][name].values, [-1.0, 1.0]).all()
    assert tree["flatness"].attrs["noise"] == "flips"
    assert float(tree["canonical"]["certificate"].max()) < 1e-10


def test_what_binary_networks_do_not_have_is_empty_and_said(binary):
    tree = open_study(binary / "results/binary")["signs"]
    assert list(tree["curvature"].data_vars) == []
    assert tree["curvature"].attrs["left_out"] == ["sharpness", "adaptive_sharpness", *SECOND_ORDER]
    assert tree["paths"].attrs["left_out"] == ["repaired both"]
    assert (
        "data does not allow it: adaptive sharpness, additive energy, eigenvalue, escape angle"
        in (binary / "results/binary/report.html").read_text()
    )
    assert np.isnan(tree["equilibria"]["displacement"]).all()


def test_a_minimum_that_missed_the_stop_rule_is_kept_named_and_in_no_claim(binary):
    folder = binary / "results/binary"
    minima = open_study(folder)["signs/minima"].to_dataset().sel(arm="hasty")
    assert minima["status"].values.tolist() == ["epoch limit", "epoch limit"]
    assert not minima["usable"].any()
    assert (
        "signs hasty seed 0 (epoch limit), signs hasty seed 1 (epoch limit)"
        in (folder / "report.html").read_text()
    )
    noted = [claim.note for claim in read_claims(folder / "claims.csv") if "hasty" in claim.note]
    assert noted


def test_pixels_have_labels_from_the_files_to_the_report(binary):
    folder = binary / "results/binary"
    case = open_study(folder)["pixels"]
    stored = read_store(folder / "data/pixels.zarr.zip")
    targets = torch.from_numpy(stored["train_targets"].values)
    assert targets.shape == (60, 3, 2)
    assert (targets[:, 0, 0] == -100).all()
    minima = case["minima"].to_dataset()
    minimum = minima.sel(arm="adam", seed=0)
    network = dataset_to_parameters(minimum)
    layers = {name: torch.from_numpy(weights).double() for name, weights in network.items()}
    tokens = torch.from_numpy(stored["train_inputs"].values)
    assert tokens.dtype == torch.int64
    planes = layers["0.weight"][tokens].movedim(-1, 1)
    hidden = torch.conv2d(planes, layers["2.weight"], layers["2.bias"], padding=1).relu()
    outputs = torch.conv2d(hidden, layers["4.weight"], layers["4.bias"])
    wrong = (outputs.argmax(1) != targets).flatten(1)[:, 1:]  # the first does not count
    error = float(wrong.double().mean())
    assert error < 0.3
    np.testing.assert_allclose(minimum["train_error"], error, atol=1e-6)
    ends_are_minima(minima, case["paths"].to_dataset(), 1e-6)
    for stage in ("minima", "flatness", "curvature", "paths", "chains"):
        assert case[stage].attrs["task"] == "pixels", stage
    left_out = "points of orbits (samples have more answers than one class)"
    assert case["orbits"].attrs["left_out"] == [left_out]
    report = (folder / "report.html").read_text()
    assert "Every position of a sample has a class (task pixels)" in report
    assert left_out in report


STUDIES = sorted({path.name for path in (ROOT / "config").glob("*.yaml")} - {"config.yaml"})


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_that_ships_can_be_planned(name, tmp_path):
    clone, file = copy_repository(tmp_path / "clone"), f"config/{name}"
    plan = planned(clone, "--configfile", file)
    config = yaml.safe_load((clone / "config/config.yaml").read_text())
    update_config(config, yaml.safe_load((clone / file).read_text()))
    cases = [case for case in config["cases"].values() if case is not None]
    arms = [arm for arm in config["arms"].values() if arm is not None]
    seeds = config["seeds"]
    blocks = math.ceil(seeds / (config["granularity"]["seeds_per_job"] or seeds))
    in_common = plan.get("train_to_depths", 0)  # the budgets of other arms are known after these
    lent = sum("budget_of" in arm for arm in arms)
    at_once = plan.get("train_minima", 0) + in_common * len(arms) // (len(arms) - lent)
    assert at_once == len(cases) * len(arms) * blocks
