"""Files of pictures, in a folder or in a zip of one: list them, read them, decode them.

Pictures are decoded by Pillow, which torchvision brings with it. A camera's note of which side is
up (EXIF) is followed, of several frames the first is taken, transparency is dropped, and colour is
turned to grey by the weights of ITU-R 601 (0.299, 0.587, 0.114).
"""

import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.sealed import DAMAGES
from symgeom.study.datasets.checking import check_memory

FORMATS = frozenset({"png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff", "ppm", "pgm"})
"""What a picture's name ends with behind the dot, in small or capital letters."""

FAULTS = (*DAMAGES, SyntaxError, Image.DecompressionBombError)
"""What reading and decoding a picture raises where it cannot be done."""

MOST_PIXELS = 2**27
"""Pixels of a picture that is resized: a side of 11585, in memory for a moment."""

BYTES = np.dtype(np.uint8).itemsize + np.dtype(np.float32).itemsize
"""What a level takes in memory: as it is decoded, and as it is used."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """The files of a folder or a zip.

    Attributes
    ----------
    path : Path
        The folder or the zip.
    files : tuple of str
        Names relative to it, with slashes, sorted; hidden ones are left out.
    folders : tuple of str
        All folders, empty ones too.
    read : callable
        From a name to the bytes of the file.
    """

    path: Path
    files: tuple[str, ...]
    folders: tuple[str, ...]
    read: Callable[[str], bytes]


@contextmanager
def open_shelf(path: Path) -> Iterator[Shelf]:
    """Open a folder or a zip.

    Parameters
    ----------
    path : Path
        The folder or the zip.

    Yields
    ------
    Shelf
        Its files.

    Raises
    ------
    SymgeomError
        If it is no folder and no zip, a folder cannot be listed or leads back into itself, or a zip
        leads out of its folder or has one name twice.
    """
    if path.is_dir():
        yield _folder_shelf(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise SymgeomError(
            f"Cannot read pictures from '{path}': {error}. Give a folder, or a zip file of one."
        ) from error
    with archive:
        yield _zip_shelf(path, archive)


def _folder_shelf(path: Path) -> Shelf:
    files = []
    folders = []
    for parent, folder_names, file_names in os.walk(path, followlinks=True, onerror=_unlisted):
        below = Path(parent).relative_to(path)
        files += [(below / name).as_posix() for name in file_names]
        folders += [(below / name).as_posix() for name in folder_names]
        for name in folder_names:
            _check_no_loop(path, below / name)

    def read(name: str) -> bytes:
        file = path / name
        if file.exists() and not file.is_file():  # a pipe has no end
            raise ValueError("it is no file")
        return file.read_bytes()

    return Shelf(path, _visible(files), _visible(folders), read)


def _unlisted(error: OSError) -> NoReturn:
    raise SymgeomError(
        f"Cannot list the folder '{error.filename}': {error.strerror}. Make it readable, or remove "
        "it."
    ) from error


def _check_no_loop(path: Path, folder: Path) -> None:
    """Raise if a folder below a path is a link to a folder that it lies in."""
    link = path / folder
    if not link.is_symlink():
        return
    for parent in folder.parents:
        if link.samefile(path / parent):
            raise SymgeomError(
                f"Cannot list the pictures of '{path}': the link '{folder}' leads back to "
                f"'{path / parent}', in which it lies. Remove the link."
            )


def _zip_shelf(path: Path, archive: zipfile.ZipFile) -> Shelf:
    """Return the files of a zip; a folder is there if it is listed, or if anything lies in it."""
    files = []
    folders = set()
    _check_entries(path, archive.namelist())
    for name in archive.namelist():
        if not name.endswith("/"):
            files.append(name)
        folder = name.rpartition("/")[0]
        folders.add(folder)
        folders.update(str(parent) for parent in PurePosixPath(folder).parents)
    return Shelf(path, _visible(files), _visible(folders), archive.read)


def _check_entries(path: Path, names: Sequence[str]) -> None:
    """Raise if the entries of a zip are no folder's: they lead out of it, or stand twice."""
    seen: set[str] = set()
    for name in names:
        if name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise SymgeomError(
                f"Cannot read pictures from '{path}': its entry '{name}' leads out of the folder. "
                "Pack the folder again, with names relative to it."
            )
        if name in seen:
            raise SymgeomError(
                f"Cannot read pictures from '{path}': it has the entry '{name}' twice. Pack the "
                "folder again."
            )
        seen.add(name)


