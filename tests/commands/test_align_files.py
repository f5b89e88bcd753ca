"""``symgeom align``: what is written is the second file with its units in another order."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
from hands import NETWORK, answer, network, refusal, save_copy, save_fresh
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from symgeom.__main__ import main
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, identity, random_element

INPUTS = torch.randn(5, 64, generator=stream("aligned files"))
NARROW = ["--narrow-option", "widths=[4,5]"]


def scrambled(original: nn.Module) -> dict[str, torch.Tensor]:
    """Return a network with its units in another order, number for number the same."""
    spec = discover(original, torch.zeros(2, 64)).exact()
    element = random_element(spec, generator=stream("order"))
    return act(
        spec, GroupElement(element.permutations, identity(spec).scales), parameters(original)
    )


def loaded(state: dict[str, torch.Tensor]) -> nn.Module:
    """Return the original network with the weights of a file."""
    made = network(7)
    made.load_state_dict(state)
    return made


def narrow_network() -> nn.Sequential:
    """Return a network with two units fewer in its first hidden layer."""
    layers = nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 10)
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A network; its copy in another order, in bfloat16; its copy under a symmetry; another one."""
    folder = tmp_path_factory.mktemp("files")
    first = save_fresh(folder / "first.pt", 0).bfloat16().float()
    torch.save(first.state_dict(), folder / "first.pt")
    low = {name: tensor.bfloat16() for name, tensor in scrambled(first).items()}
    save_file(low, folder / "order.safetensors", metadata={"format": "pt", "epoch": "7"})
    save_copy(folder / "copy.pt", first)
    other = network(1)
    torch.save({"epoch": 3, "model": other.state_dict()}, folder / "other.pt")
    torch.save(narrow_network().state_dict(), folder / "narrow.pt")
    return folder


def test_another_order_is_undone_number_for_number(folder, capsys):
    """By default the file lies beside the second, with its names, precision and metadata."""
    files = (folder / "first.pt", folder / "order.safetensors")
    facts = answer(capsys, "align", *files, *NETWORK)
    output = folder / "order.aligned.safetensors"
    assert facts["output"] == str(output)
    written = load_file(output)
    for name, tensor in torch.load(folder / "first.pt").items():
        assert written[name].dtype == torch.bfloat16
        assert torch.equal(written[name].float(), tensor)
    with safe_open(output, "pt") as file:
        assert file.metadata() == {"format": "pt", "epoch": "7"}
        assert set(file.keys()) == set(load_file(files[1]))
    assert facts["distance"]["before"]["all"] > 1
    assert facts["distance"]["aligned"]["all"] < 1e-6
    assert facts["moved_units"]["hidden1"] > 1
    assert facts["output_change"]["written"] < 1e-10
    assert "exists. Give another name, or --force" in refusal(capsys, "align", *files, *NETWORK)


def test_an_aligned_file_of_torch_loads_and_gives_the_same_outputs(folder, capsys):
    output = folder / "aligned.pt"
    files = (folder / "first.pt", folder / "other.pt")
    facts = answer(capsys, "align", *files, *NETWORK, "-o", output)
    before = torch.load(files[1])["model"]
    content = torch.load(output)
    assert list(content) == ["model"]
    after = content["model"]
    assert list(after) == list(before)
    expected = loaded(before)(INPUTS)
    torch.testing.assert_close(loaded(after)(INPUTS), expected, rtol=1e-5, atol=1e-6)
    for name, tensor in before.items():
        assert torch.equal(after[name].flatten().sort().values, tensor.flatten().sort().values)
    assert facts["distance"]["aligned"]["all"] < facts["distance"]["before"]["all"]
    assert facts["left_over"] == {}


def test_scales_of_the_reference_make_a_copy_the_original(folder, capsys):
    output = folder / "scaled.pt"
    files = (folder / "first.pt", folder / "copy.pt")
    words = ["--scales", "reference", "-o", output]
    facts = answer(capsys, "align", *files, *NETWORK, *words)
    written = torch.load(output)
    for name, tensor in torch.load(folder / "first.pt").items():
        torch.testing.assert_close(written[name], tensor, rtol=1e-5, atol=1e-6)
    assert facts["output_change"]["exact"] < 1e-12
    assert facts["output_change"]["written"] < 1e-5


