"""The fibre: other weights that compute the same function, reached along the valley of the loss."""

from symgeom.dynamics.fibre.dimension import orbit_dimension
from symgeom.dynamics.fibre.move import move_on_fibre
from symgeom.dynamics.fibre.points import move_to_point
from symgeom.dynamics.fibre.walk import unsigned, walk_fibre

__all__ = ["move_on_fibre", "move_to_point", "orbit_dimension", "unsigned", "walk_fibre"]
