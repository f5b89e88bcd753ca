"""Optimizers by name, one file each.

An optimizer of your own derives from :class:`Method`, as those of this package do.
"""

from symgeom.learning.optimizers.method import Gradient, Method, Pretraining, State
from symgeom.learning.optimizers.registry import METHODS, build

__all__ = ["METHODS", "Gradient", "Method", "Pretraining", "State", "build"]
