"""Say what cannot be done, what was found and where, and what to do.

A caller's mistake raises :class:`SymgeomError` with one sentence that a person can act on. A
numerical outcome (a run that diverged, a solver that stopped early) is no mistake: it is a field of
the record that the function returns.

Torch is imported for annotations only, so that reading a store does not load it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 3
"""Names that a message shows; it counts the others."""


class SymgeomError(ValueError):
    """A request that cannot be met; its text says what was found, where, and what to do."""


def names_shown(names: Sequence[str]) -> str:
    """List the first names of many, and say how many more there are.

    Parameters
    ----------
    names : sequence of str
        The names.

    Returns
    -------
    str
        At most three of them.

    Examples
    --------
    >>> names_shown(["a", "b", "c", "d", "e"])
    "['a', 'b', 'c'] and 2 more"
    """
    first = list(names[:SHOWN])
    more = len(names) - SHOWN
    return f"{first} and {more} more" if more > 0 else f"{first}"


def check_finite(tensors: Mapping[str, Tensor], what: str, *, masks: Collection[str] = ()) -> None:
    """Raise if any tensor holds NaN or infinity.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        The tensors to look at; integer tensors are always finite.
    what : str
        What the tensors are, for the message ("the weights of minimum 3").
    masks : collection of str
        Names of tensors that may hold minus infinity: constants that hide from attention what lies
        ahead.

    Raises
    ------
    SymgeomError
        If a tensor holds another value that is not finite.

    Examples
    --------
    >>> import torch
    >>> check_finite({"0.weight": torch.ones(2, 2)}, "the weights")
    """
    for name, tensor in tensors.items():
        if has_finite_entries(tensor):
            continue
        odd = ~tensor.isfinite()
        if name in masks:
            odd &= ~tensor.isneginf()
        bad = odd.sum().item()
        if bad:
            raise SymgeomError(
                f"Cannot use {what}: tensor '{name}' holds {bad} values that are NaN or infinite "
                f"of {tensor.numel()}. Repair it, or leave out what it belongs to (a run that "
                "diverged is recorded as such)."
            )


def has_finite_entries(tensor: Tensor) -> bool:
    """Return whether the sum of the entries is finite, so that its terms are, too.

    Parameters
    ----------
    tensor : Tensor
        Any; what is no floating point number is finite.

    Returns
    -------
    bool
        True also under ``torch.vmap``.

    Examples
    --------
    >>> import torch
    >>> has_finite_entries(torch.tensor([0.0, -torch.inf]))
    False
    """
    if not tensor.is_floating_point():
        return True
    try:
        return bool(tensor.sum().isfinite())
    except RuntimeError:  # under torch.vmap, where nobody can look at entries
        return True


def check_real(tensors: Mapping[str, Tensor], what: str) -> None:
    """Raise unless all tensors are of real numbers.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        The tensors to look at.
    what : str
        What the tensors are, for the message.

    Raises
    ------
    SymgeomError
        If a tensor is of whole numbers, which have no gradient.

    Examples
    --------
    >>> import torch
    >>> check_real({"0.weight": torch.ones(2, 2)}, "the weights")
    """
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise SymgeomError(
                f"Cannot use {what}: tensor '{name}' is of {tensor.dtype}, and weights are real "
                "numbers. Cast it to a floating-point type."
            )


def check_range(
    value: float, what: str, *, least: float = -math.inf, most: float = math.inf
) -> None:
    """Raise unless a number lies in a range.

    Parameters
    ----------
    value : float
        The number; one that is no number lies nowhere.
    what : str
        What it is, for the message ("the radius of the ball").
    least, most : float
        The ends, which are allowed.

    Raises
    ------
    SymgeomError
        If it is smaller or larger.

    Examples
    --------
    >>> check_range(0.5, "the place on the path", least=0, most=1)
    """
    if least <= value <= most:
        return
    wanted = f"from {least:.15g} to {most:.15g}"
    if most == math.inf:
        wanted = f"of at least {least:.15g}"
    raise SymgeomError(f"Cannot use {value!r} as {what}: give a number {wanted}.")


def check_samples(inputs: Tensor, *, axes: int = 1) -> None:
    """Raise unless a tensor holds samples.

    Parameters
    ----------
    inputs : Tensor, shape (sample, ...)
        A batch.
    axes : int
        The number of axes that it has at least.

    Raises
    ------
    SymgeomError
        If it has fewer axes, or a value that is not finite.

    Examples
    --------
    >>> import torch
    >>> check_samples(torch.zeros(5, 3))
    """
    if inputs.ndim < axes:
        raise SymgeomError(
            f"Cannot take a tensor of shape {tuple(inputs.shape)} for samples: give one with at "
            f"least {axes} axes, samples first."
        )
    check_finite({"inputs": inputs}, "the samples")


def check_index(index: Tensor, count: int) -> None:
    """Raise unless a tensor picks samples.

    Parameters
    ----------
    index : Tensor of int64 or bool, shape (sample,)
        Numbers of samples, or which of them.
    count : int
        How many samples there are.

    Raises
    ------
    SymgeomError
        If it is of another type or shape, or a number is none of a sample.

    Examples
    --------
    >>> import torch
    >>> check_index(torch.tensor([0, 2]), 3)
    """
    kinds = ("torch.int64", "torch.int32", "torch.bool", "torch.uint8")
    mask = str(index.dtype) in kinds[2:]
    fits = str(index.dtype) in kinds and index.ndim == 1
    if not fits or (mask and len(index) != count) or not (mask or _all_below(index, count)):
        raise SymgeomError(
            f"Cannot pick samples by a tensor of shape {tuple(index.shape)} and type "
            f"{index.dtype}: give numbers from 0 to {count - 1} in one axis (int64), or True and "
            f"False for each of the {count} samples."
        )


def _all_below(index: Tensor, count: int) -> bool:
    """Return whether numbers are those of samples, counted from either end."""
    try:
        return bool(((index >= -count) & (index < count)).all())
    except RuntimeError:  # under torch.vmap, where nobody can look at entries
        return True


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
