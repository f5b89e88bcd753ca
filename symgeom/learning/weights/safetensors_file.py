"""Files of safetensors: a header that says where each tensor lies, and the numbers.

Nothing in them can be executed. They have no checksums, but a header whose tensors do not fill the
file exactly is refused.
"""

from pathlib import Path

from safetensors import safe_open

from symgeom.learning.weights.content import Content

LONGEST_HEADER = 100_000_000
"""Bytes that a header has at most."""


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
    tensors = {}
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        for name in file.keys():  # noqa: SIM118 -- it is no mapping
            tensors[name] = file.get_tensor(name).clone()  # another program may change the file
    return Content(tensors, "safetensors", metadata)
