"""Robustness: what an attack or a corruption of the inputs makes of a predictor's error.

A predictor is a function from inputs to log probabilities, of a network or of an ensemble
(:func:`predictor`). :func:`robust_error` attacks it, or judges on it what was made on another one;
:func:`corrupt` changes inputs without aim. Both stay in the data's own range (:class:`DataRange`).
A kind of attack is one record (:class:`AttackKind`) in the catalogue.
"""

from symgeom.neighbours.robustness.asking import misclassified_samples
from symgeom.neighbours.robustness.attack import Attack, RobustError, robust_error
from symgeom.neighbours.robustness.catalogue import ATTACKS
from symgeom.neighbours.robustness.corruptions import (
    CORRUPTIONS,
    Corruption,
    CorruptionKind,
    corrupt,
)
from symgeom.neighbours.robustness.data_range import DataRange
from symgeom.neighbours.robustness.kind import AttackKind
from symgeom.neighbours.robustness.predicting import Predictor, predictor

__all__ = [
    "ATTACKS",
    "CORRUPTIONS",
    "Attack",
    "AttackKind",
    "Corruption",
    "CorruptionKind",
    "DataRange",
    "Predictor",
    "RobustError",
    "corrupt",
    "misclassified_samples",
    "predictor",
    "robust_error",
]
