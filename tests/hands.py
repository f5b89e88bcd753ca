"""Files of weights that tests of commands hold in hand: tiny networks, and what runs a command."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from symgeom.__main__ import main
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, random_element

NETWORK = ["--network", "mlp", "--option", "widths=[6,5]", "--input", "64", "--classes", "10"]
"""The words for the network of all files here."""

VECTORS = torch.zeros(2, 64)
"""Inputs of it."""

DIGITS = ["--data", "digits", "--samples", "100"]


def network(seed: int) -> nn.Sequential:
    """Return a fresh perceptron, as the words describe it."""
    layers = []
    torch.manual_seed(seed)
    for width_in, width_out in ((64, 6), (6, 5)):
        layers += [nn.Linear(width_in, width_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(5, 10))


def save_fresh(path: Path, seed: int) -> nn.Sequential:
    """Write a fresh perceptron, and return it."""
    made = network(seed)
    torch.save(made.state_dict(), path)
    return made


def save_copy(path: Path, original: nn.Module, example: torch.Tensor = VECTORS) -> None:
    """Write a network that computes the function of another one, under a random symmetry."""
    spec = discover(original, example).exact()
    element = random_element(spec, generator=stream("copy"))
    torch.save(act(spec, element, parameters(original)), path)


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    """Run a command with --json, and return what it says."""
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run a command that is refused, and return the sentence."""
    capsys.readouterr()
    assert main([*map(str, words)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    return said.err
