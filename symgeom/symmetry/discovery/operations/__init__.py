"""The operations of a graph, one record each: all that discovery and its readers know of them.

A record (:class:`~symgeom.symmetry.discovery.operations.record.Operation`) has the names of an
operation and its rule, says which argument is a weight and what its axes index, whether the scale
of a last layer shows behind it, and which batch norms it takes in. Discovery, the head, the wiring
and the folding of batch norms look up the record of each call in the registry; nothing about an
operation stands anywhere else.

To teach symgeom an operation, write a file with its rule and a tuple ``OPERATIONS`` of records, and
import it in :mod:`symgeom.symmetry.discovery.operations.registry`. The certificate tells whether
the rule is right.

A rule takes the axes of the result and the arguments of the operation by their ATen names: tensors
as tuples of axes, the first one (``self`` or ``input``) as ``source``, and the second factor of a
product (``mat2`` or ``vec``) as ``other``. It yields statements
(:mod:`symgeom.symmetry.discovery.relations`).
"""

from symgeom.symmetry.discovery.operations.record import (
    Carrier,
    Head,
    Operation,
    Rule,
    Statistics,
    Weight,
)

__all__ = ["Carrier", "Head", "Operation", "Rule", "Statistics", "Weight"]
