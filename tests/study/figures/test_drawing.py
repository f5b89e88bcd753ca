"""Figures of studies on disk: all of a case at once, or one by name."""

import errno
import os
import shutil
from pathlib import Path

import pytest
import synthetic_study
from drawn import perceptron, texts
from listed import list_checksums
from made_up_report import claims
from synthetic_study import ARMS, SETTINGS

from symgeom import draw_figure
from symgeom.__main__ import main
from symgeom.ground.checks import SymgeomError
from symgeom.ground.checksums import checked, read_checksums
from symgeom.store import write_store
from symgeom.study.claims.record import write_claims
from symgeom.study.claims.tables import write_tables
from symgeom.study.figures.drawing import draw_figures, read_results
from symgeom.study.figures.style import save
from symgeom.study.provenance import write_provenance

CONFIGURATION = {
    "cases": {"mlp": {"claims": {"level": 0.9}}},
    "arms": dict.fromkeys(ARMS),
    "claims": {"level": SETTINGS["level"]},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A made-up study on disk, with what some figures need."""
    folder = tmp_path_factory.mktemp("studies") / "made_up"
    tree = synthetic_study.case(["minima", "flatness"])
    for stage in tree:
        path = folder / stage / "mlp/0.zarr.zip"
        write_store(path, tree[stage].to_dataset(), config_digest="0", seeds=[0, 1, 2])
    solved = perceptron()["solutions"].to_dataset()
    write_store(folder / "solutions/perceptron.zarr.zip", solved, config_digest="0", seeds=[])
    write_claims(folder / "claims.csv", claims())
    list_checksums(folder / "tables.sha256", [folder / "claims.csv"])
    write_provenance(folder / "provenance.json", {"configuration": CONFIGURATION})
    return folder


def test_all_figures_of_a_case_are_written_in_three_formats(study, tmp_path):
    files = [*study.glob("*/mlp/*.zip"), study / "claims.csv"]
    results = read_results(study, "mlp", files, arms=ARMS, settings=SETTINGS)
    draw_figures(["claims", "noises"], results, tmp_path, checksums=tmp_path / "figures.sha256")
    names = {
        f"{name}.{ending}" for name in ("claims", "noises") for ending in ("svg", "png", "pdf")
    }
    assert {path.name for path in tmp_path.iterdir()} == names | {"figures.sha256"}
    for name in names:
        checked(tmp_path / name)


def test_no_file_is_read_back_for_its_checksum(study, tmp_path, monkeypatch):
    """Somebody who makes the study again may have removed it."""
    results = read_results(study, "mlp", [*study.glob("*/mlp/*.zip")], arms=ARMS, settings=SETTINGS)
    replace = os.replace

    def removed(partial: Path, path: Path) -> None:
        replace(partial, path)
        if path.suffix != ".sha256":
            path.unlink()

    monkeypatch.setattr(os, "replace", removed)
    draw_figures(["noises"], results, tmp_path, checksums=tmp_path / "figures.sha256")
    names = ("claims", "barriers", "ensembles")
    files = {name: tmp_path / f"{name}.csv" for name in names}
    checksums = tmp_path / "tables.sha256"
    write_tables(files, [], barriers=[], ensembles=[], checksums=checksums)
    assert {path.name for path in tmp_path.iterdir()} == {"figures.sha256", "tables.sha256"}
    assert list(read_checksums(checksums)) == [f"{name}.csv" for name in names]
    assert len(read_checksums(tmp_path / "figures.sha256")) == 3


def test_a_truncated_table_of_claims_is_not_drawn(study, tmp_path):
    for name in ("claims.csv", "tables.sha256"):
        shutil.copy(study / name, tmp_path)
    lines = (tmp_path / "claims.csv").read_text().splitlines(keepends=True)
    (tmp_path / "claims.csv").write_text("".join(lines[:-1]))
    with pytest.raises(SymgeomError, match="claims.csv': it was truncated or changed"):
        read_results(tmp_path, "mlp", [tmp_path / "claims.csv"], arms=ARMS, settings=SETTINGS)


def test_a_figure_is_drawn_by_name(study):
    assert "rsgd (3)" in texts(draw_figure(study, "mlp", "noises"))
    assert "Left out: 1 of 12 solutions" in texts(draw_figure(study, "perceptron", "perceptron"))
    assert "90 % interval" in texts(draw_figure(study, "mlp", "claims"))


@pytest.mark.parametrize(
    ("case", "name", "message"),
    [
        ("mlp", "flat", "Unknown figure 'flat': choose one of 'claims', 'training'"),
        ("cnn", "noises", "Unknown case of the figure 'noises' 'cnn': choose one of 'mlp'"),
        ("mlp", "chains", "Unknown|there is no 'chains'"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_named(study, case, name, message):
    with pytest.raises(SymgeomError, match=message):
        draw_figure(study, case, name)


def test_a_study_without_the_stages_says_so(study):
    with pytest.raises(SymgeomError, match=r"holds none of its stages \(descents\)"):
        draw_figure(study, "two_layer", "model_drift")


def test_an_unfinished_study_says_so(tmp_path):
    with pytest.raises(SymgeomError, match=r"holds no 'provenance\.json'"):
        draw_figure(tmp_path, "mlp", "noises")
    write_provenance(tmp_path / "provenance.json", {})
    with pytest.raises(SymgeomError, match="does not say the configuration"):
        draw_figure(tmp_path, "mlp", "noises")


def test_on_a_full_disk_no_figure_is_half_written(study, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    picture = draw_figure(study, "mlp", "noises")
    for ending in ("svg", "png", "pdf"):
        words = f"Cannot write '.*noises.{ending}': No space left on device"
        with pytest.raises(SymgeomError, match=words):
            save(picture, tmp_path / f"noises.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_ends_in_a_word_when_it_is_stopped(study, monkeypatch, capsys):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("symgeom.study.figures.single.draw_figure", stopped)
    assert main(["draw", str(study), "mlp", "noises"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_the_command_line_draws_a_figure(study, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["draw", str(study), "mlp", "noises", "--to", "new.png"]) == 0
    assert main(["draw", str(study), "mlp", "claims"]) == 0
    assert capsys.readouterr().out == "new.png\nclaims.svg\n"
    assert {path.name for path in tmp_path.iterdir()} == {"new.png", "claims.svg"}
    assert main(["draw", str(study), "mlp", "flat"]) == 1
    assert "Error: Unknown figure 'flat'" in capsys.readouterr().err
