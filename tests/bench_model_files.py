"""`symgeom align` on files that Hugging Face and timm wrote, for `make models`.

Each library writes two networks with random weights into two folders, ``symgeom align`` is given
the folders and nothing else (of timm's networks smaller pictures), and the library reads the
written file: its network must give the outputs of the second. Networks may be named: `python
tests/bench_model_files.py Bert`. The table has a line for each network: how many units were moved,
by how much outputs changed, relative to their size, and how many seconds the command took.
"""

import json
import logging
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from bench_models import PIXELS, TRANSFORMERS, normal, of_transformers, ordinary
from cases import torchvision_models
from torch import Tensor, nn

from symgeom.__main__ import main
from symgeom.ground.calling import Inputs, NetworkCall, tensors_of
from symgeom.symmetry.evaluation import TOLERANCE
from symgeom.symmetry.visibility import relative_change

OF_TRANSFORMERS = ("Bert", "GPT2", "Llama", "T5", "Bart", "ViT", "CLIP", "Whisper")

OF_TIMM = {
    "resnet18": PIXELS,
    "convnext_atto": PIXELS,
    "vit_tiny_patch16_224": 224,
    "mobilevit_xxs": PIXELS,
}
"""Networks, and the width of the pictures that they are given."""


@dataclass
class Outcome:
    """What became of a file."""

    verdict: str
    said: str = ""
    moved: int = 0
    units: int = 0
    change: float = float("nan")
    seconds: float = float("nan")


@dataclass
class Library:
    """How a library makes, writes and reads networks of one kind, and what they are given."""

    made: Callable[[], nn.Module]
    write: Callable[[nn.Module, Path], None]
    read: Callable[[Path], nn.Module]
    inputs: Inputs
    words: tuple[str, ...] = ()


def of_hugging_face(name: str) -> Library:
    """Return how Hugging Face does it; what `align` needs to know lies in its config.json."""
    network, inputs = of_transformers(name)
    return Library(
        made=lambda: of_transformers(name)[0],
        write=lambda made, folder: made.save_pretrained(folder),
        read=lambda folder: type(network).from_pretrained(folder),
        inputs=inputs,
    )


def of_timm(name: str) -> Library:
    """Return how timm does it."""
    import timm
    from timm.models import save_for_hf

    pixels = OF_TIMM[name]

    def write(made: nn.Module, folder: Path) -> None:
        save_for_hf(made, folder, safe_serialization=True)

    return Library(
        made=lambda: timm.create_model(name, num_classes=5),
        write=write,
        read=lambda folder: timm.create_model(f"local-dir:{folder}", pretrained=True),
        inputs=normal(2, 3, pixels, pixels),
        words=("--input", f"3,{pixels},{pixels}"),
    )


@torch.no_grad()
def outputs(network: nn.Module, inputs: Inputs) -> list[Tensor]:
    """Return the outputs of a network in float64, in which its weights are exact."""
    network = network.double().eval()
    call = NetworkCall.of(inputs)
    tensors = tensors_of(network(*call.positional, **call.keywords))
    return [tensor for tensor in tensors if tensor.is_floating_point()]


def outcome(name: str, folder: Path) -> Outcome:
    """Write two networks, align the second to the first, and read it back."""
    library = of_hugging_face(name) if name in TRANSFORMERS else of_timm(name)
    first, second = (folder / f"{name} {number}" for number in ("first", "second"))
    for seed, place in enumerate((first, second)):
        torch.manual_seed(seed)
        library.write(ordinary(library.made()).float(), place)
    before = outputs(library.read(second), library.inputs)
    written = folder / "aligned.safetensors"
    start = time.perf_counter()
    said, remarks = StringIO(), StringIO()
    with redirect_stdout(said), redirect_stderr(remarks):
        words = [*map(str, ("align", first, second, "--output", written)), *library.words]
        status = main([*words, "--force", "--json"])
    seconds = time.perf_counter() - start
    if status:
        return Outcome("refused", remarks.getvalue().strip().splitlines()[-1])
    facts = json.loads(said.getvalue())
    shutil.copy(written, second / "model.safetensors")
    change = relative_change(before, outputs(library.read(second), library.inputs))
    moved = sum(facts["moved_units"].values())
    units = sum(group["units"] for group in facts["groups"])
    verdict = "same" if change <= TOLERANCE[torch.float32] and moved else "wrong"
    return Outcome(verdict, "", moved, units, change, seconds)


def line(name: str, folder: Path) -> str:
    """Return the line of a network in the table."""
    try:
        result = outcome(name, folder)
    except Exception as error:
        result = Outcome("failed", f"{type(error).__name__}: {error}")
    numbers = f"{result.units:7} {result.moved:7} {result.change:9.1g} {result.seconds:7.1f}"
    return f"{name:30} {result.verdict:8} {numbers}  {result.said[:120]}".rstrip()


def table(names: list[str]) -> None:
    """Print the table."""
    torchvision_models()
    warnings.simplefilter("ignore")
    logging.disable()
    heads = f"{'units':>7} {'moved':>7} {'change':>9} {'s':>7}"
    sys.stdout.write(f"{'files of, after align':30} {'outputs':8} {heads}\n")
    for name in names or (*OF_TRANSFORMERS, *OF_TIMM):
        with TemporaryDirectory() as folder:
            sys.stdout.write(f"{line(name, Path(folder))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    table(sys.argv[1:])
