"""What commands refuse before they compute anything, each in one sentence; nothing is written."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hands import NETWORK, answer, network, refusal, save_fresh
from torch import nn

from symgeom.__main__ import main
from symgeom.commands.files_in_hand import check_outputs
from symgeom.ground.checks import SymgeomError


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with two networks, to which commands go."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("a", "b")):
        save_fresh(Path(f"{name}.pt"), seed)
    return tmp_path


def compare_is_refused(capsys, *words: str) -> str:
    """Compare, and see that nothing is written but the sentence."""
    before = sorted(os.listdir())
    said = refusal(capsys, "compare", *words, "--page", "page.html", "--figure", "figure.svg")
    assert sorted(os.listdir()) == before
    assert said.startswith(("Error: Cannot ", "Error: Unknown "))
    assert said.count("\n") == 1
    return said


def test_files_that_cannot_be_compared(here, capsys):
    assert "Cannot do this with the single file 'a.pt': at least 2" in compare_is_refused(
        capsys, "a.pt", *NETWORK
    )
    assert "Cannot use 'a.pt' 2 times" in compare_is_refused(capsys, "a.pt", "a.pt", *NETWORK)
    assert "there is no such file" in compare_is_refused(capsys, "a.pt", "absent.pt", *NETWORK)
    Path("empty").mkdir()
    assert "Cannot use folder 'empty': it holds no file that ends in .safetensors" in (
        compare_is_refused(capsys, "empty", *NETWORK)
    )
    torch.save(nn.Linear(64, 10).state_dict(), "other.pt")
    assert "Cannot use 'other.pt'" in compare_is_refused(capsys, "a.pt", "other.pt", *NETWORK)
    broken = network(2).state_dict()
    broken["0.weight"][0, 0] = torch.nan
    torch.save(broken, "broken.pt")
    assert "Cannot use 'broken.pt'" in compare_is_refused(capsys, "a.pt", "broken.pt", *NETWORK)


def test_a_network_that_does_not_fit(here, capsys):
    files = ("a.pt", "b.pt")
    wide = ["--network", "mlp", "--option", "widths=[7,5]", "--input", "64", "--classes", "10"]
    assert "has shape (6, 64)" in compare_is_refused(capsys, *files, *wide)
    assert "No module named 'absent'" in compare_is_refused(
        capsys, *files, "--network", "absent:network", "--input", "64"
    )
    assert "Unknown network 'pml'" in compare_is_refused(
        capsys, *files, "--network", "pml", "--input", "64", "--classes", "10"
    )
    assert "Cannot use network 'mine:'" in compare_is_refused(
        capsys, *files, "--network", "mine:", "--input", "64"
    )
    assert "without knowing how many outputs it has" in compare_is_refused(
        capsys, *files, "--network", "mlp", "--input", "64"
    )
    assert "without knowing its inputs" in compare_is_refused(
        capsys, *files, "--network", "mlp", "--classes", "10"
    )


def test_data_that_do_not_fit(here, capsys):
    files = ("a.pt", "b.pt")
    words = [*files, *NETWORK]
    assert "Cannot read data from 'digit'" in compare_is_refused(capsys, *words, "--data", "digit")
    assert "a sample of the data has shape (1, 8, 8)" in compare_is_refused(
        capsys, *words, "--data", "digits", "--data-option", "images=true"
    )
    inputs = np.random.default_rng(0).normal(size=(30, 64))
    np.savez("three.npz", inputs=inputs, targets=np.arange(30) % 3)
    split = ["--data-option", "test_fraction=0.5"]
    assert "Cannot evaluate the network on data set 'arrays' of 3 classes: it has 10 outputs" in (
        compare_is_refused(capsys, *words, "--data", "three.npz", *split)
    )


def test_outputs_that_cannot_be_written(here, capsys):
    Path("there.svg").touch()
    Path("folder.html").mkdir()
    with pytest.raises(SymgeomError, match=r"Cannot write 'there.svg': it exists"):
        check_outputs([None, Path("there.svg")], force=False)
    check_outputs([Path("there.svg"), Path("new/there.svg")], force=True)
    with pytest.raises(SymgeomError, match=r"Cannot write 'folder.html': it is a folder"):
        check_outputs([Path("folder.html")], force=True)
    with pytest.raises(SymgeomError, match="is no folder in which you may write"):
        check_outputs([Path("there.svg/page.html")], force=False)


def test_arrays_and_users_networks_by_their_paths(here, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(here))
    Path("users_own.py").write_text(
        "from torch import nn\n"
        "def network(width):\n"
        "    first = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 5))\n"
        "    return nn.Sequential(*first, nn.ReLU(), nn.Linear(5, 10))\n"
    )
    inputs = np.random.default_rng(0).normal(size=(40, 64))
    np.savez("ten.npz", inputs=inputs, targets=np.arange(40) % 10)
    own = ["--network", "users_own:network", "--option", "width=6"]
    data = ["--data", "ten.npz", "--data-option", "test_fraction=0.5", "--no-flatness"]
    Path("both").mkdir()
    for name in ("a.pt", "b.pt"):
        Path(name).rename(f"both/{name}")
    facts = answer(capsys, "compare", "both", *own, *data)
    assert list(facts["files"]) == ["a", "b"]
    assert facts["data"] == {"name": "arrays", "train": 20, "test": 20}
    own_distance = facts["pairs"][0]["distance"]
    facts = answer(capsys, "compare", "both", *NETWORK)
    assert facts["pairs"][0]["distance"] == pytest.approx(own_distance)


def test_single_precision_throughout(here, capsys):
    single = answer(capsys, "compare", "a.pt", "b.pt", *NETWORK, "--precision", "float32")
    double = answer(capsys, "compare", "a.pt", "b.pt", *NETWORK)
    assert single["certificate"]["tolerance"] > double["certificate"]["tolerance"]
    distance = double["pairs"][0]["distance"]
    assert single["pairs"][0]["distance"] == pytest.approx(distance, abs=1e-4)


def test_a_command_that_makes_no_sense(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "a.pt", *NETWORK, "--seed", "-1"])
    assert "'-1' is not a whole number, 0 or more" in capsys.readouterr().err


class Pictures(nn.Module):
    """A classifier as Hugging Face has them: made of a configuration."""

    main_input_name = "pixel_values"

    def __init__(self, config: SimpleNamespace) -> None:
        super().__init__()
        side = config.image_size
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(3 * side**2, 4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, pixel_values: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the logits under their name."""
        return {"logits": self.head(self.body(pixel_values))}


