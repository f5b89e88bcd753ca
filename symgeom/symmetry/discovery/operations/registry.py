"""The list of all operations.

The imports are the list: a file of operations becomes known by one line among them.
"""

from collections.abc import Iterator, Mapping
from types import ModuleType

from symgeom.symmetry.discovery.operations import activation as activation
from symgeom.symmetry.discovery.operations import arithmetic as arithmetic
from symgeom.symmetry.discovery.operations import attention as attention
from symgeom.symmetry.discovery.operations import choosing as choosing
from symgeom.symmetry.discovery.operations import constants as constants
from symgeom.symmetry.discovery.operations import convolution as convolution
from symgeom.symmetry.discovery.operations import copying as copying
from symgeom.symmetry.discovery.operations import embedding as embedding
from symgeom.symmetry.discovery.operations import indexing as indexing
from symgeom.symmetry.discovery.operations import joining as joining
from symgeom.symmetry.discovery.operations import linear as linear
from symgeom.symmetry.discovery.operations import normalisation as normalisation
from symgeom.symmetry.discovery.operations import pooling as pooling
from symgeom.symmetry.discovery.operations import recurrence as recurrence
from symgeom.symmetry.discovery.operations import reduction as reduction
from symgeom.symmetry.discovery.operations import reshaping as reshaping
from symgeom.symmetry.discovery.operations import summation as summation
from symgeom.symmetry.discovery.operations import word_bags as word_bags
from symgeom.symmetry.discovery.operations.record import Operation


def _records(namespace: Mapping[str, object]) -> Iterator[Operation]:
    for value in namespace.values():
        if isinstance(value, ModuleType):
            yield from value.OPERATIONS


OPERATIONS: tuple[Operation, ...] = tuple(_records(dict(globals())))
"""All operations."""

BY_NAME: dict[str, Operation] = {}
"""The operation of every name."""

for _operation in OPERATIONS:
    BY_NAME |= dict.fromkeys(_operation.names, _operation)
