r"""The landscape along a path, and the barrier that it has to cross.

A *profile* is the loss and the error at given points of a path, or at points that gather where the
profile peaks. The *barrier* of values :math:`E(t)` is, by default, the largest rise above the
straight line between the values at the ends,

.. math:: B = \max_t\;\big[E(t) - (1-t)\,E(0) - t\,E(1)\big],

which is zero or positive because the ends are among the points. For minima of zero training error
it is the largest error on the path, which is the other definition (``"maximum"``): the two differ
where the ends have errors of their own.

References
----------
Entezari et al., "The role of permutation invariance in linear mode connectivity of neural networks"
(2110.06296): the barrier as the rise above the line between the ends, our default. Frankle et al.,
"Linear mode connectivity and the lottery ticket hypothesis" (1912.05671) subtract the mean of the
ends instead. Pittorino et al., "Deep networks on toroids" (2202.03038): the error, not the loss,
along geodesics.
"""

from symgeom.landscape.barriers.along import NETWORKS_HELD, VALUES, Profile, profile
from symgeom.landscape.barriers.headroom import first_rise, guessing_error, relative_barrier
from symgeom.landscape.barriers.height import DEFINITIONS, barrier
from symgeom.landscape.barriers.refined import NEW_POINTS, refine, refined_profile, refined_size
from symgeom.landscape.problem.evaluation import evaluate

__all__ = [
    "DEFINITIONS",
    "NETWORKS_HELD",
    "NEW_POINTS",
    "VALUES",
    "Profile",
    "barrier",
    "evaluate",
    "first_rise",
    "guessing_error",
    "profile",
    "refine",
    "refined_profile",
    "refined_size",
    "relative_barrier",
]
