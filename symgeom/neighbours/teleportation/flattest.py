"""The flattest point: the smallest trace of the Gauss-Newton matrix.

It is the trace of the Hessian wherever outputs are linear in the weights of each layer. Where no
scale reaches the bound of the search, and no group mixes its units, this is the point "flattest" of
:func:`symgeom.dynamics.fibre.move_to_point`, which knows neither bound nor mixing.

References
----------
Zhao, Gower, Walters, Yu, "Improving convergence and generalization using parameter symmetries"
(2305.13404), who move to flat points in other measures of flatness.
"""

from torch import Tensor

from symgeom.neighbours.teleportation.objective import Locality, Objective


def trace(around: Locality) -> Tensor:
    """Return the trace of the Gauss-Newton matrix.

    Parameters
    ----------
    around : Locality
        The landscape around a point.

    Returns
    -------
    Tensor, shape ()
        The trace.
    """
    return around.trace()


FLATTEST = Objective("flattest", "trace of the Gauss-Newton matrix", "nat/weight^2", trace)
