"""What the tensors of a network are called in a file.

What wraps a network puts a stem before its names: ``module.`` (DataParallel, the averaged model),
``_orig_mod.`` (torch.compile), ``model.`` or ``net.`` (the attribute of a LightningModule), also
several in a row. Whatever the stem is, it is common to all names. A part of a network that was
compiled or wrapped has such a piece within its names. The other way round, the file of a model
without its head lacks the stem that the network has.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

WITHIN = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Pieces of names that no network has by itself."""

COUNTER = "num_batches_tracked"
"""How a tensor is called that old files lack, and on which no output depends."""

Ties = Sequence[Sequence[str]]
"""The names of a network's tensors: of each tensor, all its names."""


@dataclass(frozen=True, eq=False)
class Naming:
    """What the tensors of a network are called in a state dict.

    Attributes
    ----------
    names : mapping of str to str
        From a name in the network to that in the file.
    stem : str
        What the names in the file begin with and those of the network do not.
    added : str
        What the names of the network begin with and those in the file do not.
    within : tuple of str
        Pieces that were left out within the names.
    by_library : bool
        Whether the names in the file are those that the library of the network writes.
    """

    names: Mapping[str, str]
    stem: str = ""
    added: str = ""
    within: tuple[str, ...] = ()
    by_library: bool = False

    def lacking(self, ties: Ties) -> list[str]:
        """Return the tensors that the file does not hold.

        Parameters
        ----------
        ties : sequence of sequence of str
            The names of the network's tensors.

        Returns
        -------
        list of str
            Their first names; counters are left out.
        """
        lacking = []
        for names in ties:
            if not any(name in self.names or name.endswith(COUNTER) for name in names):
                lacking.append(names[0])
        return lacking


def ties_of(tensors: Mapping[str, Tensor]) -> list[list[str]]:
    """Return the names of each tensor of a network.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Its state dict, in which tied tensors are one object under several names.

    Returns
    -------
    list of list of str
        In the order of the network.

    Examples
    --------
    >>> import torch
    >>> tied = torch.ones(1)
    >>> ties_of({"a": tied, "b": torch.ones(1), "c": tied})
    [['a', 'c'], ['b']]
    """
    names: dict[int, list[str]] = {}
    for name, tensor in tensors.items():
        names.setdefault(id(tensor), []).append(name)
    return list(names.values())


def namings(held: Sequence[str], ties: Ties) -> list[Naming]:
    """Return the ways in which a state dict names all tensors of a network.

    Parameters
    ----------
    held : sequence of str
        The names in the file.
    ties : sequence of sequence of str
        Those of the network, tensor by tensor.

    Returns
    -------
    list of Naming
        Several if the file holds several copies of the network, none if it lacks a tensor.

    Examples
    --------
    >>> [naming.stem for naming in namings(["module.w", "step"], [["w"]])]
    ['module.']
    """
    for way in (_with_stems, _with_added, _within):
        complete = []
        for naming in way(held, ties):
            if not naming.lacking(ties):
                complete.append(naming)
        if complete:
            return complete
    return []


def nearest(held: Sequence[str], ties: Ties) -> Naming:
    """Return the naming under which most names fit.

    Parameters
    ----------
    held : sequence of str
        The names in the file.
    ties : sequence of sequence of str
        Those of the network, tensor by tensor.

    Returns
    -------
    Naming
        It may lack tensors.
    """
    return max(
        (*_with_stems(held, ties), Naming({})),
        key=lambda naming: len(naming.names),
    )


def _with_stems(held: Sequence[str], ties: Ties) -> Iterator[Naming]:
    """Yield what stems make of the names, the commonest first."""
    expected = [name for names in ties for name in names]
    ends = set(expected)
    present = set(held)
    stems: Counter[str] = Counter()
    for name in held:
        stems.update(_stems_of(name, ends))
    for stem, _ in stems.most_common():
        names = {name: stem + name for name in expected if stem + name in present}
        yield Naming(names, stem)


def _stems_of(name: str, ends: Collection[str]) -> Iterator[str]:
    """Yield what stands before each end of a name that is one of the network's."""
    end = name
    while end:
        if end in ends:
            yield name.removesuffix(end)
        _, _, end = end.partition(".")


def _with_added(held: Sequence[str], ties: Ties) -> Iterator[Naming]:
    """Yield what becomes of the names if the file lacks what the network's begin with."""
    expected = [name for names in ties for name in names]
    present = set(held)
    for start in _starts_of(expected):
        names = {name: name.removeprefix(start) for name in expected}
        names = {name: short for name, short in names.items() if short in present}
        if len(set(names.values())) == len(names):
            yield Naming(names, added=start)


def _starts_of(names: Sequence[str]) -> Iterator[str]:
    """Yield what the first name with a dot begins with, up to each of its dots."""
    for name in names:
        *pieces, _ = name.split(".")
        for count in range(1, len(pieces) + 1):
            yield ".".join(pieces[:count]) + "."
        if pieces:
            return


def _within(held: Sequence[str], ties: Ties) -> Iterator[Naming]:
    """Yield what becomes of the names without the pieces that wrapped parts have in them."""
    file_names = {_plain(name): name for name in held}
    network_names = {_plain(name): name for names in ties for name in names}
    plain_ties = [[_plain(name) for name in names] for names in ties]
    if len(file_names) < len(held):
        return
    pieces = tuple(piece for piece in WITHIN if any(piece in name for name in held))
    for naming in _with_stems(list(file_names), plain_ties):
        names = {}
        for plain, name in naming.names.items():
            names[network_names[plain]] = file_names[name]
        yield Naming(names, naming.stem, within=pieces)


def _plain(name: str) -> str:
    pieces = [piece for piece in name.split(".") if piece not in WITHIN]
    return ".".join(pieces)
