"""The margins of the training samples on the canonical network, also over spectral norms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.record import Array, Context, Measure, Randomness, Row

if TYPE_CHECKING:
    from torch import Tensor

NAME = "margin"
SPECTRAL = "spectral_margin"
DIMS = ("quantile",)


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the margins."""
    from symgeom.landscape.flatness.margin import normalised_margins

    margins = normalised_margins(
        context.torus.spec,
        context.problem,
        context.params,
        bias_in_norm=context.torus.bias_in_norm,
    )
    return {NAME: margins.value, SPECTRAL: margins.spectral}


MEASURE = Measure(
    NAME,
    title="margins of the training samples on the canonical network",
    arrays=(
        Array(
            NAME, "1", "margin of the training samples on the canonical network, by quantile", DIMS
        ),
        Array(SPECTRAL, "1", "the same over the product of the spectral norms of the layers", DIMS),
    ),
    compute=compute,
    of_classes=True,
    real_weights=False,
    rows=(Row(NAME, "minus margin at 10 %", "margin", True, larger_is_flatter=True),),
)
