"""CIFAR-100: 60 000 photographs of 100 kinds, 32 by 32 colour pixels.

References
----------
Krizhevsky, "Learning multiple layers of features from tiny images" (2009).
"""

from pathlib import Path

from symgeom.study.datasets.archives import Archive, read_archive
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

ARCHIVE = Archive(
    name="cifar100",
    title="CIFAR-100",
    source="CIFAR100",
    folder="cifar-100-python",
    files={"train": None, "test": None, "meta": None},
    classes=100,
)


def read(root: Path, choice: Choice) -> Data:
    """Load CIFAR-100; see :func:`~symgeom.study.datasets.archives.read_archive`."""
    return read_archive(ARCHIVE, root, choice)
