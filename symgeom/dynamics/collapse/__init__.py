"""Collapse of SGD onto simpler networks: sets that no step leaves, and whether they attract."""

from symgeom.dynamics.collapse.exponent import CollapseExponent, NoisySteps, collapse_exponent
from symgeom.dynamics.collapse.invariant_sets import InvariantSet, equal_units, unit_at_zero

__all__ = [
    "CollapseExponent",
    "InvariantSet",
    "NoisySteps",
    "collapse_exponent",
    "equal_units",
    "unit_at_zero",
]
