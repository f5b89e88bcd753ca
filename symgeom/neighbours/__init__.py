"""Neighbours in function space: networks near a minimum, and what ensembles of them are good for.

Parameter symmetries leave a network's function as it is. What is exact on a batch only (a
data-dependent symmetry), or holds along a flat path between minima, gives other functions with
nearly the same training error: candidates for an ensemble.
"""
