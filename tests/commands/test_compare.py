"""``symgeom compare``: copies of one network are one, and all numbers are those of the library."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
import yaml
from drawn import faults
from hands import DIGITS, NETWORK, answer, network, refusal, save_copy, save_fresh
from torch import nn

from symgeom.__main__ import main
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.flatness.measures.catalogue import rows
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus
from symgeom.study.datasets import load
from symgeom.study.figures.comparison_drawing import draw
from symgeom.study.in_hand.settings import ALIGNMENT, BIAS_IN_NORM, CURVATURE, FLATNESS, PATHS
from symgeom.symmetry.discovery import discover

ROOT = Path(__file__).parents[2]
ROUNDING = 1e-6
"""Files hold single precision."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A fresh network, a copy of it under a random symmetry, and one with a dead unit."""
    folder = tmp_path_factory.mktemp("files")
    first = save_fresh(folder / "first.pt", 0)
    save_copy(folder / "copy.pt", first)
    torch.save(with_a_dead_unit().state_dict(), folder / "second.pt")
    return folder


def with_a_dead_unit() -> nn.Sequential:
    """Return a fresh network of which a unit has no incoming weights."""
    made = network(1)
    with torch.no_grad():
        made[0].weight[2] = 0
        made[0].bias[2] = 0
    return made


def test_geometry_is_computed_in_the_precision_that_is_asked_for(folder, capsys):
    files = (folder / "first.pt", folder / "second.pt")
    distances = {}
    for precision in ("float32", "float64"):
        facts = answer(capsys, "compare", *files, *NETWORK, "--precision", precision)
        (pair,) = facts["pairs"]
        distances[precision] = pair["distance"]["before"]
    assert distances["float32"] != distances["float64"]
    assert distances["float32"] == pytest.approx(distances["float64"], rel=ROUNDING)


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
    assert faults(draw(facts)) == []


def test_many_layers_are_numbered():
    names = [f"layer{number}.conv1" for number in range(40)]
    angles = {"distance": {"before": 1.6, "aligned": 1.2}, "controls": {}}
    pair = {**angles, "groups": dict.fromkeys(names, angles)}
    figure = draw({"pairs": [pair], "groups": [{"name": name} for name in names]})
    assert faults(figure) == []
    (panel,) = figure.axes
    labels = [label.get_text() for label in panel.get_xticklabels()]
    assert labels == ["all", "5", "10", "15", "20", "25", "30", "35", "40"]


def test_distances_are_those_of_the_library(folder, capsys):
    files = (folder / "first.pt", folder / "second.pt")
    facts = answer(capsys, "compare", *files, *NETWORK)
    spec = discover(network(0).double(), torch.zeros(2, 64).double())
    ends = []
    for made in (network(0), with_a_dead_unit()):
        params = cast(parameters(made), torch.float64)
        ends.append(canonicalise(spec, params, dead_units="drop").parameters)
    torus = Torus(spec)
    (pair,) = facts["pairs"]
    assert pair["distance"]["before"] == pytest.approx(float(torus.distance(*ends)), abs=ROUNDING)
    for name, distance in torus.group_distances(*ends).items():
        measured = pair["groups"][name]["distance"]["before"]
        assert measured == pytest.approx(float(distance), abs=ROUNDING)
    assert "paths" not in pair
    assert facts["data"] is None
    assert facts["dropped_units"] == {"first": {}, "second": {"hidden1": [2]}}
    assert faults(draw(facts)) == []


def test_the_ends_of_paths_are_the_networks(folder, capsys):
    files = (folder / "first.pt", folder / "second.pt")
    words = ["--data", "digits", "--samples", "0", "--no-flatness"]
    facts = answer(capsys, "compare", *files, *NETWORK, *words)
    data = load("digits", root="", options={})
    with torch.no_grad():
        outputs = with_a_dead_unit()(data.test_inputs.float())
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
            (line,) = [line for line in said.out.splitlines() if line.startswith(label)]
            assert not line.endswith("-")
    assert "copy - first" in said.out
    assert "Aligning brings the networks of 3 pairs from" in said.out
    assert f"Drawn: {figure}" in said.err
    assert "3 networks, compared modulo symmetries" in page.read_text()
    for outside in ("http://", "https://", 'src="/'):
        text = page.read_text().replace("http://www.w3.org", "")
        assert outside not in text
    again = refusal(capsys, "compare", folder, *NETWORK, *DIGITS, *words)
    assert f"Cannot write '{figure}': it exists" in again


NORMED = """
from torch import nn


def network():
    first = nn.Sequential(nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU())
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(108, 10))
"""


def test_batch_norms_are_folded(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("normed.py").write_text(NORMED)
    made = import_module("normed").network()
    made[1].running_mean.normal_(generator=stream("statistics"))
    made[1].running_var.uniform_(0.5, 2, generator=stream("statistics"))
    torch.save(made.state_dict(), "first.pt")
    save_copy(Path("copy.pt"), made.eval(), torch.zeros(2, 1, 8, 8))
    data = ["--data", "digits", "--data-option", "images=true", "--samples", "100"]
    words = ["--network", "normed:network", *data, "--no-flatness"]
    facts = answer(capsys, "compare", "first.pt", "copy.pt", *words)
    (pair,) = facts["pairs"]
    assert pair["distance"]["aligned"] < ROUNDING
    assert abs(pair["paths"]["geodesic both"]["test"]["loss_barrier"]) < ROUNDING
    ends = facts["ends"]
    assert ends["first"]["test"]["loss"] == pytest.approx(ends["copy"]["test"]["loss"], rel=1e-5)


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
    assert "cumsum" in said
