"""Run a script's ``main`` for a rule of Snakemake, log what it says, say mistakes in a sentence.

``main`` takes keyword-only arguments without defaults; each is looked up among the rule's outputs,
inputs, parameters, wildcards and resources. ``stores`` are all inputs by name, ``config_digest`` is
the digest of the rule's parameters. With the environment variable SYMGEOM_DEBUG set, a mistake
shows its traceback. What killed attempts left half-written is removed first. Ctrl-C ends a job in a
sentence, from its first import on. Garbage is collected from when all is imported: what is imported
stays to the end, and to go through it again and again takes a third of the time of the imports.
"""

import gc
import hashlib
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from symgeom.ground.checks import SymgeomError
from symgeom.ground.memory import lacks_memory, without_memory
from symgeom.ground.whole_files import remove_partials

STOPPED = 130
"""The exit status of what Ctrl-C has ended, as shells have it."""


def stop(*_: object) -> None:
    """End the process, without a traceback."""
    sys.stderr.write("Stopped. What is done is kept: the same command goes on.\n")
    sys.exit(STOPPED)


signal.signal(signal.SIGINT, stop)
gc.disable()


def launch(main: Callable[..., None], snakemake: object) -> None:
    """Call ``main`` with what the rule provides; exit with status 1 if it cannot be done."""
    gc.freeze()
    gc.enable()
    try:
        run(main, snakemake)
    except SystemExit as end:
        if end.code == STOPPED:  # now, because libraries that were half-way there would complain
            sys.stderr.flush()
            os._exit(STOPPED)
        raise


def run(main: Callable[..., None], snakemake: object) -> None:
    """Call ``main`` with what the rule provides, and log what it says."""
    arguments = {"config_digest": digest(snakemake), "stores": dict(snakemake.input.items())}
    told = (snakemake.resources, snakemake.wildcards, snakemake.params)
    for part in (*told, snakemake.input, snakemake.output):
        arguments |= dict(part.items())
    names = inspect.signature(main).parameters
    with logged(Path(snakemake.log[0])):
        if "torch" in sys.modules:
            deterministic()
        for path in snakemake.output:
            remove_partials(path)
        try:
            main(**{name: arguments[name] for name in names})
        except Exception as error:
            if not isinstance(error, SymgeomError) and not lacks_memory(error):
                traceback.print_exc()  # a fault of ours: the log must hold it too
                sys.exit(1)
            if os.environ.get("SYMGEOM_DEBUG"):
                raise
            sentence = without_memory(error) if lacks_memory(error) else str(error)
            job = ", ".join(
                f"{name} {value}" for name, value in snakemake.wildcards.items() if value
            )
            sys.stderr.write(f"\nError in {snakemake.rule} ({job}): {sentence}\n")
            sys.exit(1)


def deterministic() -> None:
    """Make torch's results independent of the number of cores."""
    torch = sys.modules["torch"]
    torch.set_num_threads(1)
    # As torch.use_deterministic_algorithms(True), which imports a compiler, for a second.
    torch.set_deterministic_debug_mode("error")


def digest(snakemake: object) -> str:
    """Return a digest of what the job depends on in the configuration; not its code."""
    told = snakemake.params.items()
    params = {name: value for name, value in told if name not in ("code", "script")}
    wildcards = dict(snakemake.wildcards.items())
    text = json.dumps((params, wildcards), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Copy standard error into a log file at once: it is there however the job ends."""
    terminal = sys.stderr
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=0) as log:
        sys.stderr = _Both(terminal, log)
        try:
            yield
        finally:
            sys.stderr = terminal


class _Both:
    """A text stream that writes to a terminal and a log."""

    def __init__(self, terminal: TextIO, log: BinaryIO) -> None:
        self.terminal = terminal
        self.log = log

    def write(self, text: str) -> None:
        self.terminal.write(text)
        with suppress(OSError):  # a full disk must not hide the sentence that says so
            self.log.write(text.encode(errors="backslashreplace"))

    def flush(self) -> None:
        self.terminal.flush()
