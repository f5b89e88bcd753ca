"""Worst-case sharpness within a ball of relative changes: no rescaling of weights changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.options import ASCENT_STEPS, POSITIVE
from symgeom.landscape.flatness.measures.record import (
    Array,
    Context,
    Measure,
    Option,
    Randomness,
    Row,
)

if TYPE_CHECKING:
    from torch import Tensor

NAME = "adaptive_sharpness"
MEANING = "largest increase of the loss found within the relative radius"
RADIUS = Option(
    "adaptive_radius", POSITIVE, "radius of worst-case sharpness relative to each weight"
)


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Find the largest increase of the loss within the ball."""
    from symgeom.landscape.flatness.worst_case import sharpness

    worst = sharpness(
        context.problem,
        context.params,
        radius=context.options["adaptive_radius"],
        adaptive=True,
        steps=context.options["ascent_steps"],
    )
    return {NAME: worst.increase[-1]}


MEASURE = Measure(
    NAME,
    title="adaptive worst-case sharpness",
    arrays=(Array(NAME, "nat", MEANING),),
    compute=compute,
    options=(RADIUS, ASCENT_STEPS),
    rows=(Row(NAME, "adaptive sharpness", "worst case", True),),
)
