"""The noise of SGD: the force with which it pushes every unit, and where that force vanishes."""

from symgeom.dynamics.noise.balancing import Balance, balance
from symgeom.dynamics.noise.breaking import BrokenEquilibrium, broken_equilibrium
from symgeom.dynamics.noise.equilibrium import (
    NoiseEquilibrium,
    decay_ratio,
    effective_learning_rate,
    noise_equilibrium,
    unit_displacements,
)
from symgeom.dynamics.noise.force import NoiseForce, gradient_variance, noise_force

__all__ = [
    "Balance",
    "BrokenEquilibrium",
    "NoiseEquilibrium",
    "NoiseForce",
    "balance",
    "broken_equilibrium",
    "decay_ratio",
    "effective_learning_rate",
    "gradient_variance",
    "noise_equilibrium",
    "noise_force",
    "unit_displacements",
]
