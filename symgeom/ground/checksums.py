"""Checksums of files that have no room for a seal of their own: tables and pictures.

A job that writes such files lists their sha256 beside them, in the form of the command
``sha256sum`` (``sha256sum --check tables.sha256`` reads it), and a job that reads one of them asks
the list first. Stores (:mod:`symgeom.ground.sealed`) and JSON (:mod:`symgeom.ground.sealed_json`)
hold their checksums themselves.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from symgeom.ground.checks import SymgeomError
from symgeom.ground.whole_files import write_text

SUFFIX = ".sha256"
"""What the name of a list ends with."""

DIGITS = 64
"""Hexadecimal digits of a checksum."""

MISSING = "there is no such file"

CHANGED = "it was truncated or changed after it was written: its checksum does not fit"

REMAKE = (
    "Delete what is there and make it again: snakemake --cores all {file} "
    "(with the study's --configfile, if it has one)."
)
"""By name, because snakemake does not miss a file when all that is made from it is there."""


def write_checksums(path: str | Path, contents: Mapping[str, bytes]) -> None:
    """List the checksums of files that lie in one folder.

    Parameters
    ----------
    path : str or Path
        The list to write, in the same folder; its name ends with :data:`SUFFIX`.
    contents : mapping of str to bytes
        What was written, by the names of the files. The files are not read back: somebody who makes
        them again may have removed them.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_text(folder / "claims.csv", "case")
    >>> write_checksums(folder / "tables.sha256", {"claims.csv": b"case"})
    >>> broken_checksum(folder / "claims.csv")
    ''
    """
    lines = [f"{_checksum(content)}  {name}\n" for name, content in contents.items()]
    write_text(path, "".join(lines))


def checked(path: str | Path) -> Path:
    """Return the path of a file that is as it was written.

    Parameters
    ----------
    path : str or Path
        The file; a list in its folder holds its checksum.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    SymgeomError
        If the file is missing or changed, or no list holds its checksum.
    """
    check_whole(path, broken_checksum(path))
    return Path(path)


def broken_checksum(path: str | Path) -> str:
    """Say what is wrong with a file whose checksum is listed.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    str
        What is wrong, or nothing; a file without a checksum is wrong, too.

    Examples
    --------
    >>> broken_checksum("nowhere/claims.csv")
    'there is no such file'
    """
    file = Path(path)
    if not file.is_file():
        return MISSING
    listed: dict[str, str] = {}
    for checksums in sorted(file.parent.glob(f"*{SUFFIX}")):
        listed |= read_checksums(checksums)
    if file.name not in listed:
        return f"no file {file.parent}/*{SUFFIX} holds its checksum"
    return "" if listed[file.name] == _checksum(file.read_bytes()) else CHANGED


def check_whole(path: str | Path, wrong: str) -> None:
    """Raise if something is wrong with a file.

    Parameters
    ----------
    path : str or Path
        The file.
    wrong : str
        What is wrong with it, or nothing.

    Raises
    ------
    SymgeomError
        If something is.

    Examples
    --------
    >>> check_whole("claims.csv", "")
    """
    if wrong:
        raise SymgeomError(f"Cannot read '{path}': {with_remedy(path, wrong)}")


def with_remedy(path: str | Path, wrong: str) -> str:
    """Say what is wrong with a file and what to do.

    Parameters
    ----------
    path : str or Path
        The file.
    wrong : str
        What is wrong with it, or nothing.

    Returns
    -------
    str
        Two sentences, or nothing.

    Examples
    --------
    >>> with_remedy("claims.csv", MISSING).partition(": ")[0]
    'there is no such file. Delete what is there and make it again'
    """
    return f"{wrong}. {REMAKE.format(file=path)}" if wrong else ""


def read_checksums(path: Path) -> dict[str, str]:
    """Read a list of checksums.

    Parameters
    ----------
    path : Path
        The list; what of it is no checksum is left out.

    Returns
    -------
    dict of str to str
        Checksums by the names of the files.
    """
    listed = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        checksum, _, name = line.partition("  ")
        if len(checksum) == DIGITS and name:
            listed[name] = checksum
    return listed


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
