"""A zip file with a seal: equal entries give equal bytes, and its comment holds their sha256.

The zip's own checksums (CRC-32, one per entry) find a flipped bit when the entry is read; the seal
also finds entries that were removed, added, renamed, or replaced together with their checksum.
"""

import hashlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from symgeom.ground.whole_files import whole

PREFIX = b"sha256:"

HEADER = struct.Struct("<4s22xHH")
"""What precedes an entry: its mark, the length of its name, and the length of its extra field."""

MARK = b"PK\3\4"
"""The mark of an entry."""

EXTRA = 64
"""Bytes that an extra field has at most."""

DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every entry, so that equal entries give equal bytes."""

DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
)
"""What reading an entry raises that is damaged, encrypted, or compressed in an unknown way."""


def seal_of(entries: Mapping[str, bytes]) -> bytes:
    """Return the sha256 of the names, lengths and contents of entries, in the order of the names.

    Parameters
    ----------
    entries : mapping of str to bytes
        Contents by name.

    Returns
    -------
    bytes
        What the comment of the zip says.

    Examples
    --------
    >>> seal_of({"a": b"1", "b": b""}) == seal_of({"b": b"", "a": b"1"})
    True
    """
    digest = hashlib.sha256()
    for name in sorted(entries):
        content = entries[name]
        digest.update(f"{len(name.encode())} {name} {len(content)} ".encode())
        digest.update(content)
    return PREFIX + digest.hexdigest().encode()


def write_sealed(path: Path, entries: Mapping[str, bytes]) -> None:
    """Write entries as an uncompressed zip with sorted names and a fixed date, whole or not at all.

    Parameters
    ----------
    path : Path
        The file; its folder is made if need be.
    entries : mapping of str to bytes
        Contents by name.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.zip"
    >>> write_sealed(path, {"entry": b"content"})
    >>> broken_seal(path)
    ''
    """
    with whole(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = seal_of(entries)
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, DATE), entries[name])


def entries_of(file: BinaryIO) -> dict[str, zipfile.ZipInfo]:
    """Return where the entries of a zip lie.

    Parameters
    ----------
    file : binary file
        Open for reading; it may be closed afterwards.

    Returns
    -------
    dict of str to ZipInfo
        By name, in the order of the file.

    Raises
    ------
    BadZipFile
        If it is no zip, or truncated.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.zip"
    >>> write_sealed(path, {"entry": b"content"})
    >>> with path.open("rb") as file:
    ...     list(entries_of(file))
    ['entry']
    """
    with zipfile.ZipFile(file) as archive:
        return {info.filename: info for info in archive.infolist()}


def read_entry(
    info: zipfile.ZipInfo, fetch: Callable[[int, int], bytes | memoryview]
) -> memoryview:
    """Read one uncompressed entry with one request, and check its sum.

    Parameters
    ----------
    info : ZipInfo
        Where it lies.
    fetch : callable
        The bytes of the file from a start up to an end.

    Returns
    -------
    memoryview
        The content.

    Raises
    ------
    BadZipFile
        If the entry is damaged or compressed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.zip"
    >>> write_sealed(path, {"entry": b"content"})
    >>> with path.open("rb") as file:
    ...     info = entries_of(file)["entry"]
    >>> bytes(read_entry(info, lambda start, end: path.read_bytes()[start:end]))
    b'content'
    """
    start = info.header_offset
    longest = HEADER.size + len(info.filename.encode()) + EXTRA
    raw = memoryview(fetch(start, start + longest + info.file_size))
    if len(raw) > HEADER.size and info.compress_type == zipfile.ZIP_STORED:
        mark, name_length, extra_length = HEADER.unpack_from(raw)
        begin = HEADER.size + name_length + extra_length
        content = raw[begin : begin + info.file_size]
        if mark == MARK and zlib.crc32(content) == info.CRC:
            return content
    raise zipfile.BadZipFile(f"Entry '{info.filename}' is damaged or compressed.")


def broken_seal(path: Path) -> str:
    """Say what is wrong with a sealed zip, down to the entry.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        What is wrong, or nothing; a zip without a seal is wrong, too.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.zip"
    >>> _ = path.write_bytes(b"no zip")
    >>> broken_seal(path)
    'truncated or no zip (File is not a zip file)'
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _fault(archive)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        return f"truncated or no zip ({error})"


def _fault(archive: zipfile.ZipFile) -> str:
    """Say which entry is damaged, or that the seal does not fit the entries, or nothing."""
    entries: dict[str, bytes] = {}
    names = archive.namelist()
    for name in names:
        try:
            entries[name] = archive.read(name)  # checks its sum
        except DAMAGES:
            return f"entry '{name}' is damaged: its checksum does not fit"
    written = archive.comment
    if not written.startswith(PREFIX):
        return "has no checksum of its content: made before stores had one, or by another program"
    if len(entries) < len(names) or written != seal_of(entries):
        return (
            "entries were changed, added or removed after it was written: the checksum of its "
            "content does not fit"
        )
    return ""
