"""The local energy under noise relative to each weight; of binary networks, under flips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.energies import energy_arrays, energy_values
from symgeom.landscape.flatness.measures.options import AMPLITUDES, DRAWS
from symgeom.landscape.flatness.measures.record import Context, Measure, Panel, Randomness, Row

if TYPE_CHECKING:
    from torch import Tensor

NAME = "local_energy"
NOISE = "relative to each weight (of binary weights: signs that flip with this probability)"


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the local energy."""
    from symgeom.landscape.binary.energy import flip_energy
    from symgeom.landscape.flatness.local_energies import local_energy

    amplitudes = context.options["amplitudes"]
    draws = context.options["draws"]
    if context.binary:
        energy = flip_energy(
            context.problem,
            context.params,
            probabilities=amplitudes,
            draws=draws,
            generator=random(),
        )
    else:
        energy = local_energy(
            context.problem,
            context.params,
            amplitudes=amplitudes,
            draws=draws,
            generator=random(),
        )
    return energy_values(NAME, energy)


MEASURE = Measure(
    NAME,
    title="local energy under noise relative to each weight",
    arrays=energy_arrays(NAME, NOISE),
    compute=compute,
    stream="local energy",
    options=(AMPLITUDES, DRAWS),
    real_weights=False,
    rows=(Row(NAME, "energy, relative noise", "noise", True, binary_label="energy, flips"),),
    panel=Panel(NAME, "relative to each weight", "amplitude, relative to each weight", "percent"),
)
