"""Say what cannot be done, what was found and where, and what to do.

A caller's mistake raises :class:`SymgeomError` with one sentence that a person can act on. A
numerical outcome (a run that diverged, a solver that stopped early) is no mistake: it is a field of
the record that the function returns.

Torch is imported for annotations only, so that reading a store does not load it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

SHOWN = 3
"""Names that a message shows; it counts the others."""


class SymgeomError(ValueError):
    """A request that cannot be met; its text says what was found, where, and what to do."""


def check_finite(tensors: Mapping[str, Tensor], what: str) -> None:
    """Raise if any tensor holds NaN or infinity.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        The tensors to look at; integer tensors are always finite.
    what : str
        What the tensors are, for the message ("the weights of minimum 3").

    Raises
    ------
    SymgeomError
        If a tensor holds a value that is not finite.

    Examples
    --------
    >>> import torch
    >>> check_finite({"0.weight": torch.ones(2, 2)}, "the weights")
    """
    for name, tensor in tensors.items():
        if _has_finite_entries(tensor):
            continue
        bad = (~tensor.isfinite()).sum().item()
        if bad:
            raise SymgeomError(
                f"Cannot use {what}: tensor '{name}' holds {bad} values that are NaN or infinite "
                f"of {tensor.numel()}. Leave this network out (a run that diverged is recorded as "
                "such), or repair the tensor."
            )


def _has_finite_entries(tensor: Tensor) -> bool:
    """Return whether the sum of the entries is finite, so that its terms are, too."""
    if not tensor.is_floating_point():
        return True
    try:
        return bool(tensor.sum().isfinite())
    except RuntimeError:  # under torch.vmap, where nobody can look at entries
        return True


def check_same_tensors(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str
) -> None:
    """Raise unless two networks have the same tensors with the same shapes.

    Parameters
    ----------
    tensors, expected : mapping of str to Tensor
        Two networks; only names and shapes are compared.
    what : str
        What is compared, for the message ("the network to align").

    Raises
    ------
    SymgeomError
        If a name is missing, superfluous, or has another shape.

    Examples
    --------
    >>> import torch
    >>> check_same_tensors({"w": torch.ones(2)}, {"w": torch.zeros(2)}, "the network to align")
    """
    difference = difference_of(tensors, shapes_of(expected))
    if difference:
        raise SymgeomError(
            f"Cannot compare {what} with its reference: {difference}. Both networks must have the "
            "same architecture."
        )


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors of a network.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        One network.

    Returns
    -------
    dict of str to tuple of int
        By name.

    Examples
    --------
    >>> import torch
    >>> shapes_of({"w": torch.ones(2, 3)})
    {'w': (2, 3)}
    """
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def difference_of(
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    optional: Collection[str] = (),
) -> str:
    """Say how the names and shapes of tensors differ from those of an architecture.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        One network.
    shapes : mapping of str to tuple of int
        Those of the architecture.
    optional : collection of str
        Names that may be left out.

    Returns
    -------
    str
        The first differences, and the way to names that fit where one is seen; empty if there is
        no difference.

    Examples
    --------
    >>> import torch
    >>> difference_of({"w": torch.ones(2)}, {"w": (2,)})
    ''
    >>> difference_of({"module.w": torch.ones(2)}, {"w": (2,)})
    "tensors missing ['w'], tensors not expected ['module.w']; they begin with 'module.': \
remove it ({name.removeprefix('module.'): tensor for name, tensor in tensors.items()})"
    """
    if not isinstance(tensors, Mapping):
        return f"it is of type {type(tensors).__name__} and not a mapping of names to tensors"
    missing = sorted(shapes.keys() - tensors.keys() - set(optional))
    extra = sorted(tensors.keys() - shapes.keys())
    other: list[str] = []
    for name, shape in shapes.items():
        if name in tensors and tensors[name].shape != shape:
            other.append(
                f"tensor '{name}' has shape {tuple(tensors[name].shape)}, expected {shape}"
            )
    faults: list[str] = []
    if missing:
        faults.append(f"tensors missing {_first(missing)}")
    if extra:
        faults.append(f"tensors not expected {_first(extra)}")
    faults.extend(other[:SHOWN])
    return ", ".join(faults) + _way_to_names(missing, extra)


