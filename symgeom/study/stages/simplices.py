r"""Errors in the middle of several minima of an arm: at the barycentres of geodesic simplices.

The vertices of a simplex are minima of one arm, aligned to the first of them. On every sphere of
the torus its barycentre is the direction of the mean of the vertices' directions; of two minima it
is the middle of the geodesic. Where the solutions form a star, the middle of flat ones is a
solution, too, however many there are.

References
----------
Annesi et al., "The star-shaped space of solutions of the spherical negative perceptron", Physical
Review Letters 131, 227301, 2023 (arXiv 2305.10623): simplices of solutions, on one sphere.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import xarray as xr

from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus, simplex_point
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.labels import Labelled, labelled, names
from symgeom.study.pairs import Key, Simplex, pairs_of_simplex
from symgeom.study.progress import progress
from symgeom.symmetry.group import act

NO_VERTEX = -1
"""Stands for a seed where a simplex has fewer vertices than the largest."""


def measure(
    case: Case, gauges: Gauges, *, simplices: Sequence[Simplex], options: Mapping
) -> xr.Dataset:
    """Measure the errors at the barycentres of some simplices, and at their vertices.

    Parameters
    ----------
    case : Case
        The case.
    gauges : Gauges
        The networks, and what aligns the pairs.
    simplices : sequence of (str, tuple of int)
        The simplices.
    options : mapping
        The section ``simplices`` of the configuration.

    Returns
    -------
    xr.Dataset
        Errors over simplices and splits; NaN where a network diverged, and of networks of signs,
        between which there is no middle.
    """
    problems = case.problems(options["precision"], samples=options["samples"])
    at_vertices: dict[Key, list[float]] = {}
    shape = (len(simplices), len(problems))
    centre = np.full(shape, np.nan)
    vertices = np.full(shape, np.nan)
    with progress("measure simplices", len(simplices)) as bar:
        for row, simplex in enumerate(simplices):
            bar.update()
            if case.binary or not gauges.has(*pairs_of_simplex(simplex)):
                continue
            arm, seeds = simplex
            for seed in seeds:
                if (arm, seed) not in at_vertices:
                    at_vertices[arm, seed] = _errors(problems, gauges.canonical[arm, seed])
            centre[row] = _errors(problems, barycentre(gauges.torus, _corners(gauges, simplex)))
            vertices[row] = np.mean([at_vertices[arm, seed] for seed in seeds], axis=0)
    dims = ("simplex", "split")
    variables = {
        "centre_error": labelled(dims, centre, "1", "fraction misclassified at the barycentre"),
        "vertex_error": labelled(dims, vertices, "1", "the same at the vertices, their mean"),
    }
    coordinates = {**_vertices(simplices), **names("split", list(problems), "part of the data")}
    return xr.Dataset(variables, coordinates, dict(options))


def barycentre(torus: Torus, networks: Sequence[Parameters]) -> dict[str, torch.Tensor]:
    """Return the middle of some networks on the torus.

    Parameters
    ----------
    torus : Torus
        The torus.
    networks : sequence of Parameters
        Canonical networks, aligned to each other.

    Returns
    -------
    dict of str to Tensor
        The point of their simplex with equal weights, in float64.
    """
    count = len(networks)
    return simplex_point(torus, networks, torch.full((count,), 1 / count, dtype=torch.float64))


def _errors(problems: Mapping[str, Problem], network: Parameters) -> list[float]:
    """Return the error of a network on every split."""
    errors = []
    for problem in problems.values():
        errors.append(float(problem.error(cast(network, problem.precision))))
    return errors


def _corners(gauges: Gauges, simplex: Simplex) -> list[Parameters]:
    """Return the vertices of a simplex, all others aligned to the first."""
    arm, seeds = simplex
    corners = [gauges.canonical[arm, seeds[0]]]
    for pair in pairs_of_simplex(simplex):
        corners.append(act(gauges.spec, gauges.elements[pair], gauges.canonical[pair[2:]]))
    return corners


def _vertices(simplices: Sequence[Simplex]) -> Labelled:
    """Return arm, number of vertices and seeds of every simplex."""
    sizes = [len(seeds) for _, seeds in simplices]
    table = np.full((len(simplices), max(sizes, default=0)), NO_VERTEX)
    for row, (_, seeds) in enumerate(simplices):
        table[row, : len(seeds)] = seeds
    arms = np.array([arm for arm, _ in simplices], dtype=str)
    of_vertices = f"seed of each vertex ({NO_VERTEX}: there is none)"
    return {
        "simplex_arm": labelled("simplex", arms, "1", "arm of the vertices"),
        "vertices": labelled("simplex", np.array(sizes, dtype=int), "1", "how many there are"),
        "simplex_seed": labelled(("simplex", "vertex"), table, "1", of_vertices),
    }
