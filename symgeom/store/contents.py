"""What a study consists of: the stores, arms and seeds that its configuration names.

Snakemake removes nothing: what an earlier configuration made stays in the folder of a study. The
workflow therefore writes, whenever it begins, what its configuration names; all else is left over.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from symgeom.ground.checks import SymgeomError
from symgeom.ground.checksums import CHANGED
from symgeom.ground.sealed_json import sealed, unsealed
from symgeom.ground.whole_files import remove_partials, write_text
from symgeom.store.reading import file_system

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import PurePosixPath

    import xarray as xr

NAME = "study.json"
"""The file in the folder of a study that says what the study consists of."""

OF_ARMS = ("arm", "first_arm", "second_arm", "vertex_arm")
"""Coordinates that name arms."""

OF_SEEDS = ("seed", "first_seed", "second_seed", "vertex_seed")
"""Coordinates that name seeds."""


@dataclass(frozen=True)
class Contents:
    """What the configuration of a study names.

    Attributes
    ----------
    stores : frozenset of str
        The stores, relative to the folder of the study.
    arms : tuple of str
        The arms.
    seeds : tuple of int
        The seeds.
    """

    stores: frozenset[str]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]

    def divided(
        self, stores: Iterable[PurePosixPath]
    ) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
        """Divide the stores in a folder into those of the study and those that are left over.

        Parameters
        ----------
        stores : iterable of PurePosixPath
            Relative to the folder.

        Returns
        -------
        own, left_over : list of PurePosixPath
            In the same order.
        """
        own: list[PurePosixPath] = []
        left_over: list[PurePosixPath] = []
        for store in stores:
            kind = own if store.as_posix() in self.stores else left_over
            kind.append(store)
        return own, left_over

    def part_of(self, dataset: xr.Dataset) -> xr.Dataset:
        """Return the part of a stage that belongs to the study.

        Parameters
        ----------
        dataset : xr.Dataset
            The stage; where it has not been measured anew, it may hold arms that are gone.

        Returns
        -------
        xr.Dataset
            The same without those.
        """
        named = dict.fromkeys(OF_ARMS, np.array(self.arms))
        named |= dict.fromkeys(OF_SEEDS, np.array(self.seeds))
        for name, labels in named.items():
            if name not in dataset.coords:
                continue
            belongs = np.isin(dataset[name].values, labels)
            further_axes = tuple(range(1, belongs.ndim))
            rows = np.flatnonzero(belongs.all(axis=further_axes))
            if len(rows) < len(belongs):
                dataset = dataset.isel({dataset[name].dims[0]: rows})
        return dataset


def write_contents(
    folder: str | Path, stores: Iterable[str], *, arms: Sequence[str], seeds: Sequence[int]
) -> None:
    """Write what a study consists of, if it is not written yet.

    Parameters
    ----------
    folder : str or Path
        The folder of the study.
    stores : iterable of str
        Its stores, relative to the folder.
    arms : sequence of str
        Its arms.
    seeds : sequence of int
        Its seeds.

    Raises
    ------
    SymgeomError
        If nothing can be written into the folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_contents(folder, ["minima/mlp/sgd.zarr.zip"], arms=["sgd"], seeds=[0])
    >>> read_contents(folder).arms
    ('sgd',)
    """
    folder = Path(folder)
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise SymgeomError(
            f"Cannot write into '{folder}', where the results of the study lie: it is read-only, "
            "or another user's. Correct its rights, or name another 'study' in the configuration."
        )
    text = sealed({"arms": list(arms), "seeds": list(seeds), "stores": sorted(stores)})
    file = folder / NAME
    remove_partials(file)
    if not file.is_file() or file.read_bytes() != text.encode():
        write_text(file, text)


def read_contents(path: str | Path) -> Contents | None:
    """Read what a study consists of.

    Parameters
    ----------
    path : str or Path
        The folder of the study, or its URL.

    Returns
    -------
    Contents or None
        None where it is not said: of studies of older versions, or made within another workflow.

    Raises
    ------
    SymgeomError
        If the file that says it was truncated or changed.
    """
    files, folder = file_system(path)
    file = f"{folder}/{NAME}"
    if not files.isfile(file):
        return None
    content = unsealed(files.cat_file(file))
    if content is None:
        raise SymgeomError(
            f"Cannot read '{path}/{NAME}': {CHANGED}. Delete it: the next run of snakemake writes "
            "it again."
        )
    return Contents(frozenset(content["stores"]), tuple(content["arms"]), tuple(content["seeds"]))
