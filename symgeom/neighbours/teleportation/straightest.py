r"""The straightest point: the smallest curvature :math:`g^\top Hg/g^\top g` along the gradient.

Over a gradient step the loss is then nearest to a straight line (or bends downwards most: the
curvature may be negative), and long steps are good ones.
"""

from torch import Tensor

from symgeom.neighbours.teleportation.objective import Locality, Objective


def curvature_of_step(around: Locality) -> Tensor:
    """Return the curvature of the loss along its gradient.

    Parameters
    ----------
    around : Locality
        The landscape around a point.

    Returns
    -------
    Tensor, shape ()
        The second derivative along the unit vector.
    """
    return around.curvature_along_gradient() / around.squared_gradient()


STRAIGHTEST = Objective(
    "straightest", "curvature along the gradient", "nat/weight^2", curvature_of_step
)
