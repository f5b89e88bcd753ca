"""What a job says: everything to its log, sentences and progress bars to the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from tqdm import tqdm


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Copy what is written to standard error into a log file as well, at once: it is there however the job ends."""
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
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> None:
        self.terminal.write(text)
        with suppress(
            OSError
        ):  # a disk that is full for the log must not hide the sentence that says so
            self.log.write(text.encode())

    def flush(self) -> None:
        self.terminal.flush()


def progress(label: str, total: int) -> tqdm:
    """Return a progress bar for long work: every half second on a terminal, every ten seconds in a file."""
    interval = 0.5 if sys.__stderr__.isatty() else 10.0
    return tqdm(
        total=total,
        desc=label,
        file=sys.__stderr__,
        mininterval=interval,
        delay=interval,
        dynamic_ncols=True,
    )
