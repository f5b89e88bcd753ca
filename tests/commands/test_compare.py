"""``symgeom compare``: copies of one network are one, and all numbers are those of the library."""

from pathlib import Path

import pytest
import torch
import yaml
from hands import DIGITS, NETWORK, answer, network, refusal, save_copy, save_fresh

from symgeom.__main__ import main
from symgeom.ground.types import cast, parameters
from symgeom.landscape.flatness.measures.catalogue import rows
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus
from symgeom.study.datasets import load
from symgeom.study.in_hand.settings import ALIGNMENT, BIAS_IN_NORM, CURVATURE, FLATNESS, PATHS
from symgeom.symmetry.discovery import discover

ROOT = Path(__file__).parents[2]
ROUNDING = 1e-6
"""Files hold single precision."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two fresh networks, and a copy of the first under a random symmetry."""
    folder = tmp_path_factory.mktemp("files")
    first = save_fresh(folder / "first.pt", 0)
    save_copy(folder / "copy.pt", first)
    save_fresh(folder / "second.pt", 1)
    return folder


def test_a_copy_under_a_random_symmetry_is_the_same_network(folder, capsys):
    files = (folder / "first.pt", folder / "copy.pt")
    facts = answer(capsys, "compare", *files, *NETWORK, *DIGITS, "--no-flatness")
    (pair,) = facts["pairs"]
    assert pair["distance"]["before"] > 1
    assert pair["distance"]["aligned"] < ROUNDING
    for group in pair["groups"].values():
        assert group["distance"]["aligned"] < ROUNDING
        assert group["controls"]["random networks"]["aligned"] > 0.5
    geodesic = pair["paths"]["geodesic both"]["train"]
    assert abs(geodesic["barrier"]) < ROUNDING
    assert abs(geodesic["loss_barrier"]) < ROUNDING
    assert max(geodesic["loss"]) - min(geodesic["loss"]) < ROUNDING
    raw = pair["paths"]["linear raw"]["train"]
    assert max(raw["loss"]) - min(raw["loss"]) > 100 * ROUNDING
    assert facts["ends"]["first"]["test"]["error"] == facts["ends"]["copy"]["test"]["error"]


def test_distances_are_those_of_the_library(folder, capsys):
    files = (folder / "first.pt", folder / "second.pt")
    facts = answer(capsys, "compare", *files, *NETWORK)
    spec = discover(network(0).double(), torch.zeros(2, 64).double())
    first, second = (cast(parameters(network(seed)), torch.float64) for seed in (0, 1))
    ends = [canonicalise(spec, params).parameters for params in (first, second)]
    torus = Torus(spec)
    (pair,) = facts["pairs"]
    assert pair["distance"]["before"] == pytest.approx(float(torus.distance(*ends)), abs=ROUNDING)
    for name, distance in torus.group_distances(*ends).items():
        measured = pair["groups"][name]["distance"]["before"]
        assert measured == pytest.approx(float(distance), abs=ROUNDING)
    assert "paths" not in pair
    assert facts["data"] is None


def test_the_ends_of_paths_are_the_networks(folder, capsys):
    files = (folder / "first.pt", folder / "second.pt")
    words = ["--data", "digits", "--samples", "0", "--no-flatness"]
    facts = answer(capsys, "compare", *files, *NETWORK, *words)
    data = load("digits", root="", options={})
    with torch.no_grad():
        outputs = network(1)(data.test_inputs.float())
    loss = torch.nn.functional.cross_entropy(outputs, data.test_targets)
    wrong = (outputs.argmax(1) != data.test_targets).double().mean()
    assert facts["ends"]["second"]["test"]["loss"] == pytest.approx(float(loss), abs=ROUNDING)
    assert facts["ends"]["second"]["test"]["error"] == pytest.approx(float(wrong))


@pytest.fixture
def little_effort(monkeypatch) -> None:
    """Measure flatness with a single draw."""
    room = "symgeom.study.in_hand.comparison"
    monkeypatch.setattr(f"{room}.FLATNESS", {**FLATNESS, "draws": 2, "amplitudes": [0.1]})
    monkeypatch.setattr(f"{room}.CURVATURE", {**CURVATURE, "probes": 2, "eigenvalues": 1})


@pytest.mark.usefixtures("little_effort")
def test_everything_is_printed_drawn_and_written(folder, capsys, tmp_path):
    figure = tmp_path / "three.svg"
    page = tmp_path / "three.html"
    words = ["--figure", str(figure), "--page", str(page)]
    assert main(["compare", str(folder), *NETWORK, *DIGITS, *words]) == 0
    said = capsys.readouterr()
    for measure in rows():
        label = measure.label.removeprefix("minus ")
        if label != "energy, flips":
            assert label in said.out
    assert "copy - first" in said.out
    assert "Aligning brings the networks of 3 pairs from" in said.out
    assert f"Drawn: {figure}" in said.err
    assert "3 networks, compared modulo symmetries" in page.read_text()
    for outside in ("http://", "https://", 'src="/'):
        text = page.read_text().replace("http://www.w3.org", "")
        assert outside not in text
    again = refusal(capsys, "compare", folder, *NETWORK, *DIGITS, *words)
    assert f"Cannot write '{figure}': it exists" in again


def test_the_stages_are_asked_what_the_default_study_asks():
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    assert default["alignment"] == ALIGNMENT
    assert default["paths"] == PATHS
    assert default["flatness"] == FLATNESS
    assert default["curvature"] == CURVATURE
    assert default["symmetry"]["bias_in_norm"] == BIAS_IN_NORM


def test_a_network_without_symmetries_cannot_be_compared(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("fixed.py").write_text(
        "from torch import nn\n"
        "class Fixed(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.weight = nn.Parameter(nn.Linear(3, 3).weight.detach())\n"
        "    def forward(self, x):\n"
        "        return (x @ self.weight).cumsum(1)\n"
    )
    for seed in range(2):
        torch.save({"weight": torch.full((3, 3), 1.0 + seed)}, f"{seed}.pt")
    said = refusal(capsys, "compare", "0.pt", "1.pt", "--network", "fixed:Fixed", "--input", "3")
    assert "Cannot compare networks modulo symmetries: 'fixed:Fixed' has none" in said
