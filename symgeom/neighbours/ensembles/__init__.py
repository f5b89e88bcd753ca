"""Ensembles of networks near a minimum, and how good they are.

A kind of ensemble is one file with one record
(:class:`~symgeom.neighbours.ensembles.kind.EnsembleKind`): its maker turns one network, or several,
into members stacked along a leading axis. The members predict together
(:func:`member_log_probabilities`), their mean is the ensemble's prediction
(:func:`mean_prediction`), and :func:`ensemble_scores` says how good it is.
"""

from symgeom.neighbours.ensembles.catalogue import KINDS, ensemble_members
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.neighbours.ensembles.perturbation import random_displacements
from symgeom.neighbours.ensembles.prediction import (
    MemberFunction,
    check_classification,
    mean_prediction,
    member_function,
    member_log_probabilities,
)
from symgeom.neighbours.ensembles.scoring import EnsembleScores, ensemble_scores

__all__ = [
    "KINDS",
    "EnsembleKind",
    "EnsembleMaterial",
    "EnsembleScores",
    "MemberFunction",
    "check_classification",
    "ensemble_members",
    "ensemble_scores",
    "mean_prediction",
    "member_function",
    "member_log_probabilities",
    "random_displacements",
]
