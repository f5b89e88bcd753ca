"""What is known of one operation."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from inspect import Parameter, signature

from torch import nn

from symgeom.symmetry.discovery.relations import Statement

Rule = Callable[..., Iterator[Statement]]
"""From the axes of the result and of the arguments to statements about them."""


class Head(Enum):
    """What becomes of a common positive scale, and of the order of classes, behind an operation."""

    MOVED = "every entry is handed on, in its order"
    SCALED = "a scale of the input multiplies the result by a positive number"
    ORDERED = "a scale of the input leaves the order of the classes as it is"
    HIDDEN = "the result changes in another way, or depends on several inputs"


@dataclass(frozen=True)
class Carrier:
    """A tensor that sets the scale of a result, together with the other carriers.

    Attributes
    ----------
    argument : str
        The argument of the operation.
    axis : int
        One of its axes, by which the head lists it.
    """

    argument: str
    axis: int


@dataclass(frozen=True)
class Weight:
    """The weight that an operation applies to data.

    Attributes
    ----------
    argument : str
        The argument that is the weight.
    data : str
        The argument that it is applied to.
    reads, writes : int
        The axis of the weight that indexes what is read, and that of what is written.
    either_side : bool
        Whether weight and data may change their places (a matrix product).
    """

    argument: str
    data: str
    reads: int
    writes: int
    either_side: bool = False


@dataclass(frozen=True)
class Statistics:
    """The running statistics by which an operation normalises; they move with the units.

    Attributes
    ----------
    mean, variance : str
        The arguments that are buffers.
    eps : str
        The argument that is added to the variance.
    """

    mean: str
    variance: str
    eps: str


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation, or several that do the same to units.

    Attributes
    ----------
    names : tuple of str
        Names in the graph, without ``aten::`` and, if it writes in place, without the last
        underscore.
    rule : callable
        What it does to units.
    head : Head, or tuple of Carrier
        The tensors that set the scale of the result; for an operation without such tensors, what
        becomes of the scale of its input. There is no default: whoever adds an operation decides.
    weight : Weight or None
        The weight that it applies. A tensor that belongs to single units (a bias, a slope, the
        weight of a normalisation) is none.
    layer : type of nn.Module, or None
        The module whose ``weight`` and ``bias`` it reads, and which can take in a batch norm: a
        factor and a term for every entry of the first axis of the weight.
    statistics : Statistics or None
        The buffers by which it normalises.
    transposes : bool
        Whether it exchanges the axes of a matrix.
    zero : bool
        Whether it is zero.
    shapes_only : tuple of str
        The arguments of which only the shape and the type count.
    hands_on_itself : bool
        Whether the result is the input itself in eval mode, though the operation's schema does not
        say so.
    """

    names: tuple[str, ...]
    rule: Rule
    head: Head | tuple[Carrier, ...]
    weight: Weight | None = None
    layer: type[nn.Module] | None = None
    statistics: Statistics | None = None
    transposes: bool = False
    zero: bool = False
    shapes_only: tuple[str, ...] = ()
    hands_on_itself: bool = False

    def takes(self, arguments: Collection[str]) -> bool:
        """Return whether the rule knows the form in which the operation is called.

        Parameters
        ----------
        arguments : collection of str
            The names of the arguments.

        Returns
        -------
        bool
            Whether all that it needs is there.
        """
        return _needed(self.rule) <= set(arguments)


@cache
def _needed(rule: Rule) -> frozenset[str]:
    """Return the arguments that a rule cannot do without."""
    needed = []
    for name, parameter in signature(rule).parameters.items():
        is_keyword = parameter.kind is Parameter.KEYWORD_ONLY
        if is_keyword and parameter.default is Parameter.empty:
            needed.append(name)
    return frozenset(needed)
