"""A file is written whole or not at all.

It is written under a partial name beside it, which becomes its name when it is complete.
Whoever reads a file therefore finds all of it, however its writer ended, and also while another one
writes it again. A writer that is killed leaves its partial file behind, which nobody reads; it goes
when the work is done again. Two writers of one file do not meet: each has a partial name of its
own, which begins with the number of its process, and the last to end is found.
"""

import csv
import glob
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from symgeom.ground.checks import SymgeomError

PARTIAL = ".part"


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Give a partial name to write to, which becomes the name of the file at the end of the block.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made if need be. What was there before stays until the new one is
        complete.

    Yields
    ------
    Path
        Where to write. It is removed if anything goes wrong.

    Raises
    ------
    SymgeomError
        If it cannot be written: a full disk, no such place, no rights.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "folder" / "a.txt"
    >>> with whole(path) as partial:
    ...     _ = partial.write_text("complete")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('complete', 1)
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}{PARTIAL}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SymgeomError(
            f"Cannot write '{path}': {reason}. Nothing half-written is left; make room or correct "
            "the path, and run it again."
        ) from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text whole, or not at all.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made if need be.
    text : str
        What it is to hold.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_text(path, "complete")
    >>> path.read_text()
    'complete'
    """
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_rows(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping]) -> bytes:
    """Write a table as CSV, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made if need be.
    columns : sequence of str
        Names of the columns, in order.
    rows : iterable of mapping
        Entries by the names of the columns; what a row lacks stays empty.

    Returns
    -------
    bytes
        What the file holds.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_rows(path, ["case", "n"], [{"case": "mlp"}]).splitlines()
    [b'case,n', b'mlp,']
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    with whole(path) as partial:
        partial.write_bytes(content)
    return content


def remove_partials(path: str | Path) -> None:
    """Remove what killed writers of a file have left behind, before the file is written again.

    What a process of this machine is writing stays: the job of a snakemake that was killed.

    Parameters
    ----------
    path : str or Path
        The file, which itself is left alone.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> _ = path.with_name("a.txt.part0f3a").write_text("half")
    >>> remove_partials(path)
    >>> list(path.parent.iterdir())
    []
    """
    path = Path(path)
    for partial in path.parent.glob(f"{glob.escape(path.name)}{PARTIAL}*"):
        writer = re.search(rf"{re.escape(PARTIAL)}(\d+)-\w+$", partial.name)
        if writer is None or not _lives(int(writer[1])):
            partial.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    """Return whether there is a process of a number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True
