"""Robustness: how far inputs may change before a predictor errs, by attack or by corruption."""

from symgeom.neighbours.robustness.attack import Attack, RobustError, robust_error
from symgeom.neighbours.robustness.catalogue import ATTACKS
from symgeom.neighbours.robustness.data_range import DataRange
from symgeom.neighbours.robustness.kind import AttackKind
from symgeom.neighbours.robustness.predicting import Predictor, predictor

__all__ = [
    "ATTACKS",
    "Attack",
    "AttackKind",
    "DataRange",
    "Predictor",
    "RobustError",
    "predictor",
    "robust_error",
]
