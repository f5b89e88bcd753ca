"""The gradients of single samples, and their moments, without forming them all.

:mod:`~symgeom.landscape.sample_gradients.watch` sees layers at work,
:mod:`~symgeom.landscape.sample_gradients.products` holds what it saw, and
:mod:`~symgeom.landscape.sample_gradients.moments` adds it up.
"""

from symgeom.landscape.sample_gradients.apart import check_silent, draws_in_training
from symgeom.landscape.sample_gradients.moments import (
    FOLDS,
    Block,
    Moments,
    Samples,
    blocks,
    gradient_moments,
)

__all__ = [
    "FOLDS",
    "Block",
    "Moments",
    "Samples",
    "blocks",
    "check_silent",
    "draws_in_training",
    "gradient_moments",
]
