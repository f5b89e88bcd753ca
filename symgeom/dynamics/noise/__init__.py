"""The noise of SGD: the force with which it pushes every unit, and where that force vanishes."""

from symgeom.dynamics.noise.equilibrium import (
    decay_ratio,
    effective_learning_rate,
    noise_equilibrium,
)
from symgeom.dynamics.noise.force import gradient_variance, noise_force

__all__ = [
    "decay_ratio",
    "effective_learning_rate",
    "gradient_variance",
    "noise_equilibrium",
    "noise_force",
]
