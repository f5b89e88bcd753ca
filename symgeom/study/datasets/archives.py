"""Image sets in the split of their authors, as torchvision reads or downloads them: MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100.

Inputs are float32, the levels divided by 255. Nothing but the originals is read. torchvision
compares what it downloads, and the files of CIFAR each time (pickles, which could hold any
program), with the checksums of the originals; of MNIST's files, once they are unpacked, it asks
only whether they are there, and they are compared here.

References
----------
LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998).
Xiao, Rasul and Vollgraf, "Fashion-MNIST" (1708.07747). Krizhevsky, "Learning multiple layers of
features from tiny images" (2009).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.torchvision_door import import_torchvision
from symgeom.study.datasets.data import Choice, Data


@dataclass(frozen=True)
class Archive:
    """An image set of torchvision.

    Attributes
    ----------
    name : str
        What the config calls it.
    title : str
        What it is called.
    source : str
        Its class in ``torchvision.datasets``.
    folder : str
        Where its files lie, below the folder of data sets.
    files : mapping of str to str
        Their names, and the MD5 of the originals where torchvision does not compare it.
    classes : int
        How many there are.
    """

    name: str
    title: str
    source: str
    folder: str
    files: Mapping[str, str]
    classes: int


_IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_DIGITS = (
    "6bbc9ace898e44ae57da46a324031adb",
    "a25bea736e30d166cdddb491f175f624",
    "2646ac647ad5339dbf082846283269ea",
    "27ae3e4e09519cfbb04c329615203637",
)
_CLOTHES = (
    "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "9018921c3c673c538a1fc5bad174d6f9",
    "8181f5470baa50b63fa0f6fddb340f0a",
    "15d484375f8d13e6eb1aabb0c3f46965",
)
_BATCHES = dict.fromkeys(
    [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"], ""
)
MNIST = Archive("mnist", "MNIST", "MNIST", "MNIST/raw", dict(zip(_IDX, _DIGITS, strict=True)), 10)
FASHION_MNIST = Archive(
    "fashion_mnist",
    "Fashion-MNIST",
    "FashionMNIST",
    "FashionMNIST/raw",
    dict(zip(_IDX, _CLOTHES, strict=True)),
    10,
)
CIFAR10 = Archive("cifar10", "CIFAR-10", "CIFAR10", "cifar-10-batches-py", _BATCHES, 10)
CIFAR100 = Archive(
    "cifar100",
    "CIFAR-100",
    "CIFAR100",
    "cifar-100-python",
    dict.fromkeys(["train", "test", "meta"], ""),
    100,
)

AGAIN = "Remove the files, so that they are fetched again."


def mnist(root: Path, choice: Choice) -> Data:
    """Load 70 000 handwritten digits, 28 by 28 grey pixels, zero on the border; see :func:`read_archive`."""
    return read_archive(MNIST, root, choice)


def fashion_mnist(root: Path, choice: Choice) -> Data:
    """Load 70 000 pieces of clothing, 28 by 28 grey pixels; see :func:`read_archive`."""
    return read_archive(FASHION_MNIST, root, choice)


def cifar10(root: Path, choice: Choice) -> Data:
    """Load 60 000 photographs of 10 kinds, 32 by 32 colour pixels; see :func:`read_archive`."""
    return read_archive(CIFAR10, root, choice)


def cifar100(root: Path, choice: Choice) -> Data:
    """Load 60 000 photographs of 100 kinds, 32 by 32 colour pixels; see :func:`read_archive`."""
    return read_archive(CIFAR100, root, choice)


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
    torchvision = import_torchvision()
    (train_images, train_targets), (test_images, test_targets) = (
        _read(torchvision, archive, root, train=train) for train in (True, False)
    )
    _check_originals(archive, root)
    train, test = choice.indices(archive.name, train_targets, test_targets)
    data = Data(
        _scaled(train_images[train]),
        train_targets[train],
        _scaled(test_images[test]),
        test_targets[test],
        archive.classes,
        archive.name,
    )
    return choice.normalised(data)


def _read(
    torchvision: ModuleType, archive: Archive, root: Path, *, train: bool
) -> tuple[Tensor, Tensor]:
    """Return images (sample, channel, height, width) of uint8 and targets."""
    folder = root / archive.folder
    kept = all((folder / file).is_file() for file in archive.files)
    try:
        found = getattr(torchvision.datasets, archive.source)(
            root=root, train=train, download=not kept
        )
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if kept:
            raise SymgeomError(
                f"Cannot read {archive.title} in '{folder}': {reason}. {AGAIN}"
            ) from error
        raise SymgeomError(
            f"Cannot download {archive.title} to '{folder}': {reason}. Connect this machine to the network, or put the "
            f"{len(archive.files)} files {', '.join(archive.files)} there."
        ) from error
    images, targets = torch.as_tensor(found.data), torch.as_tensor(found.targets)
    if len(images) != len(targets):
        raise SymgeomError(
            f"Cannot read {archive.title} in '{folder}': {len(images)} images and {len(targets)} labels. {AGAIN}"
        )
    return (images.movedim(-1, 1) if images.ndim == 4 else images.unsqueeze(1)), targets


def _check_originals(archive: Archive, root: Path) -> None:
    """Raise unless the files that torchvision does not compare are the originals."""
    for file, original in archive.files.items():
        found = (
            hashlib.md5(
                (root / archive.folder / file).read_bytes(), usedforsecurity=False
            ).hexdigest()
            if original
            else ""
        )
        if found != original:
            raise SymgeomError(
                f"Cannot use {archive.title} in '{root / archive.folder}': the file '{file}' is not the original (its MD5 is "
                f"{found}, expected {original}). {AGAIN}"
            )


def _scaled(images: Tensor) -> Tensor:
    return images.to(torch.float32).div_(255)