def _visible(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if not _is_hidden(name)))


def _is_hidden(name: str) -> bool:
    return name in ("", ".") or name.startswith((".", "__MACOSX")) or "/." in name


def is_picture(name: str) -> bool:
    """Return whether a file is a picture, by the end of its name."""
    return name.rpartition(".")[2].lower() in FORMATS


def decode(shelf: Shelf, names: Sequence[str], *, size: int | None, grayscale: bool) -> Tensor:
    """Decode pictures to one array.

    Parameters
    ----------
    shelf : Shelf
        Where they are.
    names : sequence of str
        Which ones, ``<class folder>/<file>``; at least one.
    size : int, optional
        Height and width (pixels): the shorter side of a picture is resized to it (bilinear,
        antialiased) and the middle is cut out. As it is by default; all pictures must then be of
        one size.
    grayscale : bool
        Whether to turn colours to grey.

    Returns
    -------
    Tensor of uint8, shape (sample, channel, height, width)
        Levels from 0 to 255, of 1 or 3 channels.

    Raises
    ------
    SymgeomError
        If a file cannot be decoded, or has another size than the first, or all together do not fit
        into memory.
    """
    mode = "L" if grayscale else "RGB"
    first = _pixels(shelf, names[0], size, mode)
    _, height, width = first.shape
    check_memory(
        len(names) * first.numel() * BYTES,
        f"{len(names)} pictures of {height} by {width} pixels of '{shelf.path}'",
        "Give a smaller 'size', or a 'subset'.",
    )
    images = torch.empty(len(names), *first.shape, dtype=torch.uint8)
    images[0] = first
    for sample, name in enumerate(names[1:], start=1):
        pixels = _pixels(shelf, name, size, mode)
        if pixels.shape != first.shape:
            raise SymgeomError(
                f"Cannot put the pictures of '{shelf.path}' in one array: '{name}' has "
                f"{pixels.shape[1]} by {pixels.shape[2]} pixels, '{names[0]}' {first.shape[1]} by "
                f"{first.shape[2]}. Give the option 'size'."
            )
        images[sample] = pixels
    return images


def _pixels(shelf: Shelf, name: str, size: int | None, mode: str) -> Tensor:
    """Return the levels of one picture, shape (channel, height, width)."""
    try:
        with Image.open(io.BytesIO(shelf.read(name))) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError(
                    f"its pixels are of mode {image.mode}, more than 8 bits each; the data set "
                    "'arrays' takes any"
                )
            upright = ImageOps.exif_transpose(image)
            levels = np.array(_cut(upright.convert(mode), size))
    except FAULTS as error:
        reason = str(error).rstrip(".")
        if isinstance(error, UnidentifiedImageError):
            reason = "its content is no picture, or of another format"
        class_folder = PurePosixPath(name).parent.name
        raise SymgeomError(
            f"Cannot read the picture '{name}' of class '{class_folder}' in '{shelf.path}': "
            f"{reason}. Repair or remove that file."
        ) from error
    if levels.ndim == 2:
        levels = levels[:, :, None]
    return torch.from_numpy(levels).movedim(-1, 0)


def _cut(image: Image.Image, size: int | None) -> Image.Image:
    """Resize the shorter side and cut out the middle."""
    if size is None:
        return image
    shorter = min(image.size)
    width = round(image.width * size / shorter)
    height = round(image.height * size / shorter)
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"resized from {image.width} by {image.height} pixels to {width} by {height} it has "
            f"more than {MOST_PIXELS} pixels"
        )
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left = (width - size) // 2
    top = (height - size) // 2
    return image.crop((left, top, left + size, top + size))
