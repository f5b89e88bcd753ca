"""The paths between two networks that all others begin from, under the study's convention for biases, where there is one."""

from collections.abc import Iterable

from _case import Case
from _elements import Ends
from _ends import Gauges
from _labels import Pair

from symgeom.ground.on_demand import OnDemand
from symgeom.ground.types import size
from symgeom.landscape.path import GeodesicPath, LinearPath, Path
from symgeom.quotient.torus import Torus
from symgeom.symmetry.sphere import AntipodalError


def geodesic_of(torus: Torus, ends: Ends) -> GeodesicPath | None:
    """Return the geodesic between two canonical networks; None if a unit is antipodal, so that there is more than one."""
    try:
        return GeodesicPath(torus.spec, *ends, bias_in_norm=torus.bias_in_norm)
    except AntipodalError:
        return None


def path_of(case: Case, torus: Torus, ends: Ends) -> Path | None:
    """Return the path that a chain begins along; None if no geodesic is singled out."""
    return LinearPath(*ends) if case.binary else geodesic_of(torus, ends)


def connected(
    case: Case, torus: Torus, gauges: Gauges, pairs: Iterable[Pair]
) -> OnDemand[Pair, Ends]:
    """Return the ends of every pair between which there is such a path, with all symmetries removed, made when asked for."""
    kind = "aligned" if case.binary else "both"

    def ends(pair: Pair) -> Ends | None:
        found = gauges.ends(pair)
        return found and found[kind]

    made = OnDemand(pairs, ends, size=lambda found: sum(map(size, found or ())))
    return made.where(lambda found: found is not None and path_of(case, torus, found) is not None)
