"""Experiments with models whose noise equilibrium is known, published ones and their controls.

Each module does one: its function ``measure`` takes the number of steps and the number of draws of
weights and data, and returns named arrays and coordinates with their dimensions, values, units and
meanings. Draws are an axis of the arrays, so that every number has an interval.
:mod:`~symgeom.models.noise.experiments.catalogue` lists them.
"""
