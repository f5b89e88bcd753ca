"""Symmetry: the architecture as data.

It is discovered from a network, acted on by group elements, and certified.
"""
