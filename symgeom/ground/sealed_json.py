"""JSON with a seal: its first entry is the sha256 of all others."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from symgeom.ground.checksums import CHANGED, MISSING, check_whole
from symgeom.ground.whole_files import write_text

SEAL = "sha256"
"""The name of the entry that is the seal."""

SUFFIX = ".json"
"""What the name of such a file ends with."""


def write_sealed_json(path: str | Path, content: Mapping[str, object]) -> None:
    """Write a mapping as sealed JSON, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made if need be.
    content : mapping of str to object
        What JSON can hold.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> write_sealed_json(path, {"size": 8})
    >>> read_sealed_json(path)
    {'size': 8}
    >>> write_text(path, path.read_text().replace("8", "7"))
    >>> read_sealed_json(path)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    SymgeomError: Cannot read ...
    """
    write_text(path, sealed(content))


def sealed(content: Mapping[str, object]) -> str:
    """Return a mapping as sealed JSON.

    Parameters
    ----------
    content : mapping of str to object
        What JSON can hold.

    Returns
    -------
    str
        The text of the file.

    Examples
    --------
    >>> unsealed(sealed({"size": 8}).encode())
    {'size': 8}
    """
    text = json.dumps({SEAL: _seal_of(content), **content}, indent=1)
    return f"{text}\n"


def read_sealed_json(path: str | Path) -> dict:
    """Read what :func:`write_sealed_json` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        Its content, without the seal.

    Raises
    ------
    SymgeomError
        If the file is missing, truncated or changed.
    """
    content, wrong = _read(Path(path))
    check_whole(path, wrong)
    return content


def unsealed(text: bytes) -> dict | None:
    """Return what sealed JSON holds.

    Parameters
    ----------
    text : bytes
        The content of a file.

    Returns
    -------
    dict or None
        Its content without the seal; None if it was truncated or changed.

    Examples
    --------
    >>> unsealed(b"{}") is None
    True
    """
    try:
        content = json.loads(text.decode("utf-8"))
        seal = content.pop(SEAL)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return content if seal == _seal_of(content) else None


def broken_json(path: str | Path) -> str:
    """Say what is wrong with a file of sealed JSON.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    str
        What is wrong, or nothing.

    Examples
    --------
    >>> broken_json("nowhere/symmetry.json")
    'there is no such file'
    """
    return _read(Path(path))[1]


def _read(path: Path) -> tuple[dict, str]:
    """Return the content of a file, and what is wrong with it."""
    if not path.is_file():
        return {}, MISSING
    content = unsealed(path.read_bytes())
    return ({}, CHANGED) if content is None else (content, "")


def _seal_of(content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
