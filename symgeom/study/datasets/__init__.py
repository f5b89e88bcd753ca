"""Data sets by name."""

from symgeom.study.datasets.registry import DATASETS, load

__all__ = ["DATASETS", "load"]
