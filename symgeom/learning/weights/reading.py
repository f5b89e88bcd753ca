"""Read the weights of a network from a file, in the forms in which people have them.

A file is one of safetensors, of ``torch.save`` or of ``numpy.savez``, or an index of shards; alone,
or in a folder. It holds a state dict, alone or in a larger checkpoint, under the names of the
network, or under one stem of them. Nothing in it is executed. It need not hold tensors that share
their memory with one that it holds, nor buffers that no state dict keeps: they are taken from the
network.

The checksums of zips (torch, numpy) are compared. Files of safetensors, and those that PyTorch
wrote before version 1.6, have none: there a changed number is noticed where it is not finite.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import Architecture
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import cast
from symgeom.ground.wrappers import unwrapped
from symgeom.learning.weights.content import Content
from symgeom.learning.weights.files import file_of
from symgeom.learning.weights.forms import read_content
from symgeom.learning.weights.library_names import library_names
from symgeom.learning.weights.names import Ties, ties_of
from symgeom.learning.weights.notes import (
    note_of_cast,
    note_of_counters,
    note_of_file,
    notes_of_part,
)
from symgeom.learning.weights.numbers import (
    ADVICE,
    as_in_network,
    check_tensor,
    working_precision,
)
from symgeom.learning.weights.parts import Part, chosen_part, parts_of, unfit
from symgeom.learning.weights.record import ReadWeights


@door
def read_weights(
    path: str | Path, network: nn.Module, *, choice: str | None = None
) -> dict[str, Tensor]:
    """Read a network's weights and buffers from a file.

    Parameters
    ----------
    path : str or Path
        As for :func:`read_checkpoint`, which also says how they were found.
    network : nn.Module
        The architecture; it is left as it is.
    choice : str, optional
        Which of several networks in the file is meant.

    Returns
    -------
    dict of str to Tensor
        Names as :func:`~symgeom.ground.types.parameters` gives them, in the precision of the file,
        at least single.

    Raises
    ------
    SymgeomError
        As for :func:`read_checkpoint`.

    Examples
    --------
    >>> import tempfile
    >>> network = nn.Linear(3, 2)
    >>> path = Path(tempfile.mkdtemp()) / "linear.pt"
    >>> torch.save(network.state_dict(), path)
    >>> bool((read_weights(path, network)["weight"] == network.weight).all())
    True
    """
    return read_checkpoint(path, network, choice=choice).params


@door
def read_checkpoint(
    path: str | Path, network: nn.Module, *, choice: str | None = None
) -> ReadWeights:
    """Read a network's weights from a file, with what was unwrapped, renamed, cast and ignored.

    Parameters
    ----------
    path : str or Path
        A file of safetensors, torch or numpy, an index of shards, or a folder that holds one.
    network : nn.Module
        The architecture; it is left as it is.
    choice : str, optional
        Which of several networks in the file is meant: the keys under which it lies and the stem of
        its names, or the first or last of them (``"model"`` or ``"ema"``).

    Returns
    -------
    ReadWeights
        The weights, notes, and what it takes to write them in the same form.

    Raises
    ------
    SymgeomError
        If the file cannot be read, is damaged or holds no state dict, or several that fit; if a
        tensor is missing or not expected, is no array of ordinary numbers, has another shape or
        kind, is not finite, or contradicts another with which it shares its memory.

    Examples
    --------
    >>> import tempfile
    >>> network = nn.Linear(3, 2)
    >>> path = Path(tempfile.mkdtemp()) / "linear.pt"
    >>> wrapped = nn.DataParallel(network)
    >>> torch.save({"epoch": 3, "model": wrapped.state_dict()}, path)
    >>> for note in read_checkpoint(path, network).notes:
    ...     print(note)
    Read the weights under 'model'.
    Removed 'module.' from their names.
    Ignored ['epoch'].
    """
    file = file_of(Path(path))
    content = read_content(file)
    inner = unwrapped(network)
    expected = _tensors_of(inner)
    part = _part(path, content, inner, choice)
    dtypes = {}
    for name, held in part.naming.names.items():
        check_tensor(path, held, part.state[held], expected[name])
        dtypes[name] = part.state[held].dtype
    used = {held: part.state[held] for held in part.naming.names.values()}
    masks = Architecture.of(inner).masks & part.naming.names.keys()
    check_finite(used, f"'{path}'", masks={part.naming.names[name] for name in masks})
    tied = _tied(path, part, expected)
    precision = working_precision(used.values())
    notes = (
        *note_of_file(Path(path), file),
        *notes_of_part(content.holds, part),
        *note_of_cast(dtypes.values(), precision),
        *note_of_counters(expected, part.naming.names),
    )
    return ReadWeights(
        params=_filled(inner, expected, part, precision),
        notes=notes,
        metadata=content.metadata,
        names=_in_order_of(part.naming.names, part.state),
        dtypes=dtypes,
        form=content.form,
        tied=tied,
        part=part.keys,
        beside=part.carried(),
        masks=frozenset(masks),
    )


def _tensors_of(network: nn.Module) -> dict[str, Tensor]:
    """Return what the state dict of a network holds; tied tensors are one object."""
    state = network.state_dict(keep_vars=True)
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}


def _part(path: object, content: Content, network: nn.Module, choice: str | None) -> Part:
    """Return the part of a file that is meant."""
    expected = _tensors_of(network)
    ties = ties_of(expected)
    ignored = getattr(network, "_keys_to_ignore_on_load_unexpected", None) or ()
    parts = parts_of(content.holds, ties, tuple(ignored))
    if not parts:
        parts = _parts_by_library(content.holds, ties, network)
    if not parts:
        raise unfit(path, content.holds, ties)
    fitting = [part for part in parts if part.fits(expected)]
    if not fitting:
        return parts[0]  # of which it is said which tensor does not fit
    return chosen_part(path, fitting, choice)


def _parts_by_library(holds: object, ties: Ties, network: nn.Module) -> list[Part]:
    """Return the parts of a file that name tensors as the library of the network does."""
    saved = library_names(network)
    if not saved:
        return []
    saved_ties = []
    for tied in ties:
        saved_ties.append([saved[name] for name in tied])
    parts = []
    for part in parts_of(holds, saved_ties, ()):
        held = part.naming.names
        names = {name: held[old] for name, old in saved.items() if old in held}
        parts.append(replace(part, naming=replace(part.naming, names=names, by_library=True)))
    return parts


def _tied(path: object, part: Part, expected: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the first name of every second name, if the file does not contradict itself."""
    first_names: dict[str, str] = {}
    for first, *others in ties_of(expected):
        held = [name for name in (first, *others) if name in part.naming.names]
        tensors = [part.state[part.naming.names[name]] for name in held]
        for name, tensor in zip(held, tensors, strict=True):
            if not torch.equal(tensor.to(tensors[0].dtype), tensors[0]):
                raise SymgeomError(
                    f"Cannot use '{path}': tensor '{name}' shares its memory with another tensor "
                    f"of the network ('{held[0]}'), for which the file holds other values. {ADVICE}"
                )
        first_names |= dict.fromkeys(others, first)
    return first_names


def _filled(
    network: nn.Module, expected: Mapping[str, Tensor], part: Part, precision: torch.dtype
) -> dict[str, Tensor]:
    """Return the tensors of a network, those of the file in the place of its own."""
    held_as: dict[str, str] = {}
    for names in ties_of(expected):
        held = [part.naming.names[name] for name in names if name in part.naming.names]
        held_as |= dict.fromkeys(names, held[0]) if held else {}
    filled: dict[str, Tensor] = {}
    addresses = set()
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if name in held_as:
            entries = as_in_network(part.state[held_as[name]], tensor, precision)
            is_shared = entries.data_ptr() in addresses
            filled[name] = entries.clone() if is_shared else entries
        else:
            filled |= cast({name: tensor.detach().clone()}, precision)
        addresses.add(filled[name].data_ptr())
    return filled


def _in_order_of(names: Mapping[str, str], state: Mapping[str, Tensor]) -> dict[str, str]:
    """Return names in the order of the file."""
    inverse = {held: name for name, held in names.items()}
    return {inverse[held]: held for held in state if held in inverse}
