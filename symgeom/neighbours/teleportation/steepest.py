"""The steepest point: the largest gradient, along which the loss falls fastest.

Along an orbit of scales the gradient has no largest length, so that the bound of the search decides
how steep the point is. The squared length is a sum of exponentials of the logarithms of scales and
convex in them, so that every one of its largest values within the bound lies in a corner.

References
----------
Zhao, Dehmamy, Walters, Yu, "Symmetry teleportation for accelerated optimization" (2205.10637),
whose objective it is; that the bound decides is ours.
"""

from torch import Tensor

from symgeom.neighbours.teleportation.objective import Locality, Objective


def gradient_length(around: Locality) -> Tensor:
    """Return the length of the gradient.

    Parameters
    ----------
    around : Locality
        The landscape around a point.

    Returns
    -------
    Tensor, shape ()
        The length.
    """
    return around.squared_gradient().sqrt()


STEEPEST = Objective(
    "steepest", "length of the gradient", "nat/weight", gradient_length, largest=True
)
