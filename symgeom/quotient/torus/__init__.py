r"""The product of unit spheres on which canonical networks live.

After :func:`symgeom.quotient.gauge.canonicalise` the incoming weights of every hidden unit are a
point on a unit sphere, and so is the whole last layer: a network is a point on :math:`\prod_k
S^{d_k-1}`, a "hyper-toroid" (a product of spheres, not of circles). With :math:`\theta_k` the angle
between the two networks on sphere :math:`k`,

.. math:: d_\mathrm{Riemann} = \Big(\sum_k \theta_k^2\Big)^{1/2}, \quad
          d_\mathrm{rms} = \Big(\frac1K\sum_k \theta_k^2\Big)^{1/2}.

Angles do not depend on the length of the vectors that they are between: where a canonical network
has another one than 1 (units that no scaling moves; all writers of a residual stream, of which some
fix its gauge), it stands for its direction. They do depend on lengths *before* them, which are
factors of single coordinates, so that raw copies of one network have other angles. Distances and
geodesics therefore ask for canonical networks (:mod:`symgeom.quotient.torus.membership`).
Distances are between representatives: align one network to the other first, or the permutations are
counted as distance.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038), abstract and section on the geometry of
the standardised space. The normalisation of the distance is not given there: both are reported,
``rms`` (radians) is our default.
"""

from symgeom.quotient.torus.coordinates import (
    is_bias,
    rows,
    shared_entries,
    sphere_coordinates,
    sphere_legs,
    with_sphere_coordinates,
    without_biases,
)
from symgeom.quotient.torus.distances import Torus, distance_of_angles
from symgeom.quotient.torus.fixing import fixing_legs
from symgeom.quotient.torus.frechet import frechet_mean, frechet_point
from symgeom.quotient.torus.membership import check_on_torus
from symgeom.quotient.torus.simplex import simplex_point

__all__ = [
    "Torus",
    "check_on_torus",
    "distance_of_angles",
    "fixing_legs",
    "frechet_mean",
    "frechet_point",
    "is_bias",
    "rows",
    "shared_entries",
    "simplex_point",
    "sphere_coordinates",
    "sphere_legs",
    "with_sphere_coordinates",
    "without_biases",
]
