"""MNIST: 70 000 handwritten digits, 28 by 28 grey pixels, zero on the border.

References
----------
LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998).
"""

from pathlib import Path

from symgeom.study.datasets.archives import Archive, read_archive
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

ARCHIVE = Archive(
    name="mnist",
    title="MNIST",
    source="MNIST",
    folder="MNIST/raw",
    files={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    classes=10,
)


def read(root: Path, choice: Choice) -> Data:
    """Load MNIST; see :func:`~symgeom.study.datasets.archives.read_archive`."""
    return read_archive(ARCHIVE, root, choice)
