"""The noise of SGD: how it pushes every unit, along which path, and where the push vanishes."""

from symgeom.dynamics.noise.balancing import Balance, balance
from symgeom.dynamics.noise.batch_force import noise_force_of_batches
from symgeom.dynamics.noise.breaking import BrokenEquilibrium, broken_equilibrium
from symgeom.dynamics.noise.drift import ChargeDrift, charge_drift, net_force, predicted_changes
from symgeom.dynamics.noise.equilibrium import (
    NoiseEquilibrium,
    decay_ratio,
    effective_learning_rate,
    equilibrium_of_force,
    noise_equilibrium,
    unit_displacements,
)
from symgeom.dynamics.noise.factors import weight_factors
from symgeom.dynamics.noise.force import NoiseForce, gradient_variance, noise_force
from symgeom.dynamics.noise.gauge import noise_gauge
from symgeom.dynamics.noise.matrices import MatrixForce
from symgeom.dynamics.noise.mixing import Mixing
from symgeom.dynamics.noise.path import ChargePath, predicted_path
from symgeom.dynamics.noise.recipe import SgdRecipe
from symgeom.dynamics.noise.sampling import effective_batch_size

__all__ = [
    "Balance",
    "BrokenEquilibrium",
    "ChargeDrift",
    "ChargePath",
    "MatrixForce",
    "Mixing",
    "NoiseEquilibrium",
    "NoiseForce",
    "SgdRecipe",
    "balance",
    "broken_equilibrium",
    "charge_drift",
    "decay_ratio",
    "effective_batch_size",
    "effective_learning_rate",
    "equilibrium_of_force",
    "gradient_variance",
    "net_force",
    "noise_equilibrium",
    "noise_force",
    "noise_force_of_batches",
    "noise_gauge",
    "predicted_changes",
    "predicted_path",
    "unit_displacements",
    "weight_factors",
]