def test_a_narrower_network_is_written_as_a_wider_one(folder, capsys):
    output = folder / "wide.pt"
    files = (folder / "first.pt", folder / "narrow.pt")
    facts = answer(capsys, "align", *files, *NETWORK, *NARROW, "-o", output)
    narrow = narrow_network()
    narrow.load_state_dict(torch.load(files[1]))
    wide = loaded(torch.load(output))
    torch.testing.assert_close(wide(INPUTS), narrow(INPUTS), rtol=1e-5, atol=1e-6)
    alone = facts["left_over"]["first"]["hidden1"]
    idle = (wide[0].weight == 0).all(1).nonzero().flatten().tolist()
    assert alone == idle
    assert len(alone) == 2
    assert "with idle units (2 of hidden1)" in facts["files"]["narrow"]["notes"][-1]


def test_a_narrower_network_is_compared_with_a_wider_one(folder, capsys):
    files = (folder / "first.pt", folder / "narrow.pt")
    facts = answer(capsys, "compare", *files, *NETWORK, *NARROW)
    (pair,) = facts["pairs"]
    assert 0 < pair["distance"]["aligned"] < pair["distance"]["before"]
    assert facts["dropped_units"]["narrow"]["hidden1"] == [4, 5]


def test_the_text_says_what_was_done(folder, capsys):
    output = folder / "turned.pt"
    files = (folder / "narrow.pt", folder / "first.pt")
    words = [*NETWORK, *NARROW, "-o", output, "--force"]
    assert main(["align", *map(str, (*files, *words))]) == 0
    text = capsys.readouterr().out
    assert "Units of first without a partner in the narrower network: 2 of hidden1." in text
    assert "Certificate: outputs change by" in text
    assert text.endswith(f"Written: {output}\n")


def test_what_cannot_be_aligned_is_refused_and_nothing_is_written(folder, capsys):
    first = folder / "first.pt"
    before = set(folder.iterdir())
    words = [*NETWORK, "-o", folder / "never.pt"]
    assert "single file" in refusal(capsys, "align", first, *words)
    three = (first, folder / "copy.pt", folder / "other.pt")
    assert "Cannot align 3 files at once: name two" in refusal(capsys, "align", *three, *words)
    said = refusal(capsys, "align", first, folder / "narrow.pt", *words)
    assert "tensor '0.weight' has shape (4, 64), expected (6, 64)" in said
    narrower = ["--narrow-option", "widths=[3,3]"]
    said = refusal(capsys, "align", first, folder / "narrow.pt", *words, *narrower)
    assert "Of the narrower network: Cannot use" in said
    words[-1] = folder / "never.npz"
    assert "Cannot write" in refusal(capsys, "align", first, folder / "copy.pt", *words)
    assert set(folder.iterdir()) == before


ROUNDED = """
import torch
from torch import nn


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.gain = nn.Parameter(torch.ones(4))
        self.head = nn.Linear(4, 3)

    def forward(self, words):
        vectors = self.table(words)
        length = vectors.float().square().mean(-1, keepdim=True).sqrt()
        return self.head(self.gain * (vectors.float() / length).to(vectors)).mean(1)
"""


def test_a_network_that_rounds_inside_is_judged_by_its_steps(tmp_path, capsys, monkeypatch):
    """Units of a table whose words have an identity have no sphere: a dash stands there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("rounded.py").write_text(ROUNDED)
    for seed, name in enumerate(("a.pt", "b.pt")):
        torch.manual_seed(seed)
        torch.save(import_module("rounded").Words().state_dict(), name)
    words = ["--network", "rounded:Words", "--input", "5", "--tokens", "7"]
    assert main(["align", "a.pt", "b.pt", *words]) == 0
    first, *_ = [line for line in capsys.readouterr().out.splitlines() if "hidden1 " in line]
    assert first.split()[-2:] == ["-", "-"]
    facts = answer(capsys, "align", "a.pt", "b.pt", *words, "--force")
    assert 1e-10 < facts["output_change"]["exact"] < 1e-6
