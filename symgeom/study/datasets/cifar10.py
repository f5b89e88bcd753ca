"""CIFAR-10: 60 000 photographs of 10 kinds, 32 by 32 colour pixels.

References
----------
Krizhevsky, "Learning multiple layers of features from tiny images" (2009).
"""

from pathlib import Path

from symgeom.study.datasets.archives import Archive, read_archive
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


def read(root: Path, choice: Choice) -> Data:
    """Load CIFAR-10; see :func:`~symgeom.study.datasets.archives.read_archive`."""
    return read_archive(ARCHIVE, root, choice)
