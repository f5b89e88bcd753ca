"""The landscape of a network: its loss and error over data, as pure functions of its parameters."""

from symgeom.landscape.problem.losses import cross_entropy
from symgeom.landscape.problem.problem import Problem

__all__ = ["Problem", "cross_entropy"]
