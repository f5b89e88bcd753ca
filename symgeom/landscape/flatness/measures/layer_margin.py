"""The relative margins of each layer: how far its weights are from another decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.options import LAYERS
from symgeom.landscape.flatness.measures.record import Array, Context, Measure, Panel, Randomness

if TYPE_CHECKING:
    from torch import Tensor

NAME = "layer_margin"
MEANING = (
    "smallest relative change of one layer's weights to another decision, to first order, "
    "by quantile"
)


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the relative margins of each layer."""
    from symgeom.landscape.flatness.margin import layer_margins
    from symgeom.landscape.flatness.parts import layers

    parts = layers(context.problem, context.params)
    return {NAME: layer_margins(context.problem, context.params, parts)}


MEASURE = Measure(
    NAME,
    title="relative margins of each layer alone",
    arrays=(Array(NAME, "1", MEANING, ("layer", "quantile")),),
    compute=compute,
    of_classes=True,
    options=(LAYERS,),
    asked_by=("layers",),
    panel=Panel(
        NAME,
        "change of one layer's weights to the median sample's decision boundary",
        "relative margin",
    ),
)
