"""Sums of products of tensors, in the notation of Einstein."""

from collections.abc import Iterator, Sequence
from string import ascii_letters

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Mixed,
    Relation,
    Separate,
    Statement,
    UnsupportedError,
    equal,
    fixed,
    whole,
)

_Named = dict[str, Axis]
"""The axes of a tensor by their letters."""


def sum_products(
    out: Axes, *, equation: str, tensors: Sequence[Axes], **_: object
) -> Iterator[Statement]:
    """Multiply tensors and sum over the letters that the result has not."""
    operands, result = _read(equation, tensors, out)
    letters = dict.fromkeys(result)
    for operand in operands:
        letters |= dict.fromkeys(operand)
    for letter in letters:
        factors = [operand for operand in operands if letter in operand]
        axes = [operand[letter] for operand in factors]
        if len({axis.size for axis in axes}) > 1:
            raise UnsupportedError("a sum of products with an axis that is stretched")
        if letter in result:
            yield from _multiplied(result[letter], axes)
        else:
            yield from _summed(axes)
            for operand in factors:
                yield Mixed((operand[letter],), tuple(operand.values()))


def _multiplied(target: Axis, factors: list[Axis]) -> Iterator[Statement]:
    """State that the entries along an axis are products: scales multiply."""
    if len(factors) == 1:
        yield equal(factors[0], target)
        return
    terms = [(whole(axis), 1) for axis in factors]
    yield Relation(((whole(target), -1), *terms))
    yield Separate((target,))
    # A head could be scaled, as part of the matrices that may act within it; neither is reported.
    for axis in (target, *factors):
        yield fixed(axis)


def _summed(factors: list[Axis]) -> Iterator[Statement]:
    """State that a sum is taken over an axis of all factors: their scales must cancel."""
    if len(factors) == 1:
        yield fixed(factors[0])
        return
    terms = [(whole(axis), 1) for axis in factors]
    yield Relation(tuple(terms), reads=tuple(factors[1:]))


def _read(equation: str, tensors: Sequence[Axes], out: Axes) -> tuple[list[_Named], _Named]:
    """Return the letters of the axes of all operands, and of the result."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    if not arrow:
        raise UnsupportedError("a sum of products whose result is not written out")
    unused = "".join(letter for letter in ascii_letters if letter not in equation)
    operands = []
    for letters, axes in zip(left.split(","), tensors, strict=True):
        operands.append(_named(letters, axes, unused))
    return operands, _named(right, out, unused)


def _named(letters: str, axes: Axes, unused: str) -> _Named:
    """Return axes by their letters; those that dots stand for have the last of the unused ones."""
    if "..." in letters:
        count = len(axes) - len(letters.replace("...", ""))
        letters = letters.replace("...", unused[len(unused) - count :])
    named = dict(zip(letters, axes, strict=True))
    if len(named) < len(axes):
        raise UnsupportedError("a sum of products along a diagonal")
    return named


OPERATIONS = (
    Operation(
        names=("einsum",),
        rule=sum_products,
        head=Head.HIDDEN,
    ),
)
