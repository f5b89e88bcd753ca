"""``symgeom charges``, ``flatness`` and ``balance``: measures of single networks, and a move."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hands import NETWORK, answer, network, refusal, save_fresh
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from symgeom.__main__ import main
from symgeom.dynamics.noise import balance, gradient_variance
from symgeom.ground.types import cast, parameters
from symgeom.landscape.flatness.measures.catalogue import rows
from symgeom.landscape.problem import Problem
from symgeom.study.datasets import load
from symgeom.study.in_hand.settings import CURVATURE, FLATNESS
from symgeom.symmetry.discovery import discover

INPUTS = torch.randn(20, 64, generator=torch.Generator().manual_seed(0))
SINGLE = 1e-5
"""What rounding explains in single precision."""


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with a network, to which commands go."""
    monkeypatch.chdir(tmp_path)
    save_fresh(Path("a.pt"), 0)
    return tmp_path


def squares(layer: nn.Linear) -> torch.Tensor:
    """Return the squared lengths of what comes into the units of a layer, biases included."""
    return layer.weight.detach().double().square().sum(1) + layer.bias.detach().double().square()


def outgoing(layer: nn.Linear) -> torch.Tensor:
    """Return the squared lengths of what a layer takes from the units before it."""
    return layer.weight.detach().double().square().sum(0)


def test_charges_are_squares_that_come_in_minus_squares_that_go_out(here, capsys):
    facts = answer(capsys, "charges", "a.pt", *NETWORK)
    first, _, second, _, head = network(0)
    of_first = squares(first) - outgoing(second)
    of_second = squares(second) - outgoing(head)
    of_groups = facts["charges"]["a"]
    assert of_groups["hidden1"]["charges"] == pytest.approx(of_first.tolist())
    assert of_groups["hidden2"]["charges"] == pytest.approx(of_second.tolist())
    share = of_first / (squares(first) + outgoing(second))
    assert of_groups["hidden1"]["imbalances"] == pytest.approx(share.tolist())
    assert "head" not in of_groups


def test_charges_in_a_table(here, capsys):
    save_fresh(Path("b.pt"), 1)
    assert main(["charges", "a.pt", "b.pt", *NETWORK]) == 0
    printed = capsys.readouterr().out
    assert printed.count("hidden2") == 2
    linear = ["--network", "torch.nn:Linear", "--option", "in_features=3"]
    torch.save(nn.Linear(3, 2).state_dict(), "linear.pt")
    words = [*linear, "--option", "out_features=2", "--input", "3"]
    assert main(["charges", "linear.pt", *words]) == 0
    assert "No unit of this network has a charge" in capsys.readouterr().out


def test_flatness_has_all_measures_of_the_default_study(here, capsys, monkeypatch):
    room = "symgeom.study.in_hand.comparison"
    monkeypatch.setattr(f"{room}.FLATNESS", {**FLATNESS, "draws": 2, "amplitudes": [0.1]})
    monkeypatch.setattr(f"{room}.CURVATURE", {**CURVATURE, "probes": 2})
    data = load("digits", root="", options={"subset": 40, "test_subset": 10})
    parts = ("train_inputs", "train_targets", "test_inputs", "test_targets")
    np.savez("few.npz", **{part: getattr(data, part).numpy() for part in parts})
    facts = answer(capsys, "flatness", "a.pt", *NETWORK, "--data", "few.npz")
    measures = facts["flatness"]["measures"]
    assert list(measures) == [row.array for row in rows()]
    problem = Problem(network(0).double(), data.train_inputs, data.train_targets)
    largest = float(torch.linalg.eigvalsh(_hessian(problem))[-1])
    of_network = measures["eigenvalue"]["values"]["a"]
    assert of_network == pytest.approx(largest, rel=CURVATURE["eigenvalue_tolerance"])
    with pytest.raises(SystemExit, match="2"):
        main(["flatness", "a.pt", *NETWORK])
    assert "--data" in capsys.readouterr().err


