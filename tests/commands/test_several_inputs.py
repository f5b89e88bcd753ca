"""Networks of several inputs, each given by its name: what commands make of them."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hands import answer, network, refusal, save_copy
from torch import Tensor, nn

from symgeom.__main__ import main
from symgeom.study.in_hand.described_inputs import described_inputs
from symgeom.study.in_hand.drawn_inputs import InputForm, input_forms

SOURCE = """\
import torch
from torch import nn


class Captions(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.picture = nn.Linear(12, 4)
        self.norm = nn.BatchNorm1d(4)
        self.body = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))

    def forward(self, word_ids, pixels):
        seen = self.norm(self.picture(pixels.flatten(1)))
        return {"logits": self.body(self.words(word_ids).mean(1) + seen)}
"""

CAPTIONS = ["--network", "captions_of_pictures:Captions"]
INPUTS = ["--input", "word_ids=5", "--input", "pixels=3,2,2", "--tokens", "word_ids=7"]
GIVEN = {"word_ids": torch.arange(10).reshape(2, 5) % 7, "pixels": torch.randn(2, 3, 2, 2)}


def made(width: int = 6) -> nn.Module:
    """Return a fresh network, as the commands import it."""
    from captions_of_pictures import Captions

    return Captions(width).eval()


def outputs(path: Path | str) -> Tensor:
    """Return the outputs of the network in a file."""
    from safetensors.torch import load_file

    module = made()
    state = torch.load(path) if str(path).endswith(".pt") else load_file(path)
    module.load_state_dict(state)
    with torch.no_grad():
        return module(**GIVEN)["logits"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with a network, a copy of it and another one, to which commands go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("captions_of_pictures.py").write_text(SOURCE)
    torch.manual_seed(0)
    first = made()
    torch.save(first.state_dict(), "a.pt")
    save_copy(Path("copy.pt"), first, GIVEN)
    torch.save(made().state_dict(), "b.pt")
    torch.save(made(4).state_dict(), "narrow.pt")
    return tmp_path


@pytest.mark.usefixtures("here")
def test_a_copy_is_aligned_and_keeps_its_outputs(capsys):
    facts = answer(capsys, "align", "a.pt", "copy.pt", *CAPTIONS, *INPUTS, "-o", "aligned.pt")
    assert facts["distance"]["before"]["all"] > 0.1
    assert facts["distance"]["aligned"]["all"] < 1e-6
    assert facts["output_change"]["exact"] < 1e-12
    assert torch.allclose(outputs("aligned.pt"), outputs("a.pt"), atol=1e-5)


@pytest.mark.usefixtures("here")
def test_distances_and_merging_need_no_data(capsys):
    facts = answer(capsys, "compare", "a.pt", "copy.pt", "b.pt", *CAPTIONS, *INPUTS)
    to_copy, to_other, _ = [pair["distance"] for pair in facts["pairs"]]
    assert to_copy["aligned"] < 1e-6 < to_copy["before"]
    assert 0.1 < to_other["aligned"] <= to_other["before"]
    words = [*CAPTIONS, *INPUTS, "-o", "merged.safetensors"]
    assert answer(capsys, "merge", "a.pt", "copy.pt", *words)["output_change"] < 1e-12
    assert torch.allclose(outputs("merged.safetensors"), outputs("a.pt"), atol=1e-5)


@pytest.mark.usefixtures("here")
def test_charges_and_balance_need_no_data(capsys):
    words = [*CAPTIONS, *INPUTS]
    charges = answer(capsys, "charges", "a.pt", *words)["charges"]["a"]
    assert max(map(len, (group["charges"] for group in charges.values()))) == 6
    assert answer(capsys, "balance", "a.pt", *words, "-o", "balanced.pt")["moved_units"] >= 6
    assert torch.allclose(outputs("balanced.pt"), outputs("a.pt"), atol=1e-5)


@pytest.mark.usefixtures("here")
def test_a_narrower_network_is_written_as_a_wider_one(capsys):
    words = [*CAPTIONS, *INPUTS, "--narrow-option", "width=4"]
    facts = answer(capsys, "compare", "a.pt", "narrow.pt", *words)
    assert "idle units (2 of " in facts["files"]["narrow"]["notes"][-1]


@pytest.mark.usefixtures("here")
def test_inspect_says_what_each_input_was(capsys):
    assert main(["inspect", CAPTIONS[1], *INPUTS, "--no-figure"]) == 0
    said = capsys.readouterr().out
    assert "inputs 'word_ids' of shape (2, 5) and type torch.int64, 'pixels' of shape" in said
    assert "passed" in said


@pytest.mark.usefixtures("here")
def test_inputs_that_do_not_fit(capsys):
    words = ["compare", "a.pt", "b.pt", *CAPTIONS]
    said = refusal(capsys, *words, *INPUTS, "--data", "digits")
    assert "Cannot evaluate a network of several inputs (word_ids, pixels) on data" in said
    said = refusal(capsys, *words, *INPUTS, "--input", "4")
    assert "beside ['word_ids', 'pixels'] one has no name" in said
    said = refusal(capsys, *words, *INPUTS, "--tokens", "words=7")
    assert "Cannot draw tokens for input 'words'" in said
    said = refusal(capsys, *words, "--input", "word_ids=5", "--tokens", "7")
    assert "missing 1 required positional argument: 'pixels'" in said
    torch.save(network(0).state_dict(), "perceptron.pt")
    perceptron = ["--network", "mlp", "--classes", "10", "--input", "x=64"]
    said = refusal(capsys, "charges", "perceptron.pt", *perceptron)
    assert "Cannot build network 'mlp' for inputs with names: it takes one" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "a.b=3"], "'a.b' in 'a.b=3' is not the name of an input"),
        (["--input", "a=3,x"], "'3,x' is not a shape"),
        (["--input", "a=3", "--input", "a=4"], "input 'a' is given twice"),
        (["--input", "3", "--input", "4"], "the input without a name is given twice"),
        (["--tokens", "a=0"], "'0' is not a positive whole number"),
    ],
)
def test_words_that_make_no_sense(capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        main(["charges", "a.pt", *words])
    assert message in capsys.readouterr().err


class Reading(nn.Module):
    """Takes words, as encoders and decoders of Hugging Face do."""

    main_input_name = "input_ids"

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Never called."""