@dataclass(frozen=True)
class Architecture:
    """The tensors of a module, by which its networks are recognised.

    Attributes
    ----------
    module : str
        The name of its class.
    shapes : mapping of str to tuple of int
        Of all parameters and buffers, under all their names.
    optional : frozenset of str
        Names that a network may leave out: second names of shared tensors, counters, and buffers
        that the module does not save.
    """

    module: str
    shapes: Mapping[str, tuple[int, ...]]
    optional: frozenset[str]

    @classmethod
    def of(cls, module: nn.Module) -> Architecture:
        """Return the architecture of a module.

        Parameters
        ----------
        module : nn.Module
            Any network.

        Returns
        -------
        Architecture
            Names and shapes; no tensor is held.

        Examples
        --------
        >>> from torch import nn
        >>> Architecture.of(nn.Linear(3, 2, bias=False)).shapes
        {'weight': (2, 3)}
        """
        first_names = {name for name, _ in module.named_parameters()}
        saved = module.state_dict()
        parameters = dict(module.named_parameters(remove_duplicate=False))
        buffers = dict(module.named_buffers(remove_duplicate=False))
        optional = parameters.keys() - first_names
        for name, buffer in buffers.items():
            if name not in saved or not buffer.is_floating_point():
                optional.add(name)
        shapes = shapes_of({**parameters, **buffers})
        return cls(type(module).__name__, shapes, frozenset(optional))

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """Raise unless tensors are a network of this architecture.

        Parameters
        ----------
        tensors : mapping of str to Tensor
            One network.

        Raises
        ------
        SymgeomError
            If a name is missing, superfluous, or has another shape.

        Examples
        --------
        >>> import torch
        >>> Architecture("Linear", {"weight": (2, 3)}, frozenset()).check({})
        Traceback (most recent call last):
            ...
        symgeom.ground.checks.SymgeomError: Cannot use these weights in the network (Linear): \
tensors missing ['weight']. Give the weights of this architecture, as parameters(module) names them.
        """
        if isinstance(tensors, Mapping) and _agree(tensors, self.shapes):
            return
        difference = difference_of(tensors, self.shapes, self.optional)
        if difference:
            raise SymgeomError(
                f"Cannot use these weights in the network ({self.module}): {difference}. Give the "
                "weights of this architecture, as parameters(module) names them."
            )


def _agree(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether names and shapes are the same, quickly: steps of training ask for it."""
    if tensors.keys() != shapes.keys():
        return False
    return all(tensors[name].shape == shape for name, shape in shapes.items())


def _first(names: Sequence[str]) -> str:
    """List the first names, and say how many more there are."""
    more = len(names) - SHOWN
    return f"{list(names[:SHOWN])}" + (f" and {more} more" if more > 0 else "")


def _way_to_names(missing: Sequence[str], extra: Sequence[str]) -> str:
    """Say what makes superfluous names the missing ones: a prefix to remove, or a near name."""
    if not missing or not extra:
        return ""
    suffix = missing[0]
    wrapped = [name for name in extra if name.endswith(f".{suffix}")]
    prefix = wrapped[0].removesuffix(suffix) if wrapped else ""
    if prefix and all(name.startswith(prefix) for name in extra):
        return (
            f"; they begin with '{prefix}': remove it "
            f"({{name.removeprefix('{prefix}'): tensor for name, tensor in tensors.items()}})"
        )
    near = get_close_matches(suffix, extra, n=1)
    return f"; '{near[0]}' may be meant to be '{suffix}'" if near else ""


def check_choice(value: object, choices: Iterable[object], what: str) -> None:
    """Raise unless ``value`` is one of ``choices``.

    Parameters
    ----------
    value : object
        What the caller asked for.
    choices : iterable
        What there is.
    what : str
        What is chosen, for the message ("optimizer").

    Raises
    ------
    SymgeomError
        If the value is none of the choices.

    Examples
    --------
    >>> check_choice("sgd", ["sgd", "adam"], "optimizer")
    """
    options = list(choices)
    if value not in options:
        listed = ", ".join(map(repr, options))
        raise SymgeomError(f"Unknown {what} {value!r}: choose one of {listed}.")
