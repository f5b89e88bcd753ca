"""``symgeom merge``: copies merge to the network they are of, and repair helps what is merged."""

from pathlib import Path

import pytest
import torch
from hands import DIGITS, NETWORK, answer, network, refusal, save_copy, save_fresh
from safetensors.torch import load_file
from torch import nn

from symgeom.__main__ import main
from symgeom.ground.types import cast, parameters
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.merging import merge
from symgeom.study.datasets import load
from symgeom.symmetry.discovery import discover

NORMED = """
from torch import nn

def normed():
    return nn.Sequential(nn.Linear(64, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 10))
"""


def normed() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 10))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Networks, a copy of the first under a random symmetry, and two with batch norm."""
    folder = tmp_path_factory.mktemp("files")
    first = save_fresh(folder / "first.pt", 0)
    save_copy(folder / "copy.pt", first)
    save_fresh(folder / "second.pt", 1)
    for seed in range(2):
        torch.manual_seed(seed)
        made = normed()
        made(torch.randn(50, 64))
        torch.save(made.state_dict(), folder / f"norm{seed}.pt")
    (folder / "merged_nets.py").write_text(NORMED)
    return folder


def test_copies_merge_to_the_network(folder, capsys):
    output = folder / "one.pt"
    files = (folder / "first.pt", folder / "copy.pt")
    facts = answer(capsys, "merge", *files, *NETWORK, "-o", output)
    for name, tensor in torch.load(files[0]).items():
        written = torch.load(output)[name]
        assert written.dtype == tensor.dtype
        torch.testing.assert_close(written, tensor, rtol=1e-5, atol=1e-6)
    assert facts["shares"] == {"first": 0.5, "copy": 0.5}
    assert facts["output_change"] < 1e-12
    assert "ends" not in facts


def test_a_merged_network_is_that_of_the_library_and_repair_is_measured(folder, capsys):
    output = folder / "two.safetensors"
    files = (folder / "first.pt", folder / "second.pt")
    words = ["--weights", "3,1", "--path", "linear", "-o", output]
    facts = answer(capsys, "merge", *files, *NETWORK, *DIGITS, *words)
    spec = discover(network(0), torch.zeros(2, 64))
    networks = {seed: cast(parameters(network(seed)), torch.float64) for seed in range(2)}
    merged = merge(spec, networks, weights=[3, 1], path="linear").parameters
    made = network(3)
    made.load_state_dict(load_file(output))
    for name, tensor in made.state_dict().items():
        torch.testing.assert_close(tensor.double(), merged[name], rtol=1e-6, atol=1e-7)
    assert list(facts["ends"]) == ["first", "second", "merged"]
    repaired = answer(capsys, "merge", *files, *NETWORK, *DIGITS, *words, "--repair", "--force")
    assert list(repaired["ends"]) == ["first", "second", "merged", "merged, repaired"]
    assert repaired["ends"]["merged"] == facts["ends"]["merged"]
    changed = load_file(output)
    assert not torch.equal(changed["0.weight"], made.state_dict()["0.weight"])
    assert torch.equal(changed["4.weight"], made.state_dict()["4.weight"])


def test_statistics_of_batch_norms_are_measured_anew(folder, capsys, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    output = folder / "normed.pt"
    files = (folder / "norm0.pt", folder / "norm1.pt")
    words = ["--network", "merged_nets:normed", "--data", "digits", "--samples", "0"]
    facts = answer(capsys, "merge", *files, *words, "-o", output, "--repair")
    written = torch.load(output)
    inputs = load("digits", root="", options={}).train_inputs.float()
    anew = recompute_statistics(normed(), written, inputs)
    for name in ("1.running_mean", "1.running_var"):
        torch.testing.assert_close(written[name], anew[name], rtol=1e-4, atol=1e-5)
    assert (
        facts["ends"]["merged"]["train"]["loss"]
        != facts["ends"]["merged, repaired"]["train"]["loss"]
    )


def test_the_text_shows_all_networks(folder, capsys):
    output = folder / "text.pt"
    words = ["merge", folder / "first.pt", folder / "second.pt", *NETWORK, *DIGITS, "-o", output]
    assert main([*map(str, words)]) == 0
    text = capsys.readouterr().out
    for label in ("first", "second", "merged"):
        assert any(line.startswith(f"{label} ") for line in text.splitlines())
    assert "Averaged on the spheres of their units: 50 % of first, 50 % of second." in text
    assert text.endswith(f"Written: {output}\n")


def test_what_cannot_be_merged_is_refused_and_nothing_is_written(folder, capsys):
    before = set(folder.iterdir())
    files = (folder / "first.pt", folder / "second.pt")
    words = [*NETWORK, "-o", folder / "never.pt"]
    said = refusal(capsys, "merge", *files, *words, "--repair")
    assert "Cannot repair the merged network without data" in said
    said = refusal(capsys, "merge", *files, *words, "--weights", "1,1,1")
    assert "Cannot merge 2 networks with the weights [1.0, 1.0, 1.0]" in said
    assert "single file" in refusal(capsys, "merge", files[0], *words)
    with pytest.raises(SystemExit, match="2"):
        main([*map(str, ("merge", *files, *words, "--weights", "half"))])
    assert "'half' is not a list of numbers" in capsys.readouterr().err
    assert set(folder.iterdir()) == before


def test_units_that_a_narrower_network_has_no_partner_for_are_said(folder, capsys, tmp_path):
    layers = nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 10)
    torch.save(nn.Sequential(*layers).state_dict(), tmp_path / "narrow.pt")
    output = tmp_path / "merged.pt"
    files = (folder / "first.pt", tmp_path / "narrow.pt")
    words = ["--narrow-option", "widths=[4,5]", "--weights", "1,3", "-o", output]
    assert main(["merge", *map(str, (*files, *NETWORK, *words))]) == 0
    assert "without a partner in narrow: 2 of hidden1." in capsys.readouterr().out
    facts = answer(capsys, "merge", *files, *NETWORK, *words, "--force")
    alone = facts["left_over"]["narrow"]["hidden1"]
    first = torch.load(files[0])["0.weight"]
    merged = torch.load(output)["0.weight"]
    alike = torch.nn.functional.cosine_similarity(first, merged, dim=1)
    assert (alike > 1 - 1e-6).nonzero().flatten().tolist() == alone
