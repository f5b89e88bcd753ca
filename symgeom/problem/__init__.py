"""The landscape of a network: its loss and error over data, as pure functions of its parameters."""

from symgeom.problem.landscape import Problem
from symgeom.problem.losses import cross_entropy

__all__ = ["Problem", "cross_entropy"]
