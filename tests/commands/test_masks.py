"""Files that hold a causal mask: minus infinity in a buffer that no symmetry moves."""

from pathlib import Path

import pytest
import torch
from hands import answer, refusal, save_copy
from torch import nn

import symgeom
from symgeom.ground.checks import SymgeomError

SOURCE = """\
import torch
from torch import nn


class Rows(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.packed = nn.Linear(8, 12)
        self.out = nn.Linear(4, 5)
        self.body = nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, 10))
        self.norm = nn.BatchNorm1d(10)
        self.register_buffer("mask", torch.full((8, 8), -torch.inf).triu(1))

    def forward(self, pictures):
        queries, keys, values = self.packed(pictures.reshape(-1, 8, 8)).chunk(3, -1)
        attention = (queries @ keys.transpose(1, 2) + self.mask).softmax(-1)
        return self.norm(self.body(self.out(attention @ values)).mean(1))
"""

ROWS = ["--network", "rows_of_pictures:Rows"]
ALONE = [*ROWS, "--input", "64"]
ON_DIGITS = [*ROWS, "--data", "digits", "--samples", "50"]
VECTORS = torch.randn(3, 64)


@pytest.fixture
def first(tmp_path, monkeypatch) -> nn.Module:
    """The network of the first of three files in a folder, to which commands go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("rows_of_pictures.py").write_text(SOURCE)
    from rows_of_pictures import Rows

    torch.manual_seed(0)
    network = Rows().eval()
    torch.save(network.state_dict(), "a.pt")
    save_copy(Path("copy.pt"), network, VECTORS)
    torch.save(Rows().state_dict(), "b.pt")
    return network


def loaded(network: nn.Module, path: str) -> torch.Tensor:
    """Return what a network makes of inputs with the weights of a file."""
    network.load_state_dict(torch.load(path))
    with torch.no_grad():
        return network.eval()(VECTORS)


def test_a_file_with_a_mask_is_aligned_and_keeps_it(first, capsys):
    facts = answer(capsys, "align", "a.pt", "copy.pt", *ALONE, "-o", "aligned.pt")
    assert facts["distance"]["aligned"]["all"] < 1e-6 < facts["distance"]["before"]["all"]
    assert torch.equal(torch.load("aligned.pt")["mask"], first.get_buffer("mask"))
    assert torch.allclose(loaded(first, "aligned.pt"), loaded(first, "a.pt"), atol=1e-5)


@pytest.mark.parametrize("path", ["geodesic", "linear"])
def test_copies_with_a_mask_merge_to_the_network(first, capsys, path):
    words = ["--path", path, "-o", "merged.pt"]
    answer(capsys, "merge", "a.pt", "copy.pt", *ON_DIGITS, *words)
    assert torch.allclose(loaded(first, "merged.pt"), loaded(first, "a.pt"), atol=1e-5)


@pytest.mark.usefixtures("first")
def test_paths_between_networks_with_a_mask_have_losses(capsys):
    facts = answer(capsys, "compare", "a.pt", "b.pt", *ON_DIGITS)
    for path in facts["pairs"][0]["paths"].values():
        assert all(0 < loss < 100 for loss in path["train"]["loss"])
    values = facts["flatness"]["measures"]["local_energy"]["values"]
    assert set(values) == {"a", "b"}


@pytest.mark.usefixtures("first")
def test_one_network_with_a_mask(capsys):
    assert answer(capsys, "charges", "a.pt", *ALONE)["charges"]["a"]
    assert answer(capsys, "balance", "a.pt", *ALONE, "-o", "balanced.pt")["moved_units"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mask", torch.nan),
        ("mask", torch.inf),
        ("out.weight", -torch.inf),
        ("out.bias", torch.nan),
        ("norm.running_mean", -torch.inf),
    ],
)
def test_what_is_no_mask_is_refused_by_name(first, capsys, name, value):
    broken = first.state_dict()
    broken[name].view(-1)[0] = value
    torch.save(broken, "broken.pt")
    said = refusal(capsys, "align", "a.pt", "broken.pt", *ALONE)
    assert f"Cannot use 'broken.pt': tensor '{name}' holds 1 values that are NaN or" in said


class Shifted(nn.Sequential):
    """Moves its hidden units by a buffer, which is no statistic of a norm."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
        self.register_buffer("shift", torch.ones(4))
        self.register_buffer("mask", torch.tensor([0.0, 0.0, -torch.inf]))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return chances."""
        hidden = self[1](self[0](inputs) + self.shift)
        return (self[2](hidden) + self.mask).softmax(-1)


@pytest.mark.parametrize("name", ["shift", "2.bias"])
def test_what_a_group_moves_and_weights_hold_no_minus_infinity(name):
    network = Shifted().double()
    inputs = torch.randn(3, 3).double()
    spec = symgeom.discover(network, inputs)
    assert spec.constants == {"mask"}
    params = symgeom.parameters(network)
    given = {"inputs": inputs, "generator": torch.Generator()}
    assert symgeom.certify(spec, network, params, **given).passed
    params[name] = torch.full_like(params[name], -torch.inf)
    message = f"tensor '{name}' holds {len(params[name])} values"
    with pytest.raises(SymgeomError, match=message):
        symgeom.certify(spec, network, params, **given)
    with pytest.raises(SymgeomError, match=message):
        symgeom.canonicalise(spec, params)
