"""The local energy under raw noise on the network as trained, which depends on how it is scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.energies import energy_arrays, energy_values
from symgeom.landscape.flatness.measures.options import AMPLITUDES, DRAWS
from symgeom.landscape.flatness.measures.record import Context, Measure, Panel, Randomness, Row

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from symgeom.ground.types import Parameters
    from symgeom.landscape.flatness.local_energies import LocalEnergy

NAME = "additive_energy"
STREAM = "additive energy"
WORD = "additive"
NOISE = "added to the weights as trained, in units of their root mean square"
AXIS = "amplitude (root mean square weight as trained)"


def energy_in_units_of_weights(
    context: Context, network: Parameters, generator: torch.Generator
) -> LocalEnergy:
    """Measure the local energy of a network under raw noise, in units of the weights as trained.

    Parameters
    ----------
    context : Context
        With the network as trained, whose root mean square weight is the unit of the amplitude.
    network : Parameters
        The network to which the noise is added.
    generator : torch.Generator
        The source of the noise.

    Returns
    -------
    LocalEnergy
        Its amplitudes are those of the noise itself.
    """
    from symgeom.ground.types import ravel
    from symgeom.landscape.flatness.local_energies import local_energy

    problem = context.problem
    weights = {name: context.params[name] for name in problem.trainable}
    unit = float(ravel(weights).square().mean().sqrt())
    return local_energy(
        problem,
        network,
        amplitudes=[unit * amplitude for amplitude in context.options["amplitudes"]],
        draws=context.options["draws"],
        noise="additive",
        generator=generator,
    )


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the local energy."""
    energy = energy_in_units_of_weights(context, context.params, random())
    return energy_values(NAME, energy)


MEASURE = Measure(
    NAME,
    title="local energy under raw noise on the network as trained",
    arrays=energy_arrays(NAME, NOISE),
    compute=compute,
    stream=STREAM,
    options=(AMPLITUDES, DRAWS),
    noise=WORD,
    rows=(Row(NAME, "energy, raw noise", "noise", False),),
    panel=Panel(NAME, "raw, on the network as trained", AXIS, "percent"),
)
