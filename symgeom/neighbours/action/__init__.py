"""The data-dependent action: any matrix mixes the units of a layer, exactly on a batch."""

from symgeom.neighbours.action.completion import completed
from symgeom.neighbours.action.layers import mixable_groups
from symgeom.neighbours.action.mixing import random_mixing
from symgeom.neighbours.action.move import DataDependentMove, data_dependent_action

__all__ = [
    "DataDependentMove",
    "completed",
    "data_dependent_action",
    "mixable_groups",
    "random_mixing",
]
