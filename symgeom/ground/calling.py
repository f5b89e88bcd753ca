"""How a network is called: what it is given, and which of its outputs are looked at.

A network takes one tensor, or several arguments by position (a tuple) or by keyword (a mapping).
It returns one tensor, or several in a tuple, a list, a mapping or a dataclass, one inside the other
if need be; what lies in other objects (a cache) is no output.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import check_attributes
from symgeom.ground.judges import named


@dataclass(frozen=True, eq=False)
class NetworkCall:
    """What a network is given, and which of its outputs are looked at.

    Attributes
    ----------
    inputs : Tensor, tuple, or mapping of str
        One batch (sample, ...), the arguments of the network by position, or by keyword. Arguments
        may be tensors of any type, what holds tensors, or anything else.
    output : str or int, optional
        The name or the index of one output; all of them together by default.

    Examples
    --------
    >>> import torch
    >>> call = NetworkCall({"tokens": torch.zeros(2, 5).long()}, output="logits")
    >>> call.asked({"logits": 3, "loss": 4})
    3
    """

    inputs: Tensor | tuple[object, ...] | Mapping[str, object]
    output: str | int | None = None

    def __post_init__(self) -> None:
        check_attributes(self)

    @classmethod
    def of(cls, inputs: "Inputs") -> "NetworkCall":
        """Return inputs as a call that looks at all outputs; a call stays as it is."""
        return inputs if isinstance(inputs, NetworkCall) else cls(inputs)

    @property
    def positional(self) -> tuple[object, ...]:
        """The arguments by position."""
        if isinstance(self.inputs, Tensor):
            return (self.inputs,)
        return () if isinstance(self.inputs, Mapping) else tuple(self.inputs)

    @property
    def keywords(self) -> dict[str, object]:
        """The arguments by keyword."""
        return dict(self.inputs) if isinstance(self.inputs, Mapping) else {}

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors among the arguments."""
        leaves = tree_leaves((self.positional, self.keywords))
        return [leaf for leaf in leaves if isinstance(leaf, Tensor)]

    def mapped(self, change: Callable[[Tensor], Tensor]) -> "NetworkCall":
        """Return the call with other tensors in the place of its own."""
        if isinstance(self.inputs, Tensor):
            return replace(self, inputs=change(self.inputs))
        arguments = self.keywords or self.positional
        return replace(self, inputs=tree_map_only(Tensor, change, arguments))

    def in_precision(self, dtype: torch.dtype) -> "NetworkCall":
        """Return the call with its real numbers in a precision; tokens stay as they are."""
        return self.mapped(
            lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor
        )

    def on_device(self, device: torch.device) -> "NetworkCall":
        """Return the call with its tensors on a device."""
        return self.mapped(lambda tensor: tensor.to(device))

    def few(self, count: int) -> "NetworkCall":
        """Return the call with the first samples alone; with all, if it has several arguments."""
        # Not every argument has an axis of samples.
        if isinstance(self.inputs, Tensor):
            return replace(self, inputs=self.inputs[:count])
        return self

    def asked(self, outputs: object) -> object:
        """Return the output that is looked at, or all.

        Parameters
        ----------
        outputs : object
            What the network returned.

        Returns
        -------
        object
            A part of it.

        Raises
        ------
        SymgeomError
            If there is no such output.
        """
        if self.output is None:
            return outputs
        parts = _parts(outputs)
        if self.output in parts:
            return parts[self.output]
        values = list(parts.values())
        if isinstance(self.output, int) and -len(values) <= self.output < len(values):
            return values[self.output]
        raise SymgeomError(
            f"Cannot look at output {self.output!r} of the network: its outputs are {list(parts)}. "
            "Give one of these, the index of one, or None for all of them."
        )

    def tensors_asked(self, outputs: object) -> list[Tensor]:
        """Return the tensors of the output that is looked at, or of all.

        Parameters
        ----------
        outputs : object
            What the network returned.

        Returns
        -------
        list of Tensor
            In a fixed order.

        Raises
        ------
        SymgeomError
            If there is no such output, or no tensor in it.
        """
        asked = self.asked(outputs)
        tensors = tensors_of(asked)
        if not tensors:
            raise SymgeomError(
                f"Cannot look at the outputs of the network: there is no tensor in what it returns "
                f"({named(asked)}). Let it return tensors in a tuple, a list, a mapping or a "
                "dataclass."
            )
        return tensors

    def described(self) -> str:
        """Return in words what the network is given."""
        if isinstance(self.inputs, Tensor):
            return f"inputs {_described(self.inputs)}"
        parts: list[str] = []
        for name, argument in _parts(self.inputs).items():
            parts.append(f"{name!r} {_described(argument)}")
        return f"inputs {', '.join(parts)}" if parts else "no inputs"


Inputs = Tensor | tuple[object, ...] | Mapping[str, object] | NetworkCall
"""What a network is given: one tensor, arguments by position or by keyword, or a whole call."""


def tensors_of(outputs: object) -> list[Tensor]:
    """Return the tensors among the outputs of a network.

    Parameters
    ----------
    outputs : Tensor, or nested tuple, list, mapping or dataclass of them
        What a module returned.

    Returns
    -------
    list of Tensor
        In a fixed order.

    Examples
    --------
    >>> import torch
    >>> len(tensors_of({"a": torch.ones(1), "b": (torch.ones(2), None)}))
    2
    """
    if isinstance(outputs, Tensor):
        return [outputs]
    tensors: list[Tensor] = []
    for part in _parts(outputs).values():
        tensors += tensors_of(part)
    return tensors


def _parts(whole: object) -> dict[str | int, object]:
    """Return the parts of what holds several things, by their names or indices."""
    if isinstance(whole, Mapping):
        return dict(whole)
    if is_dataclass(whole) and not isinstance(whole, type):
        return {field.name: getattr(whole, field.name) for field in fields(whole)}
    if isinstance(whole, tuple) and hasattr(whole, "_fields"):
        return dict(zip(whole._fields, whole, strict=True))
    if isinstance(whole, tuple | list):
        return dict(enumerate(whole))
    return {}


def _described(argument: object) -> str:
    """Describe an argument: a tensor by its shape and type."""
    if isinstance(argument, Tensor):
        return f"of shape {tuple(argument.shape)} and type {argument.dtype}"
    return f"({named(argument)})"
