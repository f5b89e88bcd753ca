"""The escape angle: how far every unit turns at random before the training error has risen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.options import DRAWS
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

NAME = "escape_angle"
ERROR = "escape_angle_standard_error"
REACHED = "escape_reached"
MEANING = (
    "angle by which all units turn in random directions until the training error has risen, mean"
)
RISE = Option(
    "escape_rise",
    {
        "expected": "0 (no escape angles), or a share of the samples",
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
    },
    "rise of the training error, as a fraction of the samples, up to which the escape angle is "
    "followed; 0: none",
)


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the escape angle."""
    from symgeom.landscape.flatness.escape import escape_angle

    escape = escape_angle(
        context.problem,
        context.params,
        torus=context.torus,
        draws=context.options["draws"],
        generator=random(),
        rise=context.options["escape_rise"],
    )
    return {
        NAME: escape.mean,
        ERROR: escape.standard_error,
        REACHED: escape.share_reached,
    }


MEASURE = Measure(
    NAME,
    title="escape angle along random directions of the torus",
    arrays=(
        Array(NAME, "rad", MEANING),
        Array(ERROR, "rad", "standard error over directions of the escape angle"),
        Array(REACHED, "1", "share of the directions along which the error rises so far"),
    ),
    compute=compute,
    stream="escape angle",
    options=(DRAWS, RISE),
    asked_by=("escape_rise",),
    rows=(Row(NAME, "minus escape angle", "noise", True, larger_is_flatter=True),),
)
