"""Time and memory of ``symgeom align`` and ``merge`` on large files, for `make bench`.

Every command runs in a process of its own, as people run it. Memory is the most that it had, less
what the same command takes for a network of a few weights (the interpreter, torch and its export),
in units of one file. Nothing here is a test.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from bench_alignment import GPT2
from cases import torchvision_models
from safetensors.torch import save_file
from torch import nn

TESTS = Path(__file__).parent

SECONDS = {"resnet18": 30, "resnet50": 30, "gpt2": 120}
"""The largest time wanted, on two cores."""

INPUTS = {
    "tiny": ("--input", "3,64,64"),
    "resnet18": ("--input", "3,64,64"),
    "resnet50": ("--input", "3,64,64"),
    "gpt2": ("--input", "32", "--tokens", "50257"),
}
"""What the command is told of an input."""

MEMORY = 3
"""Files that a command may hold."""


def tiny() -> nn.Module:
    """Return a network of a few weights; torchvision is imported, as for the others."""
    torchvision_models()
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), *head)


def resnet18() -> nn.Module:
    return torchvision_models().resnet18()


def resnet50() -> nn.Module:
    return torchvision_models().resnet50()


def gpt2() -> nn.Module:
    return GPT2()


def write_files(folder: Path, name: str, count: int) -> list[Path]:
    """Write networks with random weights, none of them zero."""
    files = []
    for seed in range(count):
        torch.manual_seed(seed)
        module = globals()[name]()
        with torch.no_grad():
            for weight in module.parameters():
                weight.add_(torch.randn_like(weight), alpha=0.01)
        path = folder / f"{name}{seed}.safetensors"
        save_file(module.state_dict(), path)
        files.append(path)
    return files


def measure(command: str, name: str, files: list[Path], precision: str) -> tuple[float, float, str]:
    """Run a command; return its wall time, its peak memory in bytes, and what it answers."""
    output = files[0].with_name("out.safetensors")
    words = [command, *map(str, files), "-o", str(output), "--force", "--json"]
    network = ["--network", f"bench_files:{name}", *INPUTS[name], "--precision", precision]
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "symgeom", *words, *network],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": f"{TESTS.parent}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    answer = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise RuntimeError(f"symgeom {command} on {name} ended with status {status}")
    return time.perf_counter() - start, 1024 * usage.ru_maxrss, answer


def main(names: list[str]) -> None:
    """Print a line for each command."""
    with tempfile.TemporaryDirectory() as folder:
        base = {}
        for name in ["tiny", *names]:
            files = write_files(Path(folder), name, 3)
            for command, count in (("align", 2), ("merge", 3)):
                for precision in ("float32", "float64"):
                    seconds, memory, answer = measure(command, name, files[:count], precision)
                    base.setdefault((command, precision), memory)
                    beyond = (memory - base[command, precision]) / files[0].stat().st_size
                    change = json.loads(answer)["output_change"]
                    wanted = f"(limit {SECONDS.get(name, 0)} s)"
                    sys.stdout.write(
                        f"{command} {count} x {name:9} {precision} {seconds:6.1f} s {wanted}, "
                        f"{memory / 2**20:6.0f} MB: {beyond:5.1f} files (limit {MEMORY} in "
                        f"float32), outputs change {change}\n"
                    )
                    sys.stdout.flush()
            for file in files:
                file.unlink()


if __name__ == "__main__":
    main(sys.argv[1:] or list(SECONDS))
