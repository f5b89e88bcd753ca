"""All objectives: the imports of records are the list."""

# In the order of guides and figures.
# isort: off
from symgeom.neighbours.teleportation.steepest import STEEPEST as STEEPEST
from symgeom.neighbours.teleportation.flattest import FLATTEST as FLATTEST
from symgeom.neighbours.teleportation.straightest import STRAIGHTEST as STRAIGHTEST
# isort: on

from symgeom.neighbours.teleportation.objective import Objective

_LISTED = dict(globals()).values()
OBJECTIVES = {value.name: value for value in _LISTED if isinstance(value, Objective)}
"""By name."""