class Translating(Reading):
    """Takes words and what is written so far."""

    def forward(self, input_ids: Tensor, labels: Tensor, decoder_input_ids: Tensor) -> Tensor:
        """Never called."""


class Seeing(Reading):
    """Takes words and pictures."""

    def forward(self, input_ids: Tensor, pixel_values: Tensor) -> Tensor:
        """Never called."""


class Hearing(nn.Module):
    """Takes spectra and what is written so far."""

    main_input_name = "input_features"

    def forward(self, input_features: Tensor, decoder_input_ids: Tensor) -> Tensor:
        """Never called."""


class Painting(nn.Module):
    """Takes what no configuration describes, beside words."""

    main_input_name = "strokes"

    def forward(self, strokes: Tensor, input_ids: Tensor) -> Tensor:
        """Never called."""


WORDS = InputForm((16,), 31)


@pytest.mark.parametrize(
    ("kind", "config", "expected"),
    [
        (Reading, {"vocab_size": 31}, {"input_ids": WORDS}),
        (Reading, {}, {}),
        (Translating, {"vocab_size": 31}, {"input_ids": WORDS, "decoder_input_ids": WORDS}),
        (
            Translating,
            {
                "encoder": SimpleNamespace(vocab_size=31),
                "decoder": SimpleNamespace(vocab_size=9),
            },
            {"input_ids": WORDS, "decoder_input_ids": InputForm((16,), 9)},
        ),
        (
            Seeing,
            {
                "text_config": SimpleNamespace(vocab_size=31),
                "vision_config": SimpleNamespace(image_size=[8, 6], num_channels=1),
            },
            {"input_ids": WORDS, "pixel_values": InputForm((1, 8, 6))},
        ),
        (Seeing, {"vocab_size": 31, "image_size": 8, "image_token_id": 3}, {"input_ids": WORDS}),
        (Seeing, {"vocab_size": 31}, {}),
        (
            Hearing,
            {"vocab_size": 31, "num_mel_bins": 5, "max_source_positions": 10},
            {"input_features": InputForm((5, 20)), "decoder_input_ids": WORDS},
        ),
        (Hearing, {"vocab_size": 31, "num_mel_bins": 5}, {}),
        (Painting, {"vocab_size": 31}, {}),
    ],
)
def test_a_configuration_says_what_the_inputs_are(kind, config, expected):
    found = described_inputs(kind(), SimpleNamespace(**config))
    assert found == expected
    assert list(found) == list(expected)


PICTURE = InputForm((3, 8, 8))
CAPTION = {"input_ids": WORDS, "pixel_values": PICTURE}


@pytest.mark.parametrize(
    ("shapes", "tokens", "described", "expected"),
    [
        ({"": (5,)}, {"": 9}, {}, {"": InputForm((5,), 9)}),
        ({"a": (5,), "b": (3,)}, {"": 9}, {}, {"a": InputForm((5,), 9), "b": InputForm((3,), 9)}),
        ({"": (5,)}, {}, {"input_ids": WORDS}, {"input_ids": InputForm((5,), 31)}),
        ({}, {"": 9}, CAPTION, {"input_ids": InputForm((16,), 9), "pixel_values": PICTURE}),
        ({"input_ids": (5,)}, {}, CAPTION, {**CAPTION, "input_ids": InputForm((5,), 31)}),
        ({"mask": (16,)}, {"mask": 2}, CAPTION, {**CAPTION, "mask": InputForm((16,), 2)}),
        ({}, {"": 9}, {}, {}),
    ],
)
def test_what_is_said_goes_before_what_is_described(shapes, tokens, described, expected):
    assert input_forms(shapes, tokens, described) == expected
