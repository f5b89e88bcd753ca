r"""Two layers on white data: every charge and every Hessian is known in closed form.

The network is :math:`F = U\,\sigma(V)`, with outgoing weights :math:`U` (output, unit), incoming
weights :math:`V` (unit, sample) and one sample per input direction, so that every pre-activation is
a weight. On the mean squared error gradient flow conserves, for *every* pointwise :math:`\sigma`,

.. math:: Q_j = 2\sum_a S(V_{ja}) - \sum_i U_{ij}^2, \qquad S(x) = \int_0^x \frac{\sigma}{\sigma'} ,

where :math:`2S` is :math:`x^2` for the identity, :math:`\max(x, 0)^2` for ReLU, :math:`\sinh^2 x`
for tanh and :math:`2(x + e^x - 1)` for the sigmoid. The ``radial`` activation divides every unit's
row by its squared length; it has degree -1, so that :math:`\lVert V_j\rVert^2 + \lVert U_j\rVert^2`
is conserved. Steps of descent change the charges by an amount proportional to the learning rate, in
double precision; in single precision rounding can be larger than that.

References
----------
Zhao et al. (2210.17216), figures 3, 6, 7 and 9: their model, sizes and seeds. Differs from the
source: there the potentials of tanh and sigmoid start at a constant (``cosh**2``, ``e**x``), which
makes relative changes of Q look small, Q has the opposite sign, and the arithmetic is in single
precision.
"""

from symgeom.models.two_layer.activations import ACTIVATIONS, Activation, charges_of
from symgeom.models.two_layer.descent import Descent, descend

__all__ = ["ACTIVATIONS", "Activation", "Descent", "charges_of", "descend"]
