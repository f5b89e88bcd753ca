"""Variants of paths: kinds of paths between two minima, of which some symmetries are removed.

A kind is one file with one record (:class:`~symgeom.study.variants.kind.PathKind`); the catalogue
lists them. Their names and titles are stored beside what is measured, so that figures need no list.
"""
