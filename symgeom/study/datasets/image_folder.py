"""Any folder of pictures, or a zip of one: a folder per class, below ``train`` and ``test`` or at the top.

Classes are numbered in the order of their names, and pictures are taken in the order of theirs.
Only the chosen ones are decoded.
"""

from pathlib import Path

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.study.datasets.data import Choice, Data, stratified_split
from symgeom.study.datasets.pictures import Shelf, decode, is_picture, shelf

NAME = "image_folder"
Files = tuple[list[str], Tensor]
"""Names of pictures and their classes."""


def image_folder(
    root: Path,
    choice: Choice,
    *,
    path: str,
    test_fraction: float | None = None,
    size: int | None = None,
    grayscale: bool = False,
) -> Data:
    """Read pictures from folders.

    Parameters
    ----------
    root : Path
        The folder of data sets.
    choice : Choice
        Which samples, and their scale.
    path : str
        The folder or the zip, absolute or below ``root``.
    test_fraction : float, optional
        Share of each class that is kept for testing; needed where there is no ``train`` and
        ``test``.
    size : int, optional
        Height and width (pixels): the shorter side of each picture is resized to it and the middle
        is cut out. As they are by default; all must then be of one size.
    grayscale : bool
        Whether to turn colours to grey, for one channel in place of three.

    Returns
    -------
    Data
        Inputs of float32, shape (sample, channel, height, width), the levels divided by 255. Files
        that are no pictures, or lie in no class folder, are counted in ``ignored``.

    Raises
    ------
    SymgeomError
        If there is no such folder, it has not at least two classes with pictures, train and test
        have different classes, a chosen picture cannot be decoded, or sizes differ.
    """
    if size is not None and (type(size) is not int or size < 1):
        raise SymgeomError(
            f"Cannot read pictures with size = {size!r}: give a positive whole number of pixels."
        )
    if not isinstance(grayscale, bool):
        raise SymgeomError(
            f"Cannot read pictures with grayscale = {grayscale!r}: give true or false."
        )
    with shelf(root / path) as files:
        names, (train, test) = _listing(files, test_fraction, choice.split)
        ignored = len(files.files) - len(train[0]) - len(test[0])
        chosen = choice.indices(NAME, train[1], test[1])
        parts = []
        for (pictures, targets), index in zip((train, test), chosen, strict=True):
            images = decode(
                files, [pictures[place] for place in index.tolist()], size=size, grayscale=grayscale
            )
            parts += [images.to(torch.float32).div_(255), targets[index]]
    if parts[0].shape[1:] != parts[2].shape[1:]:
        raise SymgeomError(
            f"Cannot use the pictures of '{files.place}': those of training have shape {tuple(parts[0].shape[1:])}, those of "
            f"testing {tuple(parts[2].shape[1:])}. Give the option 'size'."
        )
    return choice.normalised(
        Data(*parts, len(names), NAME, ignored=ignored, class_names=tuple(names))
    )


def _listing(
    files: Shelf, test_fraction: float | None, split: int
) -> tuple[list[str], tuple[Files, Files]]:
    """Return the names of the classes, and the pictures of training and of testing."""
    tops = {folder for folder in files.folders if "/" not in folder}
    parts = sorted(tops & {"train", "test"})
    if len(parts) == 1:
        raise SymgeomError(
            f"Cannot read '{files.place}': it has a folder '{parts[0]}' and no '{'test' if parts == ['train'] else 'train'}'. "
            "Give both, or class folders only and the option 'test_fraction'."
        )
    if parts:
        return _given_split(files, test_fraction)
    if test_fraction is None:
        raise SymgeomError(
            f"Cannot split '{files.place}': it has no folders 'train' and 'test' (but {sorted(tops)[:5]}). Give the option "
            "'test_fraction'."
        )
    names, (pictures, targets) = _classes(files, "")
    train, test = stratified_split(targets, test_fraction, generator=stream("split", NAME, split))
    return names, tuple(
        ([pictures[place] for place in index.tolist()], targets[index]) for index in (train, test)
    )


def _given_split(
    files: Shelf, test_fraction: float | None
) -> tuple[list[str], tuple[Files, Files]]:
    if test_fraction is not None:
        raise SymgeomError(
            f"Cannot split '{files.place}' with test_fraction = {test_fraction}: it is split into 'train' and 'test' already. "
            "Leave the option out."
        )
    (names, train), (others, test) = _classes(files, "train/"), _classes(files, "test/")
    if names != others:
        raise SymgeomError(
            f"Cannot read '{files.place}': classes {sorted(set(names) ^ set(others))} are in one of 'train' and 'test' only. "
            "Give both the same class folders."
        )
    return names, (train, test)


def _classes(files: Shelf, prefix: str) -> tuple[list[str], Files]:
    """List the class folders below a prefix, and all pictures with their classes."""
    below = [folder.removeprefix(prefix) for folder in files.folders if folder.startswith(prefix)]
    names = [folder for folder in below if folder and "/" not in folder]
    where = f"{files.place}/{prefix}".rstrip("/")
    if len(names) < 2:
        raise SymgeomError(
            f"Cannot classify the pictures of '{where}': it has {len(names)} class folders {names}. Give at least two, each with "
            "the pictures of one class."
        )
    members: dict[str, list[str]] = {name: [] for name in names}
    for file in files.files:
        folder, below, _ = file.removeprefix(prefix).partition("/")
        if below and file.startswith(prefix) and is_picture(file):
            members[folder].append(file)
    empty = [name for name in names if not members[name]]
    if empty:
        raise SymgeomError(
            f"Cannot use the class folders {empty} of '{where}': they hold no pictures. Fill them, or remove them."
        )
    targets = torch.tensor([label for label, name in enumerate(names) for _ in members[name]])
    return names, ([file for name in names for file in members[name]], targets)
