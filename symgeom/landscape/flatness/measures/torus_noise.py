"""The local energy under noise that is isotropic on the torus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.energies import energy_arrays, energy_values
from symgeom.landscape.flatness.measures.options import AMPLITUDES, DRAWS
from symgeom.landscape.flatness.measures.record import Context, Measure, Panel, Randomness, Row

if TYPE_CHECKING:
    from torch import Tensor

NAME = "torus_energy"
NOISE = "isotropic on the torus"


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the local energy."""
    from symgeom.landscape.flatness.local_energies import local_energy
    from symgeom.landscape.flatness.noise import Noise

    torus = context.torus
    energy = local_energy(
        context.problem,
        context.params,
        amplitudes=context.options["amplitudes"],
        draws=context.options["draws"],
        noise=Noise("torus", torus.spec, torus.bias_in_norm),
        generator=random(),
    )
    return energy_values(NAME, energy)


MEASURE = Measure(
    NAME,
    title="local energy under noise that is isotropic on the torus",
    arrays=energy_arrays(NAME, NOISE),
    compute=compute,
    stream="torus energy",
    options=(AMPLITUDES, DRAWS),
    noise="torus",
    rows=(Row(NAME, "energy, noise on the torus", "noise", True),),
    panel=Panel(NAME, NOISE, "amplitude, relative to each unit's length", "percent"),
)
