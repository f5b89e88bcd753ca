"""Labels in a file: one whole number for each sample, or one for each of its positions.

A position is a token, or a pixel. Positions that do not count (padding, the rim of an object) have
a label of their own, in a file whatever the option ``ignored_label`` says, and here
:data:`~symgeom.landscape.problem.tasks.classes.IGNORED`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.landscape.problem.tasks.classes import IGNORED

SUBJECTS = ("sample", "position")
"""What may have a label."""


@dataclass(frozen=True)
class Labels:
    """How the labels of a file are read.

    Attributes
    ----------
    subject : {"sample", "position"}
        What has a label.
    ignored : int
        The label of positions that do not count.
    """

    subject: str
    ignored: int

    def __post_init__(self) -> None:
        check_choice(self.subject, SUBJECTS, "labels")
        if type(self.ignored) is not int:
            raise SymgeomError(
                f"Cannot leave out positions of label {self.ignored!r}: give the option "
                "'ignored_label' as a whole number."
            )
        if self.subject == "sample" and self.ignored != IGNORED:
            raise SymgeomError(
                f"Cannot leave out samples of label {self.ignored}: only positions may not count. "
                "Leave the option 'ignored_label' out, or choose labels = 'position'."
            )

    def of(self, array: np.ndarray, name: str, file: Path) -> Tensor:
        """Return an array of labels as a tensor.

        Parameters
        ----------
        array : np.ndarray, shape (sample,) or (sample, ...)
            The array.
        name : str
            What the file calls it, for the message.
        file : Path
            The file.

        Returns
        -------
        Tensor of int64, of the same shape
            Classes, and :data:`~symgeom.landscape.problem.tasks.classes.IGNORED`.

        Raises
        ------
        SymgeomError
            If it is not one whole number from 0 on for each sample, or for each position.

        Examples
        --------
        >>> labels = Labels("position", ignored=255)
        >>> labels.of(np.array([[0, 1], [1, 255]]), "targets", Path("masks.npz"))
        tensor([[   0,    1],
                [   1, -100]])
        """
        whole = array.dtype.kind in "iu"
        of_positions = self.subject == "position"
        counted = array
        if of_positions and whole:
            counted = array[array != self.ignored]
        fits = array.ndim > 1 if of_positions else array.ndim == 1
        if not fits or not whole or not counted.size or counted.min() < 0:
            least = f" and smallest value {counted.min()}" if whole and counted.size else ""
            raise SymgeomError(
                f"Cannot use the array '{name}' of '{file}' as labels: it has shape {array.shape}, "
                f"type {array.dtype}{least}. {self._advice()}"
            )
        labels = torch.from_numpy(array.astype(np.int64))
        return labels.masked_fill(labels == self.ignored, IGNORED) if of_positions else labels

    def _advice(self) -> str:
        """Say what labels are."""
        if self.subject == "sample":
            return (
                "Give one whole number from 0 on per sample (astype(int), and the largest place of "
                "a one-hot code), or choose labels = 'position'."
            )
        return (
            f"Give one whole number from 0 on per position ({self.ignored} where it does not "
            "count), or labels = 'sample'."
        )
