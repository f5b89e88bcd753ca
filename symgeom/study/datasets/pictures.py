"""Files of pictures, in a folder or in a zip of one: list them, read them, decode them. The only room that decodes.

Pictures are decoded by Pillow, which torchvision brings with it. Transparency is dropped, and
colour is turned to grey by the weights of ITU-R 601 (0.299, 0.587, 0.114).
"""

import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from symgeom.ground.checks import SymgeomError

FORMATS = frozenset({"png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff", "ppm", "pgm"})
"""What a picture's name ends with behind the dot, in small or capital letters."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """The files of a folder or a zip.

    Attributes
    ----------
    place : Path
        The folder or the zip.
    files : tuple of str
        Names relative to it, with slashes, sorted; hidden ones are left out.
    folders : tuple of str
        All folders, empty ones too.
    read : callable
        From a name to the bytes of the file.
    """

    place: Path
    files: tuple[str, ...]
    folders: tuple[str, ...]
    read: Callable[[str], bytes]


@contextmanager
def shelf(place: Path) -> Iterator[Shelf]:
    """Open a folder or a zip.

    Parameters
    ----------
    place : Path
        The folder or the zip.

    Yields
    ------
    Shelf
        Its files.

    Raises
    ------
    SymgeomError
        If it is not there, or no zip.
    """
    if place.is_dir():
        seen = [
            (Path(folder).relative_to(place), names, below)
            for folder, below, names in os.walk(place, followlinks=True)
        ]
        files, folders = (
            [(folder / name).as_posix() for folder, *kinds in seen for name in kinds[kind]]
            for kind in (0, 1)
        )
        yield _shelf(place, files, folders, lambda name: (place / name).read_bytes())
        return
    if not place.exists():
        raise SymgeomError(
            f"Cannot read pictures from '{place}': there is no such folder or zip. Correct the option 'path'."
        )
    try:
        archive = zipfile.ZipFile(place)
    except (zipfile.BadZipFile, OSError) as error:
        raise SymgeomError(
            f"Cannot read pictures from '{place}': {error}. Give a folder, or a zip file of one."
        ) from error
    with archive:
        names = archive.namelist()
        files, folders = (
            [name for name in names if not name.endswith("/")],
            {name.rpartition("/")[0] for name in names},
        )
        folders |= {str(parent) for folder in folders for parent in PurePosixPath(folder).parents}
        yield _shelf(place, files, folders, archive.read)


def _shelf(
    place: Path, files: Iterable[str], folders: Iterable[str], read: Callable[[str], bytes]
) -> Shelf:
    seen = [sorted(name for name in names if not _hidden(name)) for names in (files, folders)]
    return Shelf(place, *map(tuple, seen), read)


def _hidden(name: str) -> bool:
    return name in ("", ".") or name.startswith((".", "__MACOSX")) or "/." in name


def is_picture(name: str) -> bool:
    """Return whether a file is a picture, by the end of its name."""
    return name.rpartition(".")[2].lower() in FORMATS


def decode(shelf: Shelf, names: list[str], *, size: int | None, grayscale: bool) -> Tensor:
    """Decode pictures to one array.

    Parameters
    ----------
    shelf : Shelf
        Where they are.
    names : list of str
        Which ones, ``<class folder>/<file>``.
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
        If a file cannot be decoded, or has another size than the first.
    """
    images: Tensor | None = None
    for place, name in enumerate(names):
        pixels = _pixels(shelf, name, size, "L" if grayscale else "RGB")
        if images is None:
            images = torch.empty(len(names), *pixels.shape, dtype=torch.uint8)
        if pixels.shape != images.shape[1:]:
            raise SymgeomError(
                f"Cannot put the pictures of '{shelf.place}' in one array: '{name}' has {pixels.shape[1]} by {pixels.shape[2]} "
                f"pixels, '{names[0]}' {images.shape[2]} by {images.shape[3]}. Give the option 'size'."
            )
        images[place] = pixels
    return images


def _pixels(shelf: Shelf, name: str, size: int | None, mode: str) -> Tensor:
    folder = PurePosixPath(name).parent.name
    try:
        with Image.open(io.BytesIO(shelf.read(name))) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError(
                    f"its pixels are of mode {image.mode}, more than 8 bits each; the data set 'arrays' takes any"
                )
            array = np.array(_cut(image.convert(mode), size))
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        Image.DecompressionBombError,
    ) as error:
        raise SymgeomError(
            f"Cannot read the picture '{name}' of class '{folder}' in '{shelf.place}': {error}. Repair or remove that file."
        ) from error
    return torch.from_numpy(array if array.ndim == 3 else array[:, :, None]).movedim(-1, 0)


def _cut(image: Image.Image, size: int | None) -> Image.Image:
    """Resize the shorter side and cut out the middle."""
    if size is None:
        return image
    shorter = min(image.size)
    width, height = (round(length * size / shorter) for length in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))
