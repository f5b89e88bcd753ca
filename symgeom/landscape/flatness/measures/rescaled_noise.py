"""The local energy of a rescaled copy, which computes the same function, under raw noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.additive_noise import (
    AXIS,
    STREAM,
    WORD,
    energy_in_units_of_weights,
)
from symgeom.landscape.flatness.measures.energies import energy_arrays, energy_values
from symgeom.landscape.flatness.measures.options import AMPLITUDES, DRAWS
from symgeom.landscape.flatness.measures.record import Context, Measure, Panel, Randomness, Row

if TYPE_CHECKING:
    from torch import Tensor

NAME = "rescaled_energy"
NOISE = "of the same size, added to a rescaled copy that computes the same function"


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the local energy."""
    from symgeom.symmetry.group import act, random_element

    exact = context.torus.spec.exact()
    element = random_element(exact, generator=context.generators("rescaled copy"), spread=1.0)
    copy = act(exact, element, context.params)
    energy = energy_in_units_of_weights(context, copy, random())
    return energy_values(NAME, energy)


MEASURE = Measure(
    NAME,
    title="local energy under raw noise on a rescaled copy that computes the same function",
    arrays=energy_arrays(NAME, NOISE),
    compute=compute,
    stream=STREAM,  # that of the network as trained: the two differ in nothing but the copy
    options=(AMPLITUDES, DRAWS),
    noise=WORD,
    rows=(Row(NAME, "energy, raw, rescaled copy", "noise", False),),
    panel=Panel(NAME, "raw, on a rescaled copy (same function)", AXIS, "percent"),
)
