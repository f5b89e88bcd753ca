"""Any folder of pictures, or a zip of one.

There is a folder per class, below ``train`` and ``test`` or at the top. Classes are numbered in the
order of their names, and pictures are taken in the order of theirs. Only the pictures that are used
are decoded.
"""

from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.study.datasets.checking import check_flag
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.pictures import (
    MOST_PIXELS,
    Shelf,
    decode,
    is_picture,
    open_shelf,
)
from symgeom.study.datasets.splits import stratified_split

NAME = "image_folder"

PARTS = frozenset({"train", "test"})

LEVELS = 255
"""The level of the brightest pixel."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """The names of pictures, and the class of each."""

    names: list[str]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Tensor) -> "Pictures":
        """Return some of them."""
        names = [self.names[sample] for sample in index.tolist()]
        return Pictures(names, self.targets[index])


def read(
    choice: Choice,
    *,
    path: Path,
    test_fraction: float | None = None,
    size: int | None = None,
    grayscale: bool = False,
) -> Data:
    """Read pictures from folders.

    Parameters
    ----------
    choice : Choice
        Which samples, and their scale.
    path : Path
        The folder or the zip.
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
        If it has not at least two classes with pictures, or class folders beside train and test,
        train and test have different classes, a picture that is used cannot be decoded, or sizes
        differ.
    """
    largest = isqrt(MOST_PIXELS)
    if size is not None and (type(size) is not int or not 1 <= size <= largest):
        raise SymgeomError(
            f"Cannot read pictures with size = {size!r}: give a positive whole number of pixels, "
            f"at most {largest}."
        )
    check_flag(NAME, "grayscale", grayscale)
    with open_shelf(path) as shelf:
        class_names, train, test = _listing(shelf, test_fraction, choice.split)
        ignored = len(shelf.files) - len(train) - len(test)
        train_index, test_index = choice.indices(
            NAME, train.targets, test.targets, classes=len(class_names)
        )
        train = train[train_index]
        test = test[test_index]
        levels = decode(shelf, [*train.names, *test.names], size=size, grayscale=grayscale)
    train_levels, test_levels = levels.split([len(train), len(test)])
    return Data(
        _scaled(train_levels),
        train.targets,
        _scaled(test_levels),
        test.targets,
        len(class_names),
        NAME,
        divisor=LEVELS,
        ignored=ignored,
        class_names=tuple(class_names),
    )


def _scaled(levels: Tensor) -> Tensor:
    """Return levels as numbers from 0 to 1."""
    return levels.to(torch.float32).div_(LEVELS)


def _listing(
    shelf: Shelf, test_fraction: float | None, split: int
) -> tuple[list[str], Pictures, Pictures]:
    """Return the names of the classes, and the pictures of training and of testing."""
    top_folders = {folder for folder in shelf.folders if "/" not in folder}
    parts = top_folders & PARTS
    if len(parts) == 1:
        (there,) = parts
        absent = "test" if there == "train" else "train"
        raise SymgeomError(
            f"Cannot read '{shelf.path}': it has a folder '{there}' and no '{absent}'. Give both, "
            "or class folders only and the option 'test_fraction'."
        )
    if parts:
        return _listing_of_parts(shelf, test_fraction)
    if test_fraction is None:
        raise SymgeomError(
            f"Cannot split '{shelf.path}': it has no folders 'train' and 'test' (but "
            f"{sorted(top_folders)[:5]}). Give the option 'test_fraction'."
        )
    class_names, pictures = _classes(shelf, "")
    generator = stream("split", NAME, split)
    train, test = stratified_split(pictures.targets, test_fraction, generator=generator)
    return class_names, pictures[train], pictures[test]


def _listing_of_parts(
    shelf: Shelf, test_fraction: float | None
) -> tuple[list[str], Pictures, Pictures]:
    """As :func:`_listing`, of folders ``train`` and ``test``."""
    if test_fraction is not None:
        raise SymgeomError(
            f"Cannot split '{shelf.path}' with test_fraction = {test_fraction}: it is split into "
            "'train' and 'test' already. Leave the option out."
        )
    _check_no_classes_beside(shelf)
    class_names, train = _classes(shelf, "train/")
    test_class_names, test = _classes(shelf, "test/")
    if class_names != test_class_names:
        different = sorted(set(class_names) ^ set(test_class_names))
        raise SymgeomError(
            f"Cannot read '{shelf.path}': classes {different} are in one of 'train' and 'test' "
            "only. Give both the same class folders."
        )
    return class_names, train, test


def _check_no_classes_beside(shelf: Shelf) -> None:
    """Raise if class folders lie beside ``train`` and ``test``; folders of folders are no such."""
    beside = set()
    for file in shelf.files:
        folders = file.split("/")[:-1]
        if len(folders) == 1 and folders[0] not in PARTS and is_picture(file):
            beside.add(folders[0])
    if beside:
        raise SymgeomError(
            f"Cannot tell the classes of '{shelf.path}': beside its folders 'train' and 'test' "
            f"there are pictures in {sorted(beside)}. Move those into the class folders of 'train' "
            "and 'test', or out of there."
        )


def _classes(shelf: Shelf, prefix: str) -> tuple[list[str], Pictures]:
    """List the class folders below a prefix, and all pictures with their classes."""
    class_names = []
    for folder in shelf.folders:
        below = folder.removeprefix(prefix)
        if folder.startswith(prefix) and below and "/" not in below:
            class_names.append(below)
    where = f"{shelf.path}/{prefix}".rstrip("/")
    if len(class_names) < 2:
        inside = f" If they lie in '{class_names[0]}', give that one." if class_names else ""
        raise SymgeomError(
            f"Cannot classify the pictures of '{where}': it has {len(class_names)} class folders "
            f"{class_names}. Give at least two, each with the pictures of one class.{inside}"
        )
    members: dict[str, list[str]] = {name: [] for name in class_names}
    for file in shelf.files:
        class_name, below, _ = file.removeprefix(prefix).partition("/")
        if below and file.startswith(prefix) and is_picture(file):
            members[class_name].append(file)
    empty = [name for name in class_names if not members[name]]
    if empty:
        raise SymgeomError(
            f"Cannot use the class folders {empty} of '{where}': they hold no pictures. Fill them, "
            "or remove them."
        )
    names = []
    labels = []
    for label, class_name in enumerate(class_names):
        names += members[class_name]
        labels += [label] * len(members[class_name])
    return class_names, Pictures(names, torch.tensor(labels))
