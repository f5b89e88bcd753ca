"""Experiments with the path of charges under SGD, with controls.

As those of :mod:`symgeom.models.noise.experiments`, whose catalogue lists them too: each takes a
number of steps and of draws and returns named arrays. They stand here because they use ledgers and
forces.
"""
