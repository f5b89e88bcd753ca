"""Quotient: networks modulo their symmetries.

* ``torus``: the product of spheres on which canonical networks lie, with its distances;
* ``gauge``: one canonical representative of every orbit of the scaling symmetries;
* ``alignment``: the units of one network matched to those of another.
"""
