"""Figures of a study: one file per figure, each with one function ``draw`` from labelled arrays to a matplotlib figure.

The only package that imports matplotlib. :mod:`.style` holds one look for all, :mod:`.selection`
says which networks and pairs a figure shows. No figure computes science: what it shows is in the
stores, or a summary of it over networks.
"""
