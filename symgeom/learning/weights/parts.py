"""What lies in a checkpoint, and which part of it is the network that is meant.

A part is a state dict (tensors by name) under some keys of the checkpoint, or under a stem of its
names. It is meant if it holds all tensors of the network and, under its stem, no others. What lies
beside it is ignored: counters, metrics, optimizers, hyperparameters, other networks. Where several
parts are networks of the same shapes (a model and its running average), nobody but the caller knows
which one is meant.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from symgeom.ground.checks import SymgeomError, names_shown
from symgeom.learning.weights.names import Naming, Ties, namings, nearest
from symgeom.learning.weights.numbers import ADVICE, is_array

DEPTH = 3
"""Under how many keys a state dict may lie."""

OPTIMIZER = re.compile(r"optim(izer|_|$)", re.IGNORECASE)
"""What the key of an optimizer's state holds, in which there are tensors by the same names."""

GROUPS = "param_groups"
"""A key by which the state of an optimizer is known."""

EXTRA = "_extra_state"
"""How the name of what a layer keeps beside its tensors ends."""

State = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Part:
    """A state dict in a checkpoint, and what it calls the tensors of the network.

    Attributes
    ----------
    keys : tuple of str
        Under which it lies.
    state : mapping of str to Tensor
        All its tensors.
    naming : Naming
        What the tensors of the network are called.
    others : frozenset of str
        What the same state dict holds of other networks of these names.
    """

    keys: tuple[str, ...]
    state: State
    naming: Naming
    others: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """What the part is called: its keys and its stem."""
        stem = self.naming.stem.removesuffix(".")
        return ".".join([*self.keys, stem] if stem else self.keys)

    def fits(self, expected: Mapping[str, Tensor]) -> bool:
        """Return whether the tensors have the shapes of the network's.

        Parameters
        ----------
        expected : mapping of str to Tensor
            The network's.

        Returns
        -------
        bool
            Whether all have.
        """
        for name, held in self.naming.names.items():
            if _shape(self.state[held]) != _shape(expected[name]):
                return False
        return True

    def beside(self) -> list[str]:
        """Return what the state dict holds that is not the network's.

        Returns
        -------
        list of str
            Names in the file.
        """
        used = set(self.naming.names.values())
        return [name for name in self.state if name not in used]

    def carried(self) -> dict[str, Tensor]:
        """Return what else the state dict holds that belongs to no other network.

        Returns
        -------
        dict of str to Tensor
            Arrays by their names in the file.
        """
        carried = {}
        for name in self.beside():
            if name not in self.others and is_array(self.state[name]):
                carried[name] = self.state[name]
        return carried


def parts_of(holds: object, ties: Ties, ignored: Sequence[str]) -> list[Part]:
    """Return the parts of a checkpoint that are the network by their names.

    Parameters
    ----------
    holds : object
        What the file holds.
    ties : sequence of sequence of str
        The names of the network, tensor by tensor.
    ignored : sequence of str
        Patterns of names that the network's own loader ignores.

    Returns
    -------
    list of Part
        None, one or several.
    """
    parts = []
    for keys, state in states_in(holds):
        complete = namings(list(state), ties)
        for naming in complete:
            part = Part(keys, state, naming, _of_others(state, naming, complete))
            if not _unexpected(part, ignored):
                parts.append(part)
    return parts


def states_in(holds: object, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], State]]:
    """Yield all mappings of names to tensors in a checkpoint, those of optimizers excepted.

    Parameters
    ----------
    holds : object
        What the file holds.
    keys : tuple of str
        Under which it lies.

    Yields
    ------
    keys : tuple of str
        Under which the mapping lies.
    state : mapping of str to Tensor
        Its tensors.
    """
    if not isinstance(holds, Mapping) or GROUPS in holds:
        return
    state = {}
    for name, value in holds.items():
        if isinstance(value, Tensor) and isinstance(name, str):
            state[name] = value
    if state:
        yield keys, state
    if len(keys) == DEPTH:
        return
    for name, value in holds.items():
        if isinstance(name, str) and not OPTIMIZER.search(name):
            yield from states_in(value, (*keys, name))


