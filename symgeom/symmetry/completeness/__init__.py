"""Completeness: which symmetries of a small network its spec leaves out."""

from symgeom.symmetry.completeness.check import missing_symmetries
from symgeom.symmetry.completeness.record import Exchange, MissingSymmetries, SignFlip, Surplus

__all__ = ["Exchange", "MissingSymmetries", "SignFlip", "Surplus", "missing_symmetries"]
