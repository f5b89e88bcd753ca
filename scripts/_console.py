"""What a job says: everything to its log, sentences and progress bars to the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tqdm import tqdm


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Copy what is written to standard error into a log file as well."""
    terminal = sys.stderr
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as log:
        sys.stderr = _Both(terminal, log)
        try:
            yield
        finally:
            sys.stderr = terminal


class _Both:
    """A text stream that writes to a terminal and a log."""

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> None:
        self.terminal.write(text)
        self.log.write(text)

    def flush(self) -> None:
        self.terminal.flush()
        self.log.flush()


def progress(label: str, total: int) -> tqdm:
    """Return a progress bar for long work: every half second on a terminal, every ten seconds in a file."""
    interval = 0.5 if sys.__stderr__.isatty() else 10.0
    return tqdm(total=total, desc=label, file=sys.__stderr__, mininterval=interval, delay=interval, dynamic_ncols=True)
