"""The architecture as data: which slices of which tensors belong to which unit.

A :class:`UnitGroup` is a set of interchangeable units (the neurons of a hidden layer, say). Each of
its *legs* names one axis of one tensor that is indexed by those units. Scaling unit ``k`` by ``s``
multiplies its slice on every leg by ``s**power``: incoming weights and biases have power +1,
outgoing weights power -1 (minus the degree of the activation, in general). A :class:`SymmetrySpec`
lists the groups of one architecture from input to output. It holds no tensors.

Everything that touches weights through a spec goes through one view of a leg, :func:`view`:
:func:`take` reads it as a matrix ``(unit, d)``, :func:`put` writes such a matrix back,
:func:`symgeom.symmetry.group.act` works on the view itself. :func:`check_spec` says what is wrong
with a spec, on its own and on a network.
"""

from symgeom.symmetry.spec.architecture import (
    SCALES,
    FixedAxis,
    Leg,
    Scale,
    SymmetrySpec,
    UnitGroup,
)
from symgeom.symmetry.spec.check import check_spec
from symgeom.symmetry.spec.slices import are_nested, multiply, put, take, view

__all__ = [
    "SCALES",
    "FixedAxis",
    "Leg",
    "Scale",
    "SymmetrySpec",
    "UnitGroup",
    "are_nested",
    "check_spec",
    "multiply",
    "put",
    "take",
    "view",
]
