"""MNIST: 70 000 handwritten digits, 28 by 28 pixels, in the split of its authors.

References
----------
LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998).
"""

from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from symgeom.checks import SymgeomError
from symgeom.datasets.data import Data, balanced_subset
from symgeom.datasets.torchvision_door import import_torchvision
from symgeom.randomness import stream


def mnist(root: Path, *, split: int = 0, subset: int | None = None) -> Data:
    """Load MNIST from ``root/MNIST/raw``, or download it there.

    Parameters
    ----------
    root : Path
        The folder of data sets, as torchvision lays it out.
    split : int
        Seed of the subset.
    subset : int, optional
        Number of training samples, equally many of every class; all by default.

    Returns
    -------
    Data
        Inputs of shape (sample, 1, 28, 28), the grey levels divided by 255; zero on the border.

    Raises
    ------
    SymgeomError
        If the files are not there and cannot be downloaded, or cannot be read.
    """
    torchvision = import_torchvision()
    train_images, train_targets = _read(torchvision, root, train=True)
    test_images, test_targets = _read(torchvision, root, train=False)
    if subset is not None:
        chosen = balanced_subset(train_targets, subset, generator=stream("subset", "mnist", split))
        train_images, train_targets = train_images[chosen], train_targets[chosen]
    return Data(_scaled(train_images), train_targets, _scaled(test_images), test_targets, 10, "mnist")


def _read(torchvision: ModuleType, root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    raw = root / "MNIST" / "raw"
    kept = all((raw / f"{part}-ubyte").is_file() for part in _FILES)
    try:
        found = torchvision.datasets.MNIST(root=root, train=train, download=not kept)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if kept:
            raise SymgeomError(
                f"Cannot read MNIST in '{raw}': {reason}. Remove the files, so that they are fetched again."
            ) from error
        raise SymgeomError(
            f"Cannot download MNIST to '{raw}': {reason}. Connect this machine to the network, or put the four files "
            f"{', '.join(f'{part}-ubyte' for part in _FILES)} there."
        ) from error
    if len(found.data) != len(found.targets):
        raise SymgeomError(
            f"Cannot read MNIST in '{raw}': {len(found.data)} images and {len(found.targets)} labels. "
            "Remove the files, so that they are fetched again."
        )
    return found.data, found.targets


_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def _scaled(images: Tensor) -> Tensor:
    return images.unsqueeze(1).to(torch.float64) / 255
