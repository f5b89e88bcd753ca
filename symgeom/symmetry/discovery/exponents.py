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
"""A sum of coefficient times unknown."""


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
    rank = {unknown: index for index, unknown in enumerate(unknowns)}
    solved: dict[Unknown, Row] = {}  # a pivot in terms of unknowns that come before it
    for equation in equations:
        row = _substituted(_reduced(equation, modulus), solved, modulus)
        if row:
            pivot = max(row, key=rank.__getitem__)
            divisor = row.pop(pivot)
            value = {unknown: -coefficient / divisor for unknown, coefficient in row.items()}
            solved[pivot] = _reduced(value, modulus)
    vectors: dict[Unknown, Row] = {}
    for unknown in unknowns:
        if unknown not in solved:
            vectors[unknown] = {}
    for unknown in unknowns:
        value = _substituted({unknown: Fraction(1)}, solved, modulus)
        for free, coefficient in value.items():
            vectors[free][unknown] = coefficient
    return [_primitive(vector) for vector in vectors.values()]


def _reduced(row: Mapping[Unknown, Fraction | int], modulus: int) -> Row:
    """Return the coefficients that are not zero."""
    reduced: Row = {}
    for unknown, value in row.items():
        coefficient = Fraction(value)
        if modulus:
            coefficient %= modulus
        if coefficient:
            reduced[unknown] = coefficient
    return reduced


def _substituted(row: Row, solved: dict[Unknown, Row], modulus: int) -> Row:
    """Return a row in terms of unknowns that are not solved; remember what it took."""
    if row.keys().isdisjoint(solved):
        return row
    result: Row = {}
    for unknown, coefficient in row.items():
        value: Row = {unknown: Fraction(1)}
        if unknown in solved:
            solved[unknown] = _substituted(solved[unknown], solved, modulus)
            value = solved[unknown]
        for other, factor in value.items():
            result[other] = result.get(other, Fraction(0)) + coefficient * factor
    return _reduced(result, modulus)


def _primitive(vector: Row) -> dict[Unknown, int]:
    """Return the vector in integers without a common factor (its free unknown is 1)."""
    scale = lcm(*(value.denominator for value in vector.values()))
    return {unknown: int(value * scale) for unknown, value in vector.items()}
