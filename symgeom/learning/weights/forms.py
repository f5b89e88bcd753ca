"""Read a file in whatever form it is, without executing any of it.

What a file is, is seen in its first bytes: people give the same form many endings.
"""

from collections.abc import Mapping
from pathlib import Path

from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.content import Content
from symgeom.learning.weights.files import weight_map
from symgeom.learning.weights.npz_file import read_npz
from symgeom.learning.weights.safetensors_file import is_safetensors, read_safetensors
from symgeom.learning.weights.torch_file import read_torch
from symgeom.learning.weights.zips import entries, is_zip

FOREIGN = {
    b"version https://git-lfs": "a pointer of Git LFS in the place of the weights: 'git lfs pull'",
    b"<": "a page of the web in the place of the weights: download the file itself",
    b"GGUF": "a file of llama.cpp (GGUF): take the weights that it was made of",
    b"\x89HDF": "a file of HDF5: save its arrays with np.savez, under the names of the network",
}
"""What a file is that begins so, and what to do."""


def read_content(path: Path) -> Content:
    """Return what a file holds.

    Parameters
    ----------
    path : Path
        A file of weights, or an index of shards.

    Returns
    -------
    Content
        What it holds; of shards, all tensors.

    Raises
    ------
    SymgeomError
        If it is damaged, of an unknown form, or holds what would have to be executed.
    """
    if path.name.endswith(".json"):
        return _read_shards(path)
    return _read_file(path)


def _read_file(path: Path) -> Content:
    """Return what a file that is no index holds."""
    _check_not_foreign(path)
    try:
        return _read(path)
    except SymgeomError:
        raise
    except Exception as error:  # torch raises many kinds
        raise SymgeomError(
            f"Cannot read the weights in '{path}' ({type(error).__name__}): it is truncated or "
            "damaged, or holds more than tensors (nothing in it is executed). "
            "Save network.state_dict() with torch.save, or with safetensors."
        ) from error


def _read(path: Path) -> Content:
    if is_safetensors(path):
        return read_safetensors(path)
    if is_zip(path) and _holds_arrays(path):
        return read_npz(path)
    return read_torch(path)


def _holds_arrays(path: Path) -> bool:
    """Return whether a zip is one of numpy."""
    names = [entry.filename for entry in entries(path)]
    return bool(names) and all(name.endswith(".npy") for name in names)


def _check_not_foreign(path: Path) -> None:
    """Raise if a file is of a form that others write."""
    with path.open("rb") as file:
        begin = file.read(32)
    for mark, meaning in FOREIGN.items():
        if begin.startswith(mark):
            raise SymgeomError(f"Cannot read the weights in '{path}': it is {meaning}.")


def _read_shards(index: Path) -> Content:
    """Return the tensors that an index names, from all its shards."""
    shard_of = weight_map(index)
    shards = sorted(set(shard_of.values()))
    tensors: dict[str, object] = {}
    for shard in shards:
        content = _read_file(index.with_name(shard))
        wanted = [name for name, file in shard_of.items() if file == shard]
        tensors |= _taken(content.holds, wanted, index.with_name(shard))
    return Content(tensors, f"{content.form} in {len(shards)} shards", content.metadata)


def _taken(holds: object, names: list[str], shard: Path) -> dict[str, object]:
    """Return the tensors of a shard that the index looks for in it."""
    tensors = {}
    for name in names:
        if not isinstance(holds, Mapping) or name not in holds:
            raise SymgeomError(
                f"Cannot read the shards: the index looks for tensor {name!r} in '{shard}', which "
                "does not hold it. Copy index and shards again, from one place."
            )
        tensors[name] = holds[name]
    return tensors
