"""Fashion-MNIST: 70 000 pieces of clothing, 28 by 28 grey pixels, in files of the form of MNIST.

References
----------
Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms" (1708.07747).
"""

from pathlib import Path

from symgeom.study.datasets.archives import Archive, read_archive
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

ARCHIVE = Archive(
    name="fashion_mnist",
    title="Fashion-MNIST",
    source="FashionMNIST",
    folder="FashionMNIST/raw",
    files={
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    classes=10,
)


def read(root: Path, choice: Choice) -> Data:
    """Load Fashion-MNIST; see :func:`~symgeom.study.datasets.archives.read_archive`."""
    return read_archive(ARCHIVE, root, choice)