def chosen_part(path: object, parts: Sequence[Part], choice: str | None) -> Part:
    """Return the part that is meant.

    Parameters
    ----------
    path : str or Path
        The file, for the message.
    parts : sequence of Part
        At least one.
    choice : str, optional
        What the part is called, or how that begins or ends.

    Returns
    -------
    Part
        The only one, or the one that was chosen.

    Raises
    ------
    SymgeomError
        If there are several and none was chosen, or what was chosen is none or several of them.
    """
    if choice is None and len(parts) == 1:
        return parts[0]
    labels = ", ".join(repr(part.label) for part in parts)
    if choice is None:
        raise SymgeomError(
            f"Cannot tell which weights of '{path}' are meant: it holds several networks of this "
            f"architecture, {labels}. Choose one: "
            f"choice={parts[0].label!r} (in a terminal --choice {parts[0].label})."
        )
    matching = _matching(parts, choice)
    if len(matching) != 1:
        raise SymgeomError(
            f"Cannot choose {choice!r} in '{path}': the networks of this architecture in it are "
            f"called {labels}. Choose one of them."
        )
    return matching[0]


def _matching(parts: Sequence[Part], choice: str) -> list[Part]:
    """Return the part of a name, or those whose names begin or end with it."""
    exact = [part for part in parts if part.label == choice]
    if exact:
        return exact
    matching = []
    for part in parts:
        if part.label.startswith(f"{choice}.") or part.label.endswith(f".{choice}"):
            matching.append(part)
    return matching


def unfit(path: object, holds: object, ties: Ties) -> SymgeomError:
    """Return the sentence about a file that does not hold the network.

    Parameters
    ----------
    path : str or Path
        The file.
    holds : object
        What it holds.
    ties : sequence of sequence of str
        The names of the network, tensor by tensor.

    Returns
    -------
    SymgeomError
        What is missing in the state dict that comes nearest, and what is not expected.
    """
    parts = []
    for keys, state in states_in(holds):
        parts.append(Part(keys, state, nearest(list(state), ties)))
    if not parts:
        return SymgeomError(
            f"Cannot use '{path}': it holds {_described(holds)}, and no state dict (tensors by "
            "name, alone or under a key such as state_dict or model). Save network.state_dict()."
        )
    part = max(parts, key=lambda part: len(part.naming.names))
    missing = part.naming.lacking(ties)
    extra = _unexpected(part, [])
    return SymgeomError(
        f"Cannot use '{path}': tensors missing {names_shown(missing)}, tensors not expected "
        f"{names_shown(extra)}. {ADVICE}"
    )


def _of_others(state: State, naming: Naming, complete: Sequence[Naming]) -> frozenset[str]:
    """Return the names that belong to other networks of a state dict, counters beside included."""
    stem = naming.stem
    others: set[str] = set()
    for other in complete:
        others.update(other.names.values())
        if other.stem != stem and other.stem.startswith(stem):
            head, _, _ = other.stem.removeprefix(stem).partition(".")
            others.update(name for name in state if name.startswith(f"{stem}{head}."))
    return frozenset(others.difference(naming.names.values()))


def _unexpected(part: Part, ignored: Sequence[str]) -> list[str]:
    """Return what lies under the stem of a part and is neither the network's nor another one's."""
    unexpected = []
    for name in part.beside():
        inside = name.startswith(part.naming.stem) and name not in part.others
        if inside and not _is_ignored(name, ignored):
            unexpected.append(name)
    return unexpected


def _is_ignored(name: str, patterns: Sequence[str]) -> bool:
    return name.endswith(EXTRA) or any(re.search(pattern, name) for pattern in patterns)


def _shape(tensor: Tensor) -> tuple[int, ...] | None:
    """Return the shape of a tensor, if it has one."""
    return None if tensor.is_nested else tuple(tensor.shape)


def _described(holds: object) -> str:
    """Return in words what a file holds."""
    kind = f"a {type(holds).__name__}"
    if not isinstance(holds, Mapping):
        return kind
    return f"{kind} with {[str(name) for name in holds][:5]}"
