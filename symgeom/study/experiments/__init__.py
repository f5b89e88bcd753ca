"""Experiments that need data sets and trainings, beside those with models.

As those of :mod:`symgeom.models.noise.experiments`, whose catalogue lists them too: each takes a
number of steps and of draws and returns named arrays.
"""
