"""Sums, means and maxima over whole axes."""

from collections.abc import Iterator, Sequence
from functools import partial

from symgeom.symmetry.discovery.operations.activation import homogeneous
from symgeom.symmetry.discovery.operations.copying import hand_on
from symgeom.symmetry.discovery.operations.record import Head, Operation, Rule
from symgeom.symmetry.discovery.relations import Axes, Mixed, Pin, Statement, fixed


def reduce_axes(
    out: Axes,
    *,
    source: Axes,
    through: Rule = hand_on,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **_: object,
) -> Iterator[Statement]:
    """Reduce some axes, whose units may be permuted and not scaled."""
    reduced = _reduced(dim, len(source))
    yield Mixed(tuple(source[index] for index in reduced), source)
    for index in reduced:
        yield fixed(source[index])
        if keepdim:
            yield Pin((out[index],))
    others = [index for index in range(len(source)) if index not in reduced]
    targets = out
    if keepdim:
        targets = tuple(out[index] for index in others)
    yield from through(targets, source=tuple(source[index] for index in others))


def _reduced(dim: int | Sequence[int] | None, axes: int) -> set[int]:
    """Return the axes that are reduced; none named means all of them."""
    if isinstance(dim, int):
        return {dim % axes}
    if not dim:
        return set(range(axes))
    return {index % axes for index in dim}


OPERATIONS = (
    Operation(
        names=("mean", "sum"),
        rule=reduce_axes,
        head=Head.SCALED,
    ),
    Operation(
        names=("amax", "amin"),
        rule=partial(reduce_axes, through=homogeneous),
        head=Head.SCALED,
    ),
)
