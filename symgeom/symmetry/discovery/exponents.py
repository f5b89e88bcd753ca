"""Scales: the integer vectors of exponents that every operation allows.

If unit ``k`` of a family is scaled by ``s``, its slice of tensor ``T`` is multiplied by
``s**e(T)``. Each operation is a linear equation on these exponents (an addition: equal; a product:
their sum; a ReLU: unchanged; a GELU: zero). The scaling symmetries of a family are the null space
of its equations: over the rationals for positive scales, over the field of two elements for signs.

References
----------
Any text on Gauss-Jordan elimination; the reduced form is taken with the earliest unknowns free, so
that each vector of the basis belongs to the first tensor that produces a scale.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import TypeVar

Unknown = TypeVar("Unknown")
Row = dict[Unknown, Fraction]


def null_space(
    equations: Iterable[Mapping[Unknown, Fraction | int]],
    unknowns: Sequence[Unknown],
    *,
    modulus: int = 0,
) -> list[dict[Unknown, int]]:
    """Return a basis of the solutions of homogeneous linear equations.

    Parameters
    ----------
    equations : iterable of mappings from unknown to coefficient
        Each says that a sum of coefficient times unknown is zero.
    unknowns : sequence
        All unknowns; those that come first stay free where there is a choice.
    modulus : {0, 2}
        0 for solutions in the (primitive) integers, 2 for solutions in the field of two elements.

    Returns
    -------
    list of dict
        The non-zero entries of each basis vector, in the order of the free unknowns.

    Examples
    --------
    >>> null_space([{"bias": 1, "in": -1}, {"in": 1, "out": 1}], ["in", "bias", "out"])
    [{'in': 1, 'bias': 1, 'out': -1}]
    >>> null_space([{"in": 2}], ["in"]), null_space([{"in": 2}], ["in"], modulus=2)
    ([], [{'in': 1}])
    """
    rank = {unknown: place for place, unknown in enumerate(unknowns)}
    solved: dict[Unknown, Row] = {}  # pivot -> its value in terms of unknowns that come before it
    for equation in equations:
        row = _substituted(_reduced(equation, modulus), solved, modulus)
        if row:
            pivot = max(row, key=rank.__getitem__)
            value = {
                name: -coefficient / row[pivot]
                for name, coefficient in row.items()
                if name != pivot
            }
            solved[pivot] = _reduced(value, modulus)
    vectors: dict[Unknown, Row] = {name: {} for name in unknowns if name not in solved}
    for name in unknowns:
        for free, coefficient in _substituted({name: Fraction(1)}, solved, modulus).items():
            vectors[free][name] = coefficient
    return [_primitive(vector) for vector in vectors.values()]


def _reduced(row: Mapping[Unknown, Fraction | int], modulus: int) -> Row:
    reduced = {
        name: Fraction(value) % modulus if modulus else Fraction(value)
        for name, value in row.items()
    }
    return {name: value for name, value in reduced.items() if value}


def _substituted(row: Row, solved: dict[Unknown, Row], modulus: int) -> Row:
    """Return a row in terms of unknowns that are not solved, and remember what was worked out on the way."""
    if row.keys().isdisjoint(solved):
        return row
    result: Row = {}
    for name, coefficient in row.items():
        if name in solved:
            solved[name] = _substituted(solved[name], solved, modulus)
        for other, factor in solved.get(name, {name: Fraction(1)}).items():
            result[other] = result.get(other, Fraction(0)) + coefficient * factor
    return _reduced(result, modulus)


def _primitive(vector: Row) -> dict[Unknown, int]:
    """Return the vector in integers without a common factor (its free unknown has the value 1)."""
    scale = lcm(*(value.denominator for value in vector.values()))
    return {name: int(value * scale) for name, value in vector.items()}
