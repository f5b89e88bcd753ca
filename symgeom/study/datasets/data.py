"""What a data set is: inputs and classes, split once, with a checksum.

Images are float32 (there are many), tokens int64, everything else is float64.
"""

import hashlib
from dataclasses import dataclass

from torch import Tensor

from symgeom.study.datasets.splits import counted


@dataclass(frozen=True, eq=False)
class Data:
    """A data set of labelled samples.

    Attributes
    ----------
    train_inputs, test_inputs : Tensor, shape (sample, ...)
        Images as (sample, channel, height, width).
    train_targets, test_targets : Tensor of int64, shape (sample,) or (sample, ...)
        Classes, counted from 0, of samples or of their positions, where
        :data:`~symgeom.landscape.problem.tasks.classes.IGNORED` does not count.
    classes : int
        How many there are.
    name : str
        What the config calls the data set.
    divisor : float
        What the numbers of the source were divided by: 255 for levels of 8 bits.
    mean, deviation : tuple of float
        What was then subtracted and divided by, per channel of an image or feature of a vector: 0
        and 1 unless the inputs are standardised.
    constant : tuple of int
        Channels or features that have one value in all training samples, if the inputs are
        standardised. They are 0 there.
    ignored : int
        Files that were no samples.
    class_names : tuple of str
        What the classes are called, if the source says so.
    """

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    classes: int
    name: str
    divisor: float = 1
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)
    constant: tuple[int, ...] = ()
    ignored: int = 0
    class_names: tuple[str, ...] = ()

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of all four arrays, as hexadecimal digits."""
        arrays = (self.train_inputs, self.train_targets, self.test_inputs, self.test_targets)
        digest = hashlib.sha256()
        for tensor in arrays:
            digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def class_counts(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the samples (or positions) per class, of training and of testing."""
        train = counted(self.train_targets).bincount(minlength=self.classes)
        test = counted(self.test_targets).bincount(minlength=self.classes)
        return tuple(train.tolist()), tuple(test.tolist())

    @property
    def black(self) -> tuple[float, ...]:
        """Return what an input of 0 has become, per channel or feature."""
        scales = zip(self.mean, self.deviation, strict=True)
        return tuple(0.0 - mean / deviation for mean, deviation in scales)
