"""Alignment: match the units of one network to the units of another."""

from symgeom.quotient.alignment.activations import align_activations, unit_activations
from symgeom.quotient.alignment.joint import JointAlignment, align_jointly
from symgeom.quotient.alignment.matching import align, align_pairs
from symgeom.quotient.alignment.record import Alignment, Matching

__all__ = [
    "Alignment",
    "JointAlignment",
    "Matching",
    "align",
    "align_activations",
    "align_jointly",
    "align_pairs",
    "unit_activations",
]
