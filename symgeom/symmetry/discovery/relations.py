"""The words in which an operation says what it does to units.

A rule (see :mod:`symgeom.symmetry.discovery.operations`) describes one operation by a few of these
statements about axes; it never looks at labels or exponents itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from symgeom.symmetry.discovery.families import Axis, Expression

Axes = tuple[Axis, ...]
"""The axes of one tensor."""


class Zeros(tuple[Axis, ...]):
    """The axes of a tensor of zeros, which agrees with everything."""


class Unread(tuple[Axis, ...]):
    """The axes of one of several results, one that nothing reads."""


class UnsupportedError(Exception):
    """A rule does not describe this use of its operation.

    The text says in a few words what is not described; the walk over the graph adds in which module
    it is and what to do.
    """


@dataclass(frozen=True)
class Relation:
    """Equal labels, and a linear equation on exponents.

    Attributes
    ----------
    terms : tuple of (Expression, coefficient)
        All expressions have one label; the sum of coefficient times exponent is zero.
    holds : str
        Whether the equation holds for positive scales ("p"), signs ("s"), both ("ps"), or labels
        only ("").
    reads : tuple of Axis
        Axes that read units which another tensor produces (the input axis of a weight).
    """

    terms: tuple[tuple[Expression, Fraction | int], ...]
    holds: str = "ps"
    reads: Axes = ()


@dataclass(frozen=True)
class Pin:
    """These axes have entries with an identity: no symmetry moves them."""

    axes: Axes


@dataclass(frozen=True)
class Separate:
    """The units of these axes are treated one by one: a matrix across the units is no symmetry."""

    axes: Axes


@dataclass(frozen=True)
class Mixed:
    """The units of some axes of a tensor meet here.

    What the other axes hold of one unit (of a head) is no longer its own.
    """

    axes: Axes
    tensor: Axes


@dataclass(frozen=True)
class Handed:
    """What reads the second axis reads the first: the weight behind what an operation uses."""

    weight: Axis
    used: Axis


@dataclass(frozen=True)
class Regions:
    """Each of several equal ranges of a weight's first axis has its own units along the second."""

    axis: Axis
    pieces: Axes


Statement = Relation | Pin | Separate | Mixed | Handed | Regions


def whole(axis: Axis) -> Expression:
    """Return the expression that is one axis."""
    return ((axis,),)


def sum_of(axes: Iterable[Axis]) -> Expression:
    """Return the expression that is a concatenation of axes."""
    return tuple((axis,) for axis in axes)


def _expression(axis: Axis | Expression) -> Expression:
    if isinstance(axis, Axis):
        return whole(axis)
    return axis


def equal(first: Axis | Expression, second: Axis | Expression, holds: str = "ps") -> Relation:
    """State that two axes have one label and one exponent."""
    left = _expression(first)
    right = _expression(second)
    return Relation(((left, 1), (right, -1)), holds)


def label(first: Axis | Expression, second: Axis | Expression) -> Relation:
    """State that two axes have one label, and nothing about exponents."""
    return equal(first, second, holds="")


def fixed(axis: Axis, holds: str = "ps") -> Relation:
    """State that an axis may be permuted but not scaled."""
    return Relation(((whole(axis), 1),), holds)


def contracted(values: Axes, index: int, weights: Axis) -> Iterator[Statement]:
    """State that a weighted sum over the units of one axis is taken: scales must cancel."""
    summed = values[index]
    yield Relation(((whole(summed), 1), (whole(weights), 1)), reads=(weights,))
    yield Mixed((summed,), values)


def passed(inputs: Iterable[Axis], outputs: Iterable[Axis]) -> Iterator[Statement]:
    """State that a tensor is handed on, perhaps through a map that commutes with scalings."""
    for source, target in zip(inputs, outputs, strict=True):
        yield equal(source, target)


def unscaled(inputs: Iterable[Axis], outputs: Iterable[Axis]) -> Iterator[Statement]:
    """State that units may be permuted and not scaled, before and after."""
    for source, target in zip(inputs, outputs, strict=True):
        yield label(source, target)
        yield fixed(source)
        yield fixed(target)