def _digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = load("digits", root="", options={})
    return data.train_inputs, data.train_targets


def _hessian(problem: Problem) -> torch.Tensor:
    """Return the Hessian of the loss, entry by entry."""
    params = cast(parameters(network(0)), torch.float64)
    shapes = {name: tensor.shape for name, tensor in params.items()}

    def loss(vector: torch.Tensor) -> torch.Tensor:
        sizes = [shape.numel() for shape in shapes.values()]
        parts = zip(shapes.items(), vector.split(sizes), strict=True)
        return problem.loss({name: part.view(shape) for (name, shape), part in parts})

    flat = torch.cat([tensor.flatten() for tensor in params.values()])
    return torch.autograd.functional.hessian(loss, flat)


def test_a_balanced_file_has_no_charges_and_the_same_outputs(here, capsys):
    facts = answer(capsys, "balance", "a.pt", "-o", "b.pt", *NETWORK)
    original = network(0)
    balanced = network(1)
    balanced.load_state_dict(torch.load("b.pt"))
    with torch.no_grad():
        assert torch.allclose(original(INPUTS), balanced(INPUTS), atol=SINGLE)
    first, _, second, _, head = balanced
    assert torch.allclose(squares(first), outgoing(second), rtol=SINGLE)
    assert torch.allclose(squares(second), outgoing(head), rtol=SINGLE)
    length = facts["squared_length"]
    assert length["after"] < length["before"]
    assert facts["output_change"]["exact"] < 1e-12
    assert facts["output_change"]["written"] < SINGLE
    again = answer(capsys, "balance", "b.pt", "-o", "c.pt", *NETWORK)
    assert again["largest_factor"] == pytest.approx(1, abs=SINGLE)


def test_the_noise_equilibrium_needs_no_further_scale(here, capsys):
    words = ["--to", "noise", "--data", "digits", "--samples", "0"]
    assert main(["balance", "a.pt", "-o", "b.pt", *NETWORK, *words]) == 0
    assert "Moved to the noise equilibrium" in capsys.readouterr().out
    moved = network(1).double()
    moved.load_state_dict(torch.load("b.pt"))
    inputs, targets = _digits()
    problem = Problem(moved, inputs, targets)
    spec = discover(moved, inputs[:2]).exact()
    variance = gradient_variance(problem, parameters(moved))
    scales = balance(spec, variance, {}).element.scales
    for scale in scales.values():
        assert torch.allclose(scale, torch.ones_like(scale), atol=1e-3)


def test_names_precision_and_metadata_are_kept(here, capsys):
    state = network(0).half().state_dict()
    save_file(
        {f"model.{name}": tensor for name, tensor in state.items()}, "a.safetensors", {"by": "me"}
    )
    words = ["balance", "a.safetensors", "-o", "b.safetensors", *NETWORK]
    assert main(words) == 0
    with safe_open("b.safetensors", "pt") as file:
        assert file.metadata()["by"] == "me"
        assert sorted(file.keys()) == sorted(f"model.{name}" for name in state)
        assert file.get_tensor("model.0.weight").dtype == torch.float16
    capsys.readouterr()
    assert "Cannot write 'b.safetensors': it exists" in refusal(capsys, *words)
    assert main([*words, "--force"]) == 0


def test_what_cannot_be_balanced(here, capsys):
    said = refusal(capsys, "balance", "a.pt", "-o", "b.pt", *NETWORK, "--to", "noise")
    assert "Cannot find the noise equilibrium without data" in said
    torch.save(nn.Linear(3, 2).state_dict(), "linear.pt")
    linear = ["--network", "torch.nn:Linear", "--option", "in_features=3"]
    words = [*linear, "--option", "out_features=2", "--input", "3"]
    said = refusal(capsys, "balance", "linear.pt", "-o", "b.pt", *words)
    assert "Cannot balance network 'torch.nn:Linear': no group" in said
    assert not Path("b.pt").exists()
