"""The table of printed constants: in the report, and beside what is kept of a study."""

import csv
from pathlib import Path

import pytest
from synthetic_dynamics import noise_models

from symgeom.store import write_store
from symgeom.study.constants import STAGES, constant_rows
from symgeom.study.printed import CONSTANTS, measured_constants
from symgeom.study.provenance import write_provenance
from symgeom.study.reference import keep_constants, write_introduction
from symgeom.study.report.page import number, render

ROOT = Path(__file__).parents[2]


def stores(folder: Path) -> list[str]:
    """Write two of the experiments that measure a constant, and one that does not."""
    files = []
    for stage in ("charge_decay", "scalar_chain", "warm_up"):
        path = folder / stage / "noise_models.zarr.zip"
        write_store(path, noise_models()[stage].to_dataset(), config_digest="0", seeds=[0, 1, 2])
        files.append(str(path))
    return files


def test_every_constant_has_its_experiment():
    assert {constant.stage for constant in CONSTANTS} == set(STAGES)


def test_rows_are_the_constants_that_were_measured(tmp_path: Path):
    rows = constant_rows(stores(tmp_path), level=0.9)
    stages = {name: noise_models()[name].to_dataset() for name in ("charge_decay", "scalar_chain")}
    expected = measured_constants(stages, level=0.9)
    assert len(rows) == len(expected) == 4
    for row, constant in zip(rows, expected, strict=True):
        assert row == vars(constant)
    page = render(ROOT / "workflow/report/constants.html.j2", constants=rows)
    for row in rows:
        assert row["name"] in page
        assert number(row["measured"]) in page
    assert render(ROOT / "workflow/report/constants.html.j2", constants=[]).strip() == ""


def test_they_are_kept_where_there_are_any(tmp_path: Path):
    provenance = tmp_path / "provenance.json"
    machine = {"cores": 2, "processor": "a processor", "system": "Linux"}
    made = {"commit": "abc", "elapsed": 1.0, "machine": machine, "rules": []}
    write_provenance(provenance, made)
    words = {}
    for name, files in (("none", []), ("some", stores(tmp_path))):
        kept = tmp_path / name
        kept.mkdir()
        keep_constants(kept, files, level=0.95)
        write_introduction(kept / "README.md", provenance, command="snakemake")
        words[name] = (kept / "README.md").read_text()
    assert not (tmp_path / "none/constants.csv").exists()
    assert "constants.csv" not in words["none"]
    assert words["some"].startswith("# Study `some`")
    assert "constants.csv" in words["some"]
    with (tmp_path / "some/constants.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["place"] for row in rows] == [
        "Eq. 7",
        "section 4",
        "section 5.1",
        "proposition 5.3",
    ]
    assert float(rows[0]["corrected"]) == pytest.approx(1)
    assert int(rows[0]["draws"]) == 3
