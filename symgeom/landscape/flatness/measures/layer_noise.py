"""The local energy of each layer under relative noise, while all others are at rest."""

from __future__ import annotations

from symgeom.landscape.flatness.measures.options import AMPLITUDES, DRAWS, LAYERS
from symgeom.landscape.flatness.measures.record import Array, Context, Measure, Panel, Randomness

NAME = "layer_energy"
MEANING = "mean increase of the training error under relative noise on one layer"


def compute(context: Context, random: Randomness) -> dict[str, list[float]]:
    """Measure the local energy of each layer."""
    from symgeom.landscape.flatness.local_energies import local_energy
    from symgeom.landscape.flatness.noise import Noise
    from symgeom.landscape.flatness.parts import layers

    amplitudes = context.options["amplitudes"]
    middle = amplitudes[len(amplitudes) // 2]
    increases = []
    for layer, tensors in layers(context.problem, context.params).items():
        energy = local_energy(
            context.problem,
            context.params,
            amplitudes=[middle],
            draws=context.options["draws"],
            noise=Noise(tensors=tuple(tensors)),
            generator=random(layer),
        )
        increases.append(float(energy.error_increase))
    return {NAME: increases}


MEASURE = Measure(
    NAME,
    title="local energy of each layer alone",
    arrays=(Array(NAME, "1", MEANING, ("layer",)),),
    compute=compute,
    stream="layer energy",
    options=(AMPLITUDES, DRAWS, LAYERS),
    asked_by=("layers",),
    panel=Panel(
        NAME, "noise on one layer at a time", "increase of the\ntraining error (%)", "percent"
    ),
)
