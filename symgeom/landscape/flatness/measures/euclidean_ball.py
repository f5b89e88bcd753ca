"""Worst-case sharpness within a ball in weight space."""

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

NAME = "sharpness"
RADIUS = Option("radius", POSITIVE, "radius of worst-case sharpness in weight space")


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Find the largest increase of the loss within the ball."""
    from symgeom.landscape.flatness.worst_case import sharpness

    worst = sharpness(
        context.problem,
        context.params,
        radius=context.options["radius"],
        steps=context.options["ascent_steps"],
    )
    return {NAME: worst.increase[-1]}


MEASURE = Measure(
    NAME,
    title="worst-case sharpness",
    arrays=(Array(NAME, "nat", "largest increase of the loss found within the radius"),),
    compute=compute,
    options=(RADIUS, ASCENT_STEPS),
    rows=(Row(NAME, "sharpness", "worst case", False),),
)
