"""CIFAR-10: 60 000 photographs of 10 kinds, 32 by 32 colour pixels.

It is read as torchvision lays it out. Where that is not there, but a folder ``cifar10`` of pictures
or a zip of one is, these are taken: pictures that were compressed are not the originals, and the
data are called "cifar10 as pictures".

References
----------
Krizhevsky, "Learning multiple layers of features from tiny images" (2009).
"""

from dataclasses import replace
from pathlib import Path

from symgeom.ground.checks import SymgeomError
from symgeom.study.datasets import image_folder
from symgeom.study.datasets.archives import Archive, is_complete, read_archive
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

ARCHIVE = Archive(
    name="cifar10",
    title="CIFAR-10",
    source="CIFAR10",
    folder="cifar-10-batches-py",
    files={
        "data_batch_1": None,
        "data_batch_2": None,
        "data_batch_3": None,
        "data_batch_4": None,
        "data_batch_5": None,
        "test_batch": None,
        "batches.meta": None,
    },
    classes=10,
)

PICTURES = ("cifar10", "cifar10.zip")
"""Where pictures lie in the folder of data sets."""

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
"""What the authors call the classes, which they number in this order."""


def read(root: Path, choice: Choice) -> Data:
    """Load CIFAR-10.

    Parameters
    ----------
    root : Path
        The folder of data sets: with the files of torchvision, or with pictures in
        ``cifar10/train/<class>/`` and ``cifar10/test/<class>/`` or a zip of that folder.
    choice : Choice
        Which samples, and their scale.

    Returns
    -------
    Data
        Inputs of float32, shape (sample, channel, height, width).

    Raises
    ------
    SymgeomError
        If the pictures have other classes or another size, or as
        :func:`~symgeom.study.datasets.archives.read_archive`.
    """
    pictures = _pictures(root)
    if pictures is None:
        return read_archive(ARCHIVE, root, choice)
    data = image_folder.read(choice, path=pictures)
    shape = tuple(data.train_inputs.shape[1:])
    if data.class_names != CLASSES or shape != (3, 32, 32):
        raise SymgeomError(
            f"Cannot take the pictures in '{pictures}' for CIFAR-10: they are of shape {shape} and "
            f"of the classes {', '.join(data.class_names)}; expected (3, 32, 32) and "
            f"{', '.join(CLASSES)}. Rename them, or name them as the data set 'image_folder'."
        )
    return replace(data, name=f"{ARCHIVE.name} as pictures")


def _pictures(root: Path) -> Path | None:
    """Return where pictures lie, if the files of torchvision do not."""
    if is_complete(ARCHIVE, root):
        return None
    for name in PICTURES:
        if (root / name).exists():
            return root / name
    return None
