"""What ``torch.save`` writes: a zip, or the form that PyTorch wrote before version 1.6.

Both hold a pickle, which could execute anything. PyTorch's safe loader makes tensors, numbers,
texts and their containers, and refuses all else. For what people keep beside their weights (numbers
of numpy, the arguments of a command line, paths) it is given a :class:`StandIn`: what would be made
or called is neither.
"""

import pickle
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.content import Content
from symgeom.learning.weights.zips import check_sums, check_unpacked, entries, is_zip

HARMLESS = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
)
"""What is represented by a stand-in."""

NETWORKS = ("torch.nn.modules.", "torch.nn.parallel.", "torch.fx.")
"""How the names of a network's own classes begin."""

PICKLES = 5
"""How many pickles the form before PyTorch 1.6 consists of."""


class StandIn:
    """What stands in the place of an object: it takes what that is made of, and keeps nothing.

    Parameters
    ----------
    *arguments : object
        Of the object.
    """

    def __init__(self, *arguments: object) -> None:
        """Keep nothing."""

    def __new__(cls, *arguments: object) -> "StandIn":
        """Take any arguments."""
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Keep nothing."""


STAND_INS: tuple[tuple[Callable[..., object], str], ...] = tuple(
    (StandIn, name) for name in HARMLESS
)


def read_torch(path: Path) -> Content:
    """Return what a file of torch holds, on the CPU, without executing any of it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Content
        What was saved.

    Raises
    ------
    SymgeomError
        If it is damaged, a program, or holds what would have to be executed.
    """
    form = "torch, before 1.6"
    if is_zip(path):
        form = "torch"
        _check_no_program(path)
        check_unpacked(path)
        check_sums(path)
    return Content(_loaded(path), form)


def _loaded(path: Path) -> object:
    """Return what PyTorch's safe loader makes of a file."""
    try:
        with torch.serialization.safe_globals(list(STAND_INS)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        if refused is None:
            raise
        raise SymgeomError(_about_object(path, refused[1])) from error


def _check_no_program(path: Path) -> None:
    """Raise if a zip is a network with its code, as ``torch.jit.save`` writes it."""
    names = {Path(entry.filename).name for entry in entries(path)}
    if "constants.pkl" in names:
        raise SymgeomError(
            f"Cannot read the weights in '{path}': it holds a program of TorchScript (torch.jit), "
            "and nothing in it is executed. If you trust it, save "
            "torch.jit.load(path).state_dict()."
        )


def _about_object(path: Path, name: str) -> str:
    """Say that a file holds an object that PyTorch would have to make or call."""
    holds = f"beside tensors it holds '{name}'"
    if any(used.startswith(NETWORKS) for used in _names_in(path)):
        holds = f"it holds a whole network with the names of its code ('{name}'), and no state dict"
    return (
        f"Cannot read the weights in '{path}': {holds}, and nothing in it is executed. If you "
        "trust it, load it where it was made, and save network.state_dict() alone."
    )


def _names_in(path: Path) -> list[str]:
    """Return the classes and functions that a file names, without looking any of them up."""
    if not is_zip(path):
        with path.open("rb") as file:
            return list(_names_in_pickles(file))
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if Path(name).name == "data.pkl":
                with archive.open(name) as file:
                    return list(_names_in_pickles(file))
    return []


def _names_in_pickles(file: IO[bytes]) -> Iterator[str]:
    """Yield the classes and functions that pickles name, as far as they can be read."""
    try:
        for _ in range(PICKLES):
            for operation, argument, _ in pickletools.genops(file):
                if operation.name == "GLOBAL":
                    yield str(argument).replace(" ", ".")
    except (ValueError, EOFError):  # what comes after them
        return
