"""The noise of SGD: the force with which it pushes every unit along its orbit, and where that vanishes."""

from symgeom.dynamics.noise.equilibrium import (
    decay_ratio,
    gradient_variance,
    noise_equilibrium,
    noise_force,
)

__all__ = ["decay_ratio", "gradient_variance", "noise_equilibrium", "noise_force"]
