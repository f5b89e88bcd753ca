"""Which files weights lie in: one, or several shards with an index, alone or in a folder.

Nothing here needs torch, so that a workflow can be planned without it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from symgeom.ground.checks import SymgeomError, names_shown

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".npz")
"""How files of weights end."""

WRITTEN = tuple(suffix for suffix in SUFFIXES if suffix != ".npz")
"""How files end in which weights are written."""

INDEX = ".index.json"
"""How the index of shards ends."""

USUAL = (
    "model.safetensors",
    f"model.safetensors{INDEX}",
    "pytorch_model.bin",
    f"pytorch_model.bin{INDEX}",
)
"""What a folder is looked through for first, in this order, because other files lie beside it."""


def is_weights(path: Path) -> bool:
    """Return whether a path looks like one network: a file of weights, or a folder of shards.

    Parameters
    ----------
    path : Path
        A file or folder.

    Returns
    -------
    bool
        By its name, or by the index that it holds.

    Examples
    --------
    >>> is_weights(Path("a.ckpt")), is_weights(Path("a.yaml"))
    (True, False)
    """
    if path.is_dir():
        return any(path.glob(f"*{INDEX}"))
    return path.suffix in SUFFIXES


def check_ending(path: Path) -> None:
    """Raise unless the name of a file says a form in which weights are written.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    SymgeomError
        If its name ends otherwise.

    Examples
    --------
    >>> check_ending(Path("merged.safetensors"))
    """
    if path.suffix not in WRITTEN:
        first, *others = WRITTEN
        raise SymgeomError(
            f"Cannot write weights to '{path}': its name ends in '{path.suffix}'. Give one that "
            f"ends in {first}, or in {', '.join(others)} for torch."
        )


def file_of(path: Path) -> Path:
    """Return the file of weights, or the index, that a path means.

    Parameters
    ----------
    path : Path
        A file, or a folder that holds one network.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SymgeomError
        If there is none, or a folder holds several.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise SymgeomError(
            f"Cannot read the weights in '{path}': there is no such file. Correct the path."
        )
    for name in USUAL:
        if (path / name).is_file():
            return path / name
    files = sorted(path.glob(f"*{INDEX}")) or sorted(_weights_in(path))
    if len(files) == 1:
        return files[0]
    number = "no file of weights"
    if files:
        number = f"{len(files)} of them: {names_shown([file.name for file in files])}"
    raise SymgeomError(
        f"Cannot read the weights in the folder '{path}': a folder holds one file that ends in "
        f"{', '.join(SUFFIXES)}, or one index ('*{INDEX}') with its shards, and there is {number}. "
        "Name the file."
    )


def all_files(path: Path) -> list[Path]:
    """Return all files that the weights of one network lie in.

    Parameters
    ----------
    path : Path
        A file, an index of shards, or a folder that holds one of them.

    Returns
    -------
    list of Path
        The file; or the index, and its shards by name.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.pt"
    >>> path.touch()
    >>> all_files(path.parent) == [path]
    True
    """
    file = file_of(path)
    if not file.name.endswith(".json"):
        return [file]
    shards = sorted(set(weight_map(file).values()))
    return [file, *(file.with_name(shard) for shard in shards)]


def weight_map(index: Path) -> dict[str, str]:
    """Return in which shard each tensor lies.

    Parameters
    ----------
    index : Path
        The index, as Hugging Face writes it.

    Returns
    -------
    dict of str to str
        From tensors to files beside the index.

    Raises
    ------
    SymgeomError
        If it is no index, a shard lies elsewhere or is missing.
    """
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SymgeomError(
            f"Cannot read the index '{index}' ({type(error).__name__}): it is no JSON. Copy it "
            "again."
        ) from error
    shards = content.get("weight_map") if isinstance(content, Mapping) else None
    if not isinstance(shards, Mapping) or not shards:
        raise SymgeomError(
            f"Cannot read the index '{index}': it has no 'weight_map' of tensors to files. Give a "
            "file of weights, or the index of their shards."
        )
    for shard in sorted({str(shard) for shard in shards.values()}):
        _check_shard(index, shard)
    return {str(name): str(shard) for name, shard in shards.items()}


def _check_shard(index: Path, shard: str) -> None:
    """Raise unless a shard is a file beside its index."""
    if Path(shard).name != shard or "\\" in shard or "\0" in shard:
        raise SymgeomError(
            f"Cannot read the shards of '{index}': {shard!r} is no file beside it, and shards are "
            "read from nowhere else. Correct the index."
        )
    if not index.with_name(shard).is_file():
        raise SymgeomError(
            f"Cannot read the shards of '{index}': there is no file {shard!r} beside it. Copy all "
            "shards."
        )


def _weights_in(folder: Path) -> Iterator[Path]:
    for file in folder.iterdir():
        if file.is_file() and file.suffix in SUFFIXES:
            yield file
