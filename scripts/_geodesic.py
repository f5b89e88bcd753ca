"""The geodesic between two networks under the study's convention for biases, where there is one."""

from _ends import Ends

from symgeom.path import GeodesicPath
from symgeom.sphere import AntipodalError
from symgeom.torus import Torus


def geodesic_of(torus: Torus, ends: Ends) -> GeodesicPath | None:
    """Return the geodesic between two canonical networks; None if a unit is antipodal, so that there is more than one."""
    try:
        return GeodesicPath(torus.spec, *ends, bias_in_norm=torus.bias_in_norm)
    except AntipodalError:
        return None
