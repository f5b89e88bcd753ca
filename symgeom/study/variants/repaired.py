"""Geodesics whose networks are repaired: units get statistics between those of the ends."""

from collections.abc import Mapping

from symgeom.landscape.problem import Problem
from symgeom.landscape.repairing import RepairedPath
from symgeom.study.cases import Case
from symgeom.study.variants.geodesic import geodesics
from symgeom.study.variants.kind import Between, PathKind, Variant


def repaired_geodesics(between: Between) -> list[RepairedPath]:
    """Return the repaired geodesic between two canonical networks, if there is a geodesic.

    Parameters
    ----------
    between : Between
        The networks.

    Returns
    -------
    list of RepairedPath
        One path, or none.
    """
    problem = between.problem
    return [
        RepairedPath(between.torus.spec, problem.module, geodesic, problem.inputs)
        for geodesic in geodesics(between)
    ]


def repairs(options: Mapping) -> bool:
    """Return whether a study repairs the networks on its paths.

    Parameters
    ----------
    options : mapping
        The section ``paths`` of the configuration.

    Returns
    -------
    bool
        Whether it does.

    Examples
    --------
    >>> repairs({"repair": False})
    False
    """
    return options["repair"]


def can_be_repaired(case: Case, problem: Problem) -> bool:
    """Return whether networks have statistics to repair.

    Parameters
    ----------
    case : Case
        The case.
    problem : Problem
        The landscape on its training data.

    Returns
    -------
    bool
        Not if weights are binary, or the statistics of batch norms are measured anew anyway.
    """
    return not case.binary and problem.batch_norm is None


REPAIRED = PathKind(
    binary=False,
    variants=(
        Variant(
            "repaired",
            "both",
            "both removed, variances repaired",
            row=2,
            across_arms=True,
            asked=repairs,
        ),
    ),
    paths=repaired_geodesics,
    possible=can_be_repaired,
)
