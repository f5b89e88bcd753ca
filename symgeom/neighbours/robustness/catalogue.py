"""The kinds of attacks, one line each."""

from symgeom.neighbours.robustness.gradient import FGSM as FGSM
from symgeom.neighbours.robustness.gradient import PGD as PGD
from symgeom.neighbours.robustness.kind import AttackKind
from symgeom.neighbours.robustness.random_changes import NOISE as NOISE
from symgeom.neighbours.robustness.suite import SUITE as SUITE

ATTACKS: dict[str, AttackKind] = {kind.name: kind for kind in (NOISE, FGSM, PGD, SUITE)}
"""By name."""
