"""Attention: heads match, positions are permuted, coordinates contract."""

from collections.abc import Iterator

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Mixed,
    Pin,
    Relation,
    Statement,
    UnsupportedError,
    equal,
    fixed,
    label,
    unscaled,
    whole,
)


def attend(
    out: Axes,
    *,
    query: Axes,
    key: Axes,
    value: Axes,
    attn_mask: Axes | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    enable_gqa: bool = False,
    **_: object,
) -> Iterator[Statement]:
    """Weigh values by softmax(query key)."""
    if dropout_p:
        raise UnsupportedError("attention with dropout that is on in eval mode")
    if attn_mask:
        yield from _matched(attn_mask, (*query[:-1], key[-2]))
    if is_causal:
        yield Pin((query[-2], key[-2]))
    yield from unscaled(query[:-2], out[:-2])
    for heads in (key, value):
        if enable_gqa:
            yield from unscaled(heads[:-3], out[:-3])
            yield from _shared(heads[-3], out[-3])
        else:
            yield from unscaled(heads[:-2], out[:-2])
    yield from unscaled((query[-2], key[-2]), (out[-2], value[-2]))
    yield Relation(((whole(query[-1]), 1), (whole(key[-1]), 1)))
    yield Mixed(query[-2:], query)
    yield Mixed(key[-2:], key)
    yield Mixed(value[-2:-1], value)
    yield equal(value[-1], out[-1])


def _shared(heads: Axis, queries: Axis) -> Iterator[Statement]:
    """State that each head of keys serves as many heads of queries, one after another."""
    served = Axis(queries.size // heads.size)
    yield label(((heads, served),), queries)
    yield fixed(heads)
    yield fixed(served)


def _matched(mask: Axes, scores: Axes) -> Iterator[Statement]:
    """State that what is added to scores has their units, and no scale."""
    for axis, target in zip(reversed(mask), reversed(scores), strict=False):
        if axis.size == target.size:
            yield label(axis, target)
            yield fixed(axis)
        else:
            yield Pin((axis,))


OPERATIONS = (
    Operation(
        names=("scaled_dot_product_attention",),
        rule=attend,
        head=Head.HIDDEN,
    ),
)
