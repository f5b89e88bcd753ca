"""Image sets in the split of their authors, as torchvision reads or downloads them.

Inputs are float32, the levels divided by 255. Nothing but the originals is read. torchvision
compares what it downloads, and the files of CIFAR each time (pickles, which could hold any
program), with the checksums of the originals. Of the files of MNIST, once they are unpacked, it
asks only whether they are there; they are compared here.
"""

import hashlib
import tarfile
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from socket import getdefaulttimeout, setdefaulttimeout

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.sealed import DAMAGES
from symgeom.ground.torchvision_door import import_torchvision
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

LEVELS = 255
"""The level of the brightest pixel."""

AGAIN = "Remove the files, so that they are fetched again."

FAULTS = (*DAMAGES, TypeError, AssertionError, IndexError, HTTPException, tarfile.TarError)
"""What torchvision raises where files are damaged, or cannot be downloaded."""

PATIENCE = 60
"""Seconds for which a server may be silent."""


@dataclass(frozen=True)
class Archive:
    """An image set of torchvision.

    Attributes
    ----------
    name : str
        What the config calls it.
    title : str
        What its authors call it.
    source : str
        Its class in ``torchvision.datasets``.
    folder : str
        Where its files lie, below the folder of data sets.
    files : mapping of str to (str or None)
        Their names, and the MD5 of the originals; None where torchvision compares it.
    classes : int
        How many there are.
    """

    name: str
    title: str
    source: str
    folder: str
    files: Mapping[str, str | None]
    classes: int


def read_archive(archive: Archive, root: Path, choice: Choice) -> Data:
    """Read an image set from its folder, or download it there.

    Parameters
    ----------
    archive : Archive
        Which one.
    root : Path
        The folder of data sets, as torchvision lays it out.
    choice : Choice
        Which samples, and their scale.

    Returns
    -------
    Data
        Inputs of float32, shape (sample, channel, height, width).

    Raises
    ------
    SymgeomError
        If the files are not there and cannot be downloaded, cannot be read, or are not the
        originals.
    """
    train_images, train_targets = _read_part(archive, root, train=True)
    test_images, test_targets = _read_part(archive, root, train=False)
    _check_originals(archive, root)
    train, test = choice.indices(archive.name, train_targets, test_targets, classes=archive.classes)
    return Data(
        _scaled(train_images[train]),
        train_targets[train],
        _scaled(test_images[test]),
        test_targets[test],
        archive.classes,
        archive.name,
        divisor=LEVELS,
    )


def is_complete(archive: Archive, root: Path) -> bool:
    """Return whether all files of an image set are there.

    Parameters
    ----------
    archive : Archive
        Which one.
    root : Path
        The folder of data sets, as torchvision lays it out.

    Returns
    -------
    bool
        True if nothing needs to be downloaded.
    """
    folder = root / archive.folder
    return all((folder / file).is_file() for file in archive.files)


def _read_part(archive: Archive, root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Return images (sample, channel, height, width) of uint8 and targets."""
    folder = root / archive.folder
    complete = is_complete(archive, root)
    source = getattr(import_torchvision().datasets, archive.source)
    _check_folder(archive, folder)
    try:
        with _patience():
            dataset = source(root=root, train=train, download=not complete)
    except FAULTS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if complete:
            raise SymgeomError(
                f"Cannot read {archive.title} in '{folder}': {reason}. {AGAIN}"
            ) from error
        raise SymgeomError(
            f"Cannot download {archive.title} from {_hosts(source)} to '{folder}': {reason}. "
            "Connect this machine to the network, or put the "
            f"{len(archive.files)} files {', '.join(archive.files)} there."
        ) from error
    images = torch.as_tensor(dataset.data)
    targets = torch.as_tensor(dataset.targets)
    if len(images) != len(targets):
        raise SymgeomError(
            f"Cannot read {archive.title} in '{folder}': {len(images)} images and {len(targets)} "
            f"labels. {AGAIN}"
        )
    if images.ndim == 4:
        return images.movedim(-1, 1), targets
    return images.unsqueeze(1), targets


def _check_folder(archive: Archive, folder: Path) -> None:
    """Raise if a file is where a folder must be."""
    for parent in (folder, *folder.parents):
        if parent.is_file():
            raise SymgeomError(
                f"Cannot read {archive.title} in '{folder}': '{parent}' is a file, and no "
                "folder. Move it away, or correct 'data_root'."
            )


@contextmanager
def _patience() -> Iterator[None]:
    """Give up a connection on which nothing comes; torchvision would wait for ever."""
    before = getdefaulttimeout()
    setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        setdefaulttimeout(before)


def _hosts(source: type) -> str:
    """Return the servers from which torchvision downloads a data set."""
    addresses = getattr(source, "mirrors", None) or [getattr(source, "url", "")]
    return " and ".join(urllib.parse.urlsplit(address).netloc for address in addresses)


def _check_originals(archive: Archive, root: Path) -> None:
    """Raise unless the files that torchvision does not compare are the originals."""
    folder = root / archive.folder
    for file, original in archive.files.items():
        if original is None:
            continue
        content = (folder / file).read_bytes()
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if digest != original:
            raise SymgeomError(
                f"Cannot use {archive.title} in '{folder}': the file '{file}' is not the original "
                f"(its MD5 is {digest}, expected {original}). {AGAIN}"
            )


def _scaled(images: Tensor) -> Tensor:
    """Return levels as numbers from 0 to 1."""
    return images.to(torch.float32).div_(LEVELS)
