"""Copies, casts, and what does nothing in eval mode."""

from collections.abc import Iterator

from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import Axes, Statement, UnsupportedError, passed


def hand_on(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Hand on every entry, perhaps with the other sign."""
    yield from passed(source, out)


def drop_nothing(out: Axes, *, source: Axes, train: bool, **_: object) -> Iterator[Statement]:
    """Hand on every entry, in eval mode."""
    if train:
        raise UnsupportedError("dropout that is on in eval mode, which makes the outputs random,")
    yield from passed(source, out)


OPERATIONS = (
    Operation(
        names=(
            "alias",
            "clone",
            "contiguous",
            "detach",
            "to",
            "_to_copy",
            "positive",
            "lift_fresh_copy",
        ),
        rule=hand_on,
        head=Head.MOVED,
    ),
    Operation(
        names=("type_as",),
        rule=hand_on,
        head=Head.MOVED,
        shapes_only=("other",),
    ),
    Operation(
        names=("neg",),
        rule=hand_on,
        head=Head.SCALED,
    ),
    Operation(
        names=("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"),
        rule=drop_nothing,
        head=Head.MOVED,
        hands_on_itself=True,
    ),
)
