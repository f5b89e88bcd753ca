r"""Paths between networks: callables from ``t`` in [0, 1] to parameters.

No layer is rewritten: a path of networks is a path of :data:`~symgeom.ground.types.Parameters`,
whatever the module. Linear, polygonal and Bezier paths are combinations of fixed points with
weights that depend on ``t`` only,

.. math:: \phi(t) = \sum_j w_j(t)\,\theta_j, \qquad \sum_j w_j(t) = 1.

A geodesic moves every unit on its own sphere: with :math:`\hat u_k, \hat v_k` the directions of
unit ``k``'s incoming weights in the two networks and ``slerp`` the great circle of
:mod:`symgeom.symmetry.sphere` (whose weights of the ends are all that is computed),

.. math:: u_k(t) = \lVert u_k\rVert^{1-t}\,\lVert v_k\rVert^{t}\;
          \mathrm{slerp}(\hat u_k, \hat v_k, t),

so that unit vectors stay unit vectors and a common rescaling of a unit in both networks rescales
its path.

Conventions. ``t`` may be a number, which gives one network, or a tensor of shape ``(t,)``, which
gives networks stacked along a new leading axis. The points of a path may themselves be ``k``
stacked networks (``k`` pairs at once); results then have the leading axes ``(t, k)``, or ``(k,)``
for a number. Integer buffers cannot be interpolated and are those of the first point. The running
statistics of batch normalisation are interpolated like any tensor: fold them, or recompute them,
where that matters.

References
----------
Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs" (1802.10026),
section 3: the polygonal chain and the Bezier curve, with their ``t`` in [0, 1]. Pittorino et al.,
"Deep networks on toroids" (2202.03038): geodesics of the standardised networks.
"""

from symgeom.landscape.path.abstract import Path, PathFunction, as_path, check_times
from symgeom.landscape.path.curves import (
    CURVES,
    BezierPath,
    Curve,
    LinearPath,
    PolygonalPath,
    curve_along,
)
from symgeom.landscape.path.geodesic import GeodesicPath
from symgeom.landscape.path.length import bend_angles, path_length, polygon_length
from symgeom.landscape.path.points import check_points, one_pair
from symgeom.landscape.path.weights import bezier_weights, combine, polygonal_weights

__all__ = [
    "CURVES",
    "BezierPath",
    "Curve",
    "GeodesicPath",
    "LinearPath",
    "Path",
    "PathFunction",
    "PolygonalPath",
    "as_path",
    "bend_angles",
    "bezier_weights",
    "check_points",
    "check_times",
    "combine",
    "curve_along",
    "one_pair",
    "path_length",
    "polygon_length",
    "polygonal_weights",
]
