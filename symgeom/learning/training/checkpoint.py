"""Keep what a killed training goes on from.

A checkpoint is written at the end of an epoch, whole or not at all
(:mod:`symgeom.ground.whole_files`). It holds everything: weights, the optimizer's state, the random
generators, the labels, the history, what an observer knows, and the stage. Training that goes on
from it ends as if it had never stopped, bit for bit on a CPU.

The file belongs to whoever asked for it. Training reads and rewrites it, also once more at its very
end, and never removes it, because only the caller knows when the outcome is safe elsewhere.
"""

import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.whole_files import remove_partials
from symgeom.learning.saved import save_whole

CANNOT_READ = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)
"""What ``torch.load`` raises on files that are truncated or no checkpoints."""


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often to keep the state of a training.

    Attributes
    ----------
    path : str or Path
        The file; its folder is made. What it holds is never executed (``weights_only``).
    every : int
        Epochs between two writes; the last epoch is always written.
    digest : str
        A digest of all that training depends on and cannot see, for instance of the config. A
        checkpoint of another digest, optimizer, plan or number of networks is set aside.

    Examples
    --------
    >>> Checkpoint("adam.checkpoint", every=5).every
    5
    """

    path: str | Path
    every: int = 1
    digest: str = ""

    def __post_init__(self) -> None:
        if type(self.every) is not int or self.every < 1:
            raise SymgeomError(
                f"Cannot write a checkpoint every {self.every!r} epochs: "
                "give a positive whole number."
            )

    def write(self, content: Mapping[str, object], key: str) -> None:
        """Write a checkpoint, whole or not at all.

        Parameters
        ----------
        content : mapping
            Nested dicts and lists of tensors, numbers and texts.
        key : str
            What the training is; :meth:`read` asks for it.

        Raises
        ------
        SymgeomError
            If it cannot be written: a full disk, no such place, no rights.
        """
        keyed = {"key": self._full_key(key), **content}
        save_whole(self.path, keyed)

    def read(self, key: str) -> tuple[dict[str, object] | None, str]:
        """Read a checkpoint.

        One that does not belong, or that cannot be read, is renamed, so that it is neither used nor
        lost. What a killed writer left of one is removed.

        Parameters
        ----------
        key : str
            What the training is.

        Returns
        -------
        content : dict or None
            What was written, on the CPU; None if there is nothing to go on from.
        why : str
            Why a file was set aside, and its new name; empty if none was.
        """
        path = Path(self.path)
        remove_partials(path)
        try:
            _check_sums(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content["key"] == self._full_key(key):
                return content, ""
            why = "it belongs to another training"
        except FileNotFoundError:
            return None, ""
        except CANNOT_READ as error:
            why = f"it cannot be read ({type(error).__name__})"
        aside = path.with_name(f"{path.name}.aside")
        os.replace(path, aside)
        return None, f"checkpoint {path.name} set aside as {aside.name}: {why}"

    def _full_key(self, key: str) -> str:
        return f"{self.digest}\n{key}"


def _check_sums(path: Path) -> None:
    """Compare the checksums of a checkpoint, which torch writes and does not read."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(damaged)