class Words(nn.Module):
    """The same for words."""

    main_input_name = "input_ids"

    def __init__(self, config: SimpleNamespace) -> None:
        super().__init__()
        self.table = nn.Embedding(config.vocab_size, 3)
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the logits under their name."""
        return {"logits": self.body(self.table(input_ids)).mean(1)}


class Sounds(Words):
    """The same for what has no usual length."""

    main_input_name = "input_values"

    def __init__(self, config: SimpleNamespace) -> None:
        super().__init__(SimpleNamespace(vocab_size=2))


CONFIGURATIONS: dict[str, dict[str, int]] = {
    "Pictures": {"image_size": 2},
    "Words": {"vocab_size": 7},
    "Sounds": {},
    "Smells": {},
}


@pytest.fixture
def transformers(monkeypatch) -> None:
    """Stand in for the library, which these tests do not need."""

    def read(folder: Path, **given: object) -> tuple[SimpleNamespace, dict[str, object]]:
        content = json.loads((folder / "config.json").read_text())
        unknown = {name: value for name, value in given.items() if name == "wide"}
        return SimpleNamespace(**content), unknown

    library = SimpleNamespace(
        AutoConfig=SimpleNamespace(from_pretrained=read),
        Pictures=Pictures,
        Words=Words,
        Sounds=Sounds,
    )
    monkeypatch.setitem(sys.modules, "transformers", library)


def describe(folder: str, name: str) -> None:
    """Write a configuration."""
    Path(folder).mkdir(exist_ok=True)
    content = {"architectures": [name], **CONFIGURATIONS[name]}
    Path(folder, "config.json").write_text(json.dumps(content))


@pytest.mark.usefixtures("transformers")
@pytest.mark.parametrize("kind", [Pictures, Words])
def test_the_network_that_a_configuration_describes(here, capsys, kind):
    for folder in ("first", "second"):
        describe(folder, kind.__name__)
        made = kind(SimpleNamespace(**CONFIGURATIONS[kind.__name__]))
        torch.save(made.state_dict(), f"{folder}/model.bin")
    facts = answer(capsys, "compare", "first", "second")
    assert facts["network"] == kind.__name__
    assert list(facts["files"]) == ["first/model.bin", "second/model.bin"]
    assert facts["pairs"][0]["distance"]["before"] > 0


@pytest.mark.usefixtures("transformers")
def test_configurations_that_describe_nothing(here, capsys, monkeypatch):
    words = ("folder/a.pt", "b.pt")
    assert "no 'config.json' of Hugging Face or timm lies beside it" in (
        refusal(capsys, "compare", *words)
    )
    describe("folder", "Smells")
    Path("a.pt").rename("folder/a.pt")
    assert "Cannot build 'Smells' of 'folder/config.json'" in refusal(capsys, "compare", *words)
    describe("folder", "Sounds")
    assert "without knowing its inputs" in refusal(capsys, "compare", *words)
    unknown = ["--option", "wide=3"]
    assert "Cannot build 'Sounds' of 'folder/config.json' with wide" in (
        refusal(capsys, "compare", *words, *unknown)
    )
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "transformers is not installed" in refusal(capsys, "compare", *words)
    Path("folder/config.json").write_text("{}")
    assert "Cannot read the architecture in" in refusal(capsys, "compare", *words)


def timm_network(name: str, *, pretrained: bool, width: int = 4, **options: int) -> nn.Module:
    """Return a network with what those of timm say of themselves."""
    assert (name, pretrained) == ("tiny_net", False)
    made = nn.Sequential(nn.Flatten(), nn.Linear(12, width), nn.ReLU(), nn.Linear(width, 2))
    made.pretrained_cfg = {"input_size": (3, 8, 8)}
    return made


@pytest.fixture
def timm(here, monkeypatch) -> list[str]:
    """Stand in for the library, beside two files of its network."""
    library = SimpleNamespace(
        create_model=timm_network,
        is_model=["tiny_net"].__contains__,
        list_models=lambda: ["tiny_net", "other"],
    )
    monkeypatch.setitem(sys.modules, "timm", library)
    for seed, name in enumerate(("a", "b")):
        torch.manual_seed(seed)
        made = timm_network("tiny_net", pretrained=False, width=3)
        torch.save(made.state_dict(), f"{name}.pt")
    return ["a.pt", "b.pt"]


def test_a_network_of_timm_by_its_name(timm, capsys, monkeypatch):
    words = [*timm, "--network", "timm:tiny_net", "--option", "width=3", "--option", "img_size=2"]
    facts = answer(capsys, "compare", *words)
    assert facts["network"] == "timm:tiny_net"
    assert facts["groups"][0]["units"] == 3
    assert facts["pairs"][0]["distance"]["before"] > 0
    assert "--option" in refusal(capsys, "compare", *words, "--option", "width=-1")
    words[3] = "timm:tiny_nte"
    said = refusal(capsys, "compare", *words)
    assert "Cannot build network 'timm:tiny_nte': timm has none. Did you mean tiny_net?" in said
    monkeypatch.setitem(sys.modules, "timm", None)
    assert "timm is not installed" in refusal(capsys, "compare", *words)


@pytest.mark.usefixtures("timm")
def test_a_configuration_of_timm_beside_weights(capsys):
    content = {"architecture": "tiny_net", "num_classes": 2, "model_args": {"width": 3}}
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(f"{name}.pt").rename(f"{name}/model.pt")
        Path(name, "config.json").write_text(json.dumps(content))
    facts = answer(capsys, "compare", "a", "b", "--input", "3,2,2")
    assert facts["network"] == "timm:tiny_net"
    assert facts["groups"][0]["units"] == 3
