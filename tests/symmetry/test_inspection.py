"""The look at a network: the table, the numbers, and the command line from the outside."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cases import mlp_spec

from symgeom.__main__ import main
from symgeom.ground.checks import SymgeomError
from symgeom.symmetry.certificate import Certificate
from symgeom.symmetry.inspection import dimension, leg_text, log10_permutations, summary, table
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG"

FACTORIES = """
import torch
from torch import nn

instance = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
number = 3

def small(widths=(3,), activation="relu", bias=True):
    layers, last = [], 4
    for width in widths:
        layers.append(nn.Linear(last, width, bias=bias))
        layers.append(nn.ReLU() if activation == "relu" else nn.Tanh())
        last = width
    return nn.Sequential(*layers, nn.Linear(last, 2))

def seeded(*, generator):
    network = small()
    nn.init.normal_(network[0].weight, generator=generator)
    return network

def zero_head():
    network = small()
    nn.init.zeros_(network[-1].weight)
    nn.init.zeros_(network[-1].bias)
    return network

def words():
    return nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))

class Products(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 3)

    def forward(self, x):
        return self.a(x).cumprod(1)

class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return self.layer(x).flatten(1)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a file of factories, as the current directory."""
    (tmp_path / "factories.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    yield tmp_path
    sys.modules.pop("factories", None)


def look(*words: str) -> int:
    """Inspect without a figure."""
    return main(["inspect", *words, "--no-figure"])


def refused(capsys, *words: str) -> str:
    """Return the sentence of a command that cannot be done."""
    assert look(*words) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("Error: Cannot")
    assert printed.err.count("\n") == 1
    return printed.err


def test_legs_in_short():
    assert leg_text(Leg("w", 0)) == "w[0]"
    assert leg_text(Leg("v", 0, 2, buffer=True, shift=1e-5)) == "v[0]~^2"
    assert (
        leg_text(Leg("w", 1, -1, start=8, block=4, outer=3, region=((0, 2, 5),)))
        == "w[1@8/4*3{0:2-5}]^-1"
    )


def test_a_table_has_one_line_per_group_and_counts_the_legs_that_it_leaves_out():
    legs = (
        Leg("a.weight", 0),
        Leg("a.bias", 0),
        Leg("b.weight", 0, 0),
        Leg("c.running_var", 0, 2, buffer=True),
    )
    spec = SymmetrySpec(
        (
            UnitGroup("hidden1", 5, legs),
            UnitGroup("head", 1, legs[:1], permute=False, exact_for="error"),
        )
    )
    whole, cut = table(spec, width=120).splitlines(), table(spec, width=76).splitlines()
    assert (
        " ".join(whole[1].split())
        == "hidden1 5 positive, permuted outputs a.weight+bias[0] b.weight[0]^0 c.running_var[0]~^2"
    )
    assert " ".join(whole[2].split()) == "head 1 positive classes a.weight[0]"
    assert cut[1].endswith("a.weight+bias[0] ... 2 more")
    assert max(map(len, cut)) <= 76


def test_all_legs_are_shown_on_request_and_the_notation_explains_what_occurs():
    legs = tuple(Leg(f"layer{number}.weight", 1, -1) for number in range(9))
    spec = SymmetrySpec((UnitGroup("hidden1", 5, legs, scale="none", permute=False),))
    full, cut = table(spec, width=70, all_legs=True), table(spec, width=70)
    assert all(leg_text(leg) in full for leg in legs)
    assert "more" not in full
    assert "8 more" in cut
    assert " none " in full
    assert "^p" in full
    assert "buffer" not in full
    assert max(map(len, full.splitlines())) <= 70


def test_a_leg_wider_than_the_terminal_leaves_a_number():
    spec = SymmetrySpec((UnitGroup("hidden1", 5, (Leg("a" * 80, 0), Leg("b" * 80, 0))),))
    assert table(spec, width=60).splitlines()[1].endswith("2 legs")


def test_the_numbers_of_symmetries():
    spec = SymmetrySpec(
        (
            *mlp_spec(4, 6, 5, 3).groups,
            UnitGroup("odd", 7, (), scale="sign"),
            UnitGroup("hidden1.scale1", 6, (), permute=False),
            UnitGroup("linear", 3, (), scale="linear"),
        )
    )
    assert dimension(spec) == 6 + 5 + 6 + 9
    assert log10_permutations(spec) == pytest.approx(
        math.log10(math.factorial(6) * math.factorial(5) * math.factorial(7))
    )
    said = summary(spec, Certificate(1e-15, 1e-10, head_unchanged=True, worst_group=None, draws=3))
    assert "dimension 26, and 1 that keeps the classes only (head)" in said
    assert "2^7" in said
    assert "10^8.6" in said
    assert "passed" in said


def test_a_failed_certificate_is_not_called_passed():
    spec = mlp_spec(4, 6, 3)
    said = summary(
        spec, Certificate(0.5, 1e-10, head_unchanged=True, worst_group="hidden1", draws=3)
    )
    assert "FAILED at group 'hidden1'; outputs change by 0.5" in said
    said = summary(spec, Certificate(0.0, 1e-10, head_unchanged=False, worst_group="head", draws=3))
    assert "FAILED at group 'head'" in said
    assert "the head changes predicted classes" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["factories:small"],
            [
                "hidden1      3  positive, permuted",
                "inputs of shape (2, 4)",
                "dimension 3",
                "6 = 10^0.8",
            ],
        ),
        (
            ["factories:small", "--option", "widths=[5, 4]", "--option", "activation=tanh"],
            ["hidden2      4  sign, ", "2^9"],
        ),
        (
            ["factories:small", "--option", "bias=False"],
            ["2.weight[1]^-1", "20 parameters", "0.weight[0] 2"],
        ),
        (
            ["factories:instance", "--batch", "5"],
            ["instance (Sequential): 23 parameters", "(5, 4)"],
        ),
        (["factories:seeded"], ["passed"]),
        (["factories:zero_head"], ["passed"]),
    ],
)
def test_networks_of_many_kinds(here, capsys, words, expected):
    assert look(*words, "--input", "4") == 0
    printed = capsys.readouterr().out
    assert [text for text in expected if text not in printed] == []


def test_networks_that_read_words(here, capsys):
    assert look("factories:words", "--input", "3", "--tokens", "9") == 0
    assert "certificate:           passed" in capsys.readouterr().out
    assert "type torch.float64" in refused(capsys, "factories:words", "--input", "3")


def test_equal_seeds_print_equal_certificates(here, capsys):
    printed = []
    for seed in "112":
        assert look("factories:seeded", "--input", "4", "--seed", seed) == 0
        printed.append(capsys.readouterr().out.split("certificate:")[1])
    assert printed[0] == printed[1]
    assert printed[0] != printed[2]


def test_what_cannot_be_inspected_is_one_sentence(here, capsys):
    assert "No module named 'absent'" in refused(capsys, "absent:thing", "--input", "4")
    assert "has no attribute 'absent'" in refused(capsys, "factories:absent", "--input", "4")
    assert "of type int" in refused(capsys, "factories:number", "--input", "4")
    assert "of type Sequential and takes no options" in refused(
        capsys, "factories:instance", "--input", "4", "--option", "widths=[3]"
    )
    assert "of type OrderedDict" in refused(capsys, "collections:OrderedDict", "--input", "4")
    assert "unexpected keyword argument 'depth'" in refused(
        capsys, "factories:small", "--input", "4", "--option", "depth=3"
    )
    assert "shape (2, 5)" in refused(capsys, "factories:small", "--input", "5")
    unknown = refused(capsys, "factories:Products", "--input", "4", "--strict")
    assert "operation 'aten.cumprod" in unknown


def test_an_unknown_operation_is_shown_with_what_it_fixes(here, capsys):
    assert look("factories:Products", "--input", "4", "--no-figure") == 0
    printed = capsys.readouterr().out
    assert "fixed by" in printed
    assert "cumprod in the network's own forward  a.weight[0] a.bias[0]" in printed


def test_a_spec_that_fails_is_shown_and_refused(here, capsys, monkeypatch):
    spec = mlp_spec(4, 3, 2)
    first = spec.groups[0]
    wrong = UnitGroup("hidden1", 3, (*first.legs[:2], Leg("2.weight", 1, power=-2)))
    monkeypatch.setattr(
        "symgeom.commands.network_report.discover",
        lambda *_, **__: SymmetrySpec((wrong, *spec.groups[1:])),
    )
    assert look("factories:small", "--input", "4") == 1
    printed = capsys.readouterr()
    assert "2.weight[1]^-2" in printed.out
    assert "FAILED at group 'hidden1'" in printed.out
    assert "group 'hidden1' is not a symmetry" in printed.err


def test_a_figure_that_cannot_be_written(here, capsys):
    (here / "file").touch()
    assert main(["inspect", "factories:small", "--input", "4", "--figure", "file/graph.png"]) == 1
    said = capsys.readouterr().err
    assert (
        "Cannot write 'file/graph.png': File exists. Nothing half-written is left; make room "
        "or correct the path" in said
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["factories", "--input", "4"], "'factories' is not of the form package.module:name"),
        (["factories:small"], "--input"),
        (["factories:small", "--input", "4,x"], "'4,x' is not a shape"),
        (["factories:small", "--input", "4,0"], "'4,0' is not a shape"),
        (
            ["factories:small", "--input", "4", "--option", "widths"],
            "'widths' is not of the form key=value",
        ),
        (
            ["factories:small", "--input", "4", "--batch", "-1"],
            "'-1' is not a positive whole number",
        ),
        (
            ["factories:small", "--input", "4", "--figure", "graph.gif"],
            "'graph.gif' does not end in .png, .pdf, .svg",
        ),
    ],
)
def test_a_command_that_makes_no_sense(capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        main(["inspect", *words])
    assert message in capsys.readouterr().err


def test_mistakes_show_their_traceback_on_request(here, monkeypatch):
    monkeypatch.setenv("SYMGEOM_DEBUG", "1")
    with pytest.raises(SymgeomError, match="No module named 'absent'"):
        look("absent:thing", "--input", "4")


def shell(directory: Path, *words: str) -> subprocess.CompletedProcess:
    """Run the command as a user does."""
    command = [sys.executable, "-m", "symgeom", "inspect", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(
        command, cwd=directory, env=environment, check=False, capture_output=True, text=True
    )


def test_a_network_of_torchvision_from_the_shell(tmp_path):
    outcome = shell(
        tmp_path,
        "torchvision.models:squeezenet1_1",
        "--input",
        "3,32,32",
        "--option",
        "num_classes=3",
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "certificate:           passed" in outcome.stdout
    assert "symmetry.png: Boxes: families of interchangeable units" in outcome.stdout
    assert max(map(len, outcome.stdout.split("\n\n")[1].splitlines())) <= 100
    assert (tmp_path / "symmetry.png").read_bytes().startswith(PNG)


def test_a_mistake_in_the_current_folder_from_the_shell(here):
    outcome = shell(here, "factories:Conv", "--input", "2,4,4")
    assert (outcome.returncode, outcome.stdout, outcome.stderr.count("\n")) == (1, "", 1)
    assert "shape (2, 2, 4, 4)" in outcome.stderr
