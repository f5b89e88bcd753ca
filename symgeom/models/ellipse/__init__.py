r"""Two weights whose valley is an ellipse: the charge and the loss are its coordinates.

The loss :math:`L = w_1^2 + a w_2^2` is that of all points of an ellipse. Turns of :math:`(w_1,
\sqrt a\, w_2)` leave it alone: the level set is the orbit of a group. Gradient flow crosses it,

.. math:: w_1(t) = w_1 e^{-2t}, \qquad w_2(t) = w_2 e^{-2at},

and keeps, in every quadrant, the charge

.. math:: Q = a \ln|w_1| - \ln|w_2| .

Its gradient is orthogonal to that of the loss and so points along the orbit: on a quarter of an
ellipse the charge takes every value once. Charge and loss are therefore coordinates of the plane,
orthogonal ones: flow lines are the lines of constant charge, orbits those of constant loss. All
points of an orbit have one loss, and not one rate of descent,

.. math:: -\frac{\dot L}{L} = 4\, \frac{w_1^2 + a^2 w_2^2}{w_1^2 + a w_2^2} \in [4, 4a] .

Steps of gradient descent at the rate :math:`\eta` change the charge, each by

.. math:: \Delta Q = a\ln|1 - 2\eta| - \ln|1 - 2a\eta| = 2a(a-1)\eta^2 + O(\eta^3) .

References
----------
The example follows Zhao et al. (2210.17216), with :math:`w_1^{2a} / w_2^2 = e^{2Q}` as the charge;
moves along level sets are those of Zhao et al. (2205.10637). The formulas are derived here.
"""

from symgeom.models.ellipse.experiment import measure_ellipse
from symgeom.models.ellipse.theory import charge, decrease, descended, flow, loss, turned

__all__ = ["charge", "decrease", "descended", "flow", "loss", "measure_ellipse", "turned"]
