"""All kinds of attacks.

The first imports are the list: a kind joins by one line among them.
"""

# In the order of tables.
# isort: off
from symgeom.neighbours.robustness.random_changes import NOISE as NOISE
from symgeom.neighbours.robustness.gradient import FGSM as FGSM
from symgeom.neighbours.robustness.gradient import PGD as PGD
from symgeom.neighbours.robustness.suite import SUITE as SUITE
# isort: on

from symgeom.neighbours.robustness.kind import AttackKind

_LISTED = dict(globals()).values()
ATTACKS = {value.name: value for value in _LISTED if isinstance(value, AttackKind)}
"""By name."""
