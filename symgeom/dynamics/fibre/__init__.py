"""The fibre: other weights that compute the same function, reached along the valley of the loss."""

from symgeom.dynamics.fibre.dimension import orbit_dimension
from symgeom.dynamics.fibre.moves import move_on_fibre
from symgeom.dynamics.fibre.walk import walk_fibre

__all__ = ["move_on_fibre", "orbit_dimension", "walk_fibre"]
