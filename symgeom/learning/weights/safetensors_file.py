"""Files of safetensors: a header that says where each tensor lies, and the numbers.

Nothing in them can be executed. They have no checksums, but a header whose tensors do not fill the
file exactly is refused.
"""

from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from symgeom.learning.weights.content import Content

LONGEST_HEADER = 100_000_000
"""Bytes that a header has at most."""

AT_ONCE = 2**25
"""Bytes for which a file is opened: what has been read of an open file stays in memory."""


def is_safetensors(path: Path) -> bool:
    """Return whether a file begins as one of safetensors: with the length of a JSON object.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        Whether it does; a name that says so is enough.
    """
    if path.suffix == ".safetensors":
        return True
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return file.read(1) == b"{" and length <= LONGEST_HEADER


def read_safetensors(path: Path) -> Content:
    """Return what a file of safetensors holds.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Content
        Tensors by name.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        names = list(file.keys())
    tensors: dict[str, Tensor] = {}
    while len(tensors) < len(names):
        tensors |= _read_some(path, names[len(tensors) :])
    return Content(tensors, "safetensors", metadata)


def _read_some(path: Path, names: list[str]) -> dict[str, Tensor]:
    """Return the first of some tensors of a file, at least one."""
    tensors = {}
    bytes_read = 0
    with safe_open(path, framework="pt") as file:
        for name in names:
            tensors[name] = file.get_tensor(name).clone()  # another program may change the file
            bytes_read += tensors[name].nbytes
            if bytes_read > AT_ONCE:
                break
    return tensors
