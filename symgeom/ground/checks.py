"""Say what cannot be done, what was found and where, and what to do.

A caller's mistake raises :class:`SymgeomError` with one sentence that a person can act on. A
numerical outcome (a run that diverged, a solver that stopped early) is no mistake: it is a field of
the record that the function returns.

Torch is imported for annotations only, so that reading a store does not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor


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
        if not tensor.is_floating_point():
            continue
        if tensor.sum().isfinite():  # then its terms are, too
            continue
        bad = (~tensor.isfinite()).sum().item()
        if bad:
            raise SymgeomError(
                f"Cannot use {what}: tensor '{name}' holds {bad} values that are NaN or infinite "
                f"of {tensor.numel()}. Leave this network out (a run that diverged is recorded as "
                "such), or repair the tensor."
            )


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
    missing = sorted(expected.keys() - tensors.keys())
    extra = sorted(tensors.keys() - expected.keys())
    if missing or extra:
        raise SymgeomError(
            f"Cannot compare {what} with its reference: tensors missing {missing}, tensors not "
            f"expected {extra}. Both networks must have the same architecture."
        )
    for name, tensor in expected.items():
        shape = tensors[name].shape
        if shape != tensor.shape:
            raise SymgeomError(
                f"Cannot compare {what} with its reference: tensor '{name}' has shape "
                f"{tuple(shape)}, expected {tuple(tensor.shape)}. Both networks must have the "
                "same architecture."
            )


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
