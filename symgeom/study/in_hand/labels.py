"""What the files in hand are called."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.files import SUFFIXES, is_weights


def labelled_paths(given: Sequence[Path], *, least: int) -> dict[str, Path]:
    """Name the files: by their names without endings, or by their paths where these are alike.

    Parameters
    ----------
    given : sequence of Path
        Files; a folder stands for all files of weights in it, by name.
    least : int
        How many are needed.

    Returns
    -------
    dict of str to Path
        The files by their labels, in their order.

    Raises
    ------
    SymgeomError
        If a folder holds no files of weights, a file is named twice, or there are too few.

    Examples
    --------
    >>> list(labelled_paths([Path("runs/0.pt"), Path("runs/1.pt")], least=2))
    ['0', '1']
    >>> list(labelled_paths([Path("a/last.pt"), Path("b/last.pt")], least=2))
    ['a/last.pt', 'b/last.pt']
    """
    paths: list[Path] = []
    for path in given:
        paths.extend(_in_folder(path) if path.is_dir() else [path])
    for path, times in Counter(paths).items():
        if times > 1:
            raise SymgeomError(f"Cannot use '{path}' {times} times: name every file once.")
    if len(paths) < least:
        raise SymgeomError(
            f"Cannot do this with {_counted(paths)}: at least {least} are needed. Name more, or a "
            "folder that holds them."
        )
    stems = [path.stem for path in paths]
    are_different = len(set(stems)) == len(stems)
    labels = stems if are_different else map(str, paths)
    return dict(zip(labels, paths, strict=True))


def _counted(paths: Sequence[Path]) -> str:
    """Say how many files there are."""
    return f"the single file '{paths[0]}'" if len(paths) == 1 else f"{len(paths)} files"


def _in_folder(folder: Path) -> list[Path]:
    """Return the files of weights in a folder, by name; a folder of shards is one network."""
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if is_weights(folder):
        return [folder]
    if not files:
        raise SymgeomError(
            f"Cannot use folder '{folder}': it holds no file that ends in "
            f"{', '.join(SUFFIXES)}. Name the files, or another folder."
        )
    return files
