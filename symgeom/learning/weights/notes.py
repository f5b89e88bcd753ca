"""What is said of a file of weights: what was unwrapped, renamed, cast, ignored and filled in."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from symgeom.ground.checks import names_shown
from symgeom.learning.weights.names import COUNTER
from symgeom.learning.weights.numbers import REAL
from symgeom.learning.weights.parts import Part


def note_of_file(path: Path, file: Path) -> Iterator[str]:
    """Say which file of a folder was read.

    Parameters
    ----------
    path : Path
        What was asked for.
    file : Path
        What was read.

    Yields
    ------
    str
        A sentence, or nothing.
    """
    if file != path:
        yield f"Read '{file.name}' of the folder."


def notes_of_part(holds: object, part: Part) -> Iterator[str]:
    """Say where the weights lay, what became of their names, and what was ignored.

    Parameters
    ----------
    holds : object
        What the file holds.
    part : Part
        What was read.

    Yields
    ------
    str
        Sentences.
    """
    naming = part.naming
    if part.keys:
        yield f"Read the weights under {'.'.join(part.keys)!r}."
    if naming.stem:
        yield f"Removed {naming.stem!r} from their names."
    if naming.added:
        yield f"Put '{naming.added}' before their names."
    if naming.within:
        yield f"Removed {list(naming.within)} within their names."
    if naming.by_library:
        yield "Read their names as the library of the network writes them."
    ignored = [*_beside(holds, part), *part.beside()]
    if ignored:
        yield f"Ignored {names_shown(ignored)}."


def note_of_cast(dtypes: Iterable[torch.dtype], precision: torch.dtype) -> Iterator[str]:
    """Say that weights were cast.

    Parameters
    ----------
    dtypes : iterable of torch.dtype
        Those of the file.
    precision : torch.dtype
        That of the weights as they are handed on.

    Yields
    ------
    str
        A sentence, or nothing.
    """
    others = {str(dtype) for dtype in dtypes if dtype in REAL and dtype != precision}
    if others:
        yield f"Cast {' and '.join(sorted(others))} to {precision}."


def note_of_counters(expected: Mapping[str, Tensor], held: Collection[str]) -> Iterator[str]:
    """Say that counters of batches, which old files lack, are those of the network.

    Parameters
    ----------
    expected : mapping of str to Tensor
        The tensors of the network.
    held : collection of str
        Those that the file holds.

    Yields
    ------
    str
        A sentence, or nothing.
    """
    lacking = [name for name in expected if name.endswith(COUNTER) and name not in held]
    if lacking:
        yield f"Took {names_shown(lacking)} from the network, because the file has none."


def _beside(holds: object, part: Part) -> Iterator[str]:
    """Yield what lies beside a part in the mappings around it, and beside its tensors."""
    around = holds
    for key in part.keys:
        if not isinstance(around, Mapping):
            return
        for name in around:
            if name != key:
                yield str(name)
        around = around[key]
    if isinstance(around, Mapping):
        yield from (str(name) for name in around if name not in part.state)
