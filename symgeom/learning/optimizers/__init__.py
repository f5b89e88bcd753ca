"""Optimizers by name, one file each."""

from symgeom.learning.optimizers.method import Method
from symgeom.learning.optimizers.registry import METHODS, build

__all__ = ["METHODS", "Method", "build"]
