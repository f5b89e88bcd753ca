"""Zips of weights: what torch and numpy save. Their checksums are compared before they are read."""

import zipfile
from pathlib import Path

from symgeom.ground.checks import SymgeomError
from symgeom.ground.sealed import DAMAGES

ADVICE = "Save network.state_dict() with torch.save, or with safetensors."


BEGIN = b"PK\3\4"
"""How a zip begins that is nothing else: others may hold one at their end."""


def is_zip(path: Path) -> bool:
    """Return whether a file is a zip.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        Whether it begins as one.
    """
    with path.open("rb") as file:
        return file.read(len(BEGIN)) == BEGIN


def entries(path: Path) -> list[zipfile.ZipInfo]:
    """Return the entries of a zip.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of ZipInfo
        In the order of the file.

    Raises
    ------
    SymgeomError
        If it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except DAMAGES as error:
        raise SymgeomError(_about_damage(path, error)) from error


def check_sums(path: Path) -> None:
    """Raise unless the entries of a zip are those whose checksums it holds.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    SymgeomError
        If an entry is damaged, or cannot be unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except DAMAGES as error:
        raise SymgeomError(_about_damage(path, error)) from error
    if damaged:
        raise SymgeomError(
            f"Cannot read the weights in '{path}': its entry {damaged!r} is damaged, because its "
            "checksum does not fit. Copy the file again; if it was saved without checksums "
            "(torch.serialization.set_crc32_options), save it with them."
        )


def check_unpacked(path: Path) -> None:
    """Raise if a zip is packed, which torch never does: a small file could unpack to a huge one.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    SymgeomError
        If an entry is packed.
    """
    for entry in entries(path):
        if entry.file_size > entry.compress_size:
            raise SymgeomError(
                f"Cannot read the weights in '{path}': its entry {entry.filename!r} is packed "
                f"({entry.compress_size} bytes for {entry.file_size}), which torch.save never "
                f"does. {ADVICE}"
            )


def _about_damage(path: Path, error: Exception) -> str:
    return (
        f"Cannot read the weights in '{path}': it is truncated, damaged or packed in an unknown "
        f"way ({error}). {ADVICE}"
    )
