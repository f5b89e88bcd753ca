"""Image sets in the split of their authors, as torchvision reads or downloads them: MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100.

Inputs are float32, the levels divided by 255. The files of CIFAR are pickles, which could hold any program: torchvision unpickles
only files with the checksum of the originals.

References
----------
LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998). Xiao, Rasul and Vollgraf,
"Fashion-MNIST" (1708.07747). Krizhevsky, "Learning multiple layers of features from tiny images" (2009).
"""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from symgeom.checks import SymgeomError
from symgeom.datasets.data import Choice, Data
from symgeom.torchvision_door import import_torchvision


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
    files : tuple of str
        Their names.
    classes : int
        How many there are.
    """

    name: str
    title: str
    source: str
    folder: str
    files: tuple[str, ...]
    classes: int


_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
MNIST = Archive("mnist", "MNIST", "MNIST", "MNIST/raw", _IDX, 10)
FASHION_MNIST = Archive("fashion_mnist", "Fashion-MNIST", "FashionMNIST", "FashionMNIST/raw", _IDX, 10)
CIFAR10 = Archive("cifar10", "CIFAR-10", "CIFAR10", "cifar-10-batches-py", _BATCHES, 10)
CIFAR100 = Archive("cifar100", "CIFAR-100", "CIFAR100", "cifar-100-python", ("train", "test", "meta"), 100)


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
        If the files are not there and cannot be downloaded, or cannot be read.
    """
    torchvision = import_torchvision()
    (train_images, train_targets), (test_images, test_targets) = (
        _read(torchvision, archive, root, train=train) for train in (True, False)
    )
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


def _read(torchvision: ModuleType, archive: Archive, root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Return images (sample, channel, height, width) of uint8 and targets."""
    folder, again = root / archive.folder, "Remove the files, so that they are fetched again."
    kept = all((folder / file).is_file() for file in archive.files)
    try:
        found = getattr(torchvision.datasets, archive.source)(root=root, train=train, download=not kept)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if kept:
            raise SymgeomError(f"Cannot read {archive.title} in '{folder}': {reason}. {again}") from error
        raise SymgeomError(
            f"Cannot download {archive.title} to '{folder}': {reason}. Connect this machine to the network, or put the "
            f"{len(archive.files)} files {', '.join(archive.files)} there."
        ) from error
    images, targets = torch.as_tensor(found.data), torch.as_tensor(found.targets)
    if len(images) != len(targets):
        raise SymgeomError(f"Cannot read {archive.title} in '{folder}': {len(images)} images and {len(targets)} labels. {again}")
    return (images.movedim(-1, 1) if images.ndim == 4 else images.unsqueeze(1)), targets


def _scaled(images: Tensor) -> Tensor:
    return images.to(torch.float32).div_(255)
