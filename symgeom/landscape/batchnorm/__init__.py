"""Batch norm, exactly: fold it away, or measure its statistics anew.

The running statistics of a batch norm belong to the weights they were measured at. A network
between two networks has none of its own, so a study must say what it means there: fold every
network first (:func:`fold_batchnorm`), measure the statistics of every network that is evaluated
(:func:`recompute_statistics`), or carry along the statistics that are among the parameters.
"""

from symgeom.landscape.batchnorm.fold import Fold, Folded, fold_batchnorm
from symgeom.landscape.batchnorm.statistics import (
    POLICIES,
    BatchMode,
    batch_norms,
    check_policy,
    recompute_statistics,
    sharing_copy,
    training_copy,
)

__all__ = [
    "POLICIES",
    "BatchMode",
    "Fold",
    "Folded",
    "batch_norms",
    "check_policy",
    "fold_batchnorm",
    "recompute_statistics",
    "sharing_copy",
    "training_copy",
]
