r"""The spherical negative perceptron: a landscape whose geodesics are exact.

It is an anchor for the geodesics of networks. Weights :math:`w` on the sphere :math:`|w|^2 = N`
must give each of :math:`P = \alpha N` standard normal patterns a *stability*

.. math:: \Delta_\mu(w) = \frac{w\cdot\xi_\mu}{|w|} \ge \kappa, \qquad \kappa < 0,

and the energy is the fraction of patterns that fail. For :math:`\kappa \ge 0` solutions form one
geodesically convex cap; for :math:`\kappa < 0` they need not: two solutions may be joined by a
great circle that leaves them. The prediction is a star: robust solutions (those that keep a larger
margin) have small barriers to most others, while typical ones have large barriers among themselves.

Along the great circle from :math:`w_1` to :math:`w_2` at angle :math:`\theta`, every stability is
one cosine,

.. math:: \Delta_\mu(\varphi) = \Delta_\mu(w_1)\cos\varphi + \frac{\Delta_\mu(w_2) -
          \Delta_\mu(w_1)\cos\theta}{\sin\theta}\sin\varphi = R_\mu \cos(\varphi - \varphi_\mu),

so that pattern :math:`\mu` fails on the arc of half-width :math:`\arccos(-\kappa/R_\mu)` around
:math:`\varphi_\mu + \pi` and nowhere else. The barrier is the largest number of such arcs that
overlap: it is found by sorting their ends, without a grid.

References
----------
Annesi, Lauditi, Lucibello, Malatesta, Perugini, Pittorino and Saglietti, "Star-shaped space of
solutions of the spherical negative perceptron" (2305.10623): model, energy, and the claim; its
path, the normalised convex combination, is the great circle at another speed. Differs from the
source: solutions are what gradient descent finds from random starts, not draws from all solutions
of a margin, and there are no replica calculations.
"""

from symgeom.models.perceptron.constraints import Perceptron
from symgeom.models.perceptron.descent import Solution, solve
from symgeom.models.perceptron.geodesics import geodesic_barrier, geodesic_energy

__all__ = ["Perceptron", "Solution", "geodesic_barrier", "geodesic_energy", "solve"]
