"""Symmetry: the architecture as data, discovered from a network, acted on by group elements, and certified."""
