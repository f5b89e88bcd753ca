"""The noise of SGD: the force with which it pushes every unit, and where that force vanishes."""

from symgeom.dynamics.noise.balancing import Balance, balance
from symgeom.dynamics.noise.batch_force import noise_force_of_batches
from symgeom.dynamics.noise.equilibrium import (
    NoiseEquilibrium,
    decay_ratio,
    effective_learning_rate,
    equilibrium_of_force,
    noise_equilibrium,
    unit_displacements,
)
from symgeom.dynamics.noise.force import NoiseForce, gradient_variance, noise_force
from symgeom.dynamics.noise.mixing import Mixing
from symgeom.dynamics.noise.sampling import effective_batch_size

__all__ = [
    "Balance",
    "Mixing",
    "NoiseEquilibrium",
    "NoiseForce",
    "balance",
    "decay_ratio",
    "effective_batch_size",
    "effective_learning_rate",
    "equilibrium_of_force",
    "gradient_variance",
    "noise_equilibrium",
    "noise_force",
    "noise_force_of_batches",
    "unit_displacements",
]
