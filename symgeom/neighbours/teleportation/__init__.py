"""Teleportation: along an orbit to where an objective is best.

:mod:`~symgeom.neighbours.teleportation.objective` says what an objective is,
:mod:`~symgeom.neighbours.teleportation.catalogue` which there are,
:mod:`~symgeom.neighbours.teleportation.orbit` what an orbit is in coordinates,
:mod:`~symgeom.neighbours.teleportation.search` how the best point is found.
"""

from symgeom.neighbours.teleportation.catalogue import OBJECTIVES
from symgeom.neighbours.teleportation.move import Teleportation, teleport
from symgeom.neighbours.teleportation.objective import Objective

__all__ = ["OBJECTIVES", "Objective", "Teleportation", "teleport"]
