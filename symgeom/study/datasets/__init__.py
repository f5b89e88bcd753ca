"""Data sets by name: one file each, with the function that reads it."""

from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.registry import DATASETS, load

__all__ = ["DATASETS", "Choice", "Data", "load"]
