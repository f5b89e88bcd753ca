"""Map loss and error on planes through three minima, the second and third aligned to the first."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from symgeom.ground.types import cast
from symgeom.landscape.plane import CollinearError, Plane, error_map
from symgeom.landscape.problem import Problem
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.labels import as_attributes, labelled
from symgeom.study.named_arrays import NamedArrays
from symgeom.study.pairs import Pair
from symgeom.study.progress import progress

MAPS = {
    "error": (("row", "column"), "1", "training error on the plane"),
    "loss": (("row", "column"), "nat", "training loss on the plane"),
    "x": (("column",), "weight", "distance along the line from the first minimum to the second"),
    "y": (("row",), "weight", "distance from that line"),
    "places": (("vertex", "axis"), "weight", "where the three minima lie"),
}
"""Axes, units and meanings of what is kept of a map: attributes of an ``ErrorMap``."""

Triple = tuple[Pair, Pair]
"""A plane: its first network with the second, and with the third."""


def measure(
    case: Case,
    gauges: Gauges,
    *,
    planes: Sequence[Triple],
    options: Mapping,
) -> xr.Dataset:
    """Map loss and error on some planes.

    Parameters
    ----------
    case : Case
        The case.
    gauges : Gauges
        The networks, and what aligns the pairs.
    planes : sequence of two pairs each
        The planes.
    options : mapping
        The section ``maps`` of the configuration; with ``project``, points of a plane are put on
        the torus.

    Returns
    -------
    xr.Dataset
        What ``MAPS`` names, over planes; NaN where a network diverged. The attribute ``undefined``
        names three networks that lie on a line.
    """
    problem = case.problems(options["precision"], samples=options["samples"])["train"]
    arrays = NamedArrays((len(planes),))
    undefined: list[str] = []
    points = options["points"]
    lengths = {"row": points, "column": points, "vertex": 3, "axis": 2}
    for name, (dims, _, _) in MAPS.items():
        arrays.begin(name, tuple(lengths[dim] for dim in dims))
    with progress("map planes", len(planes)) as bar:
        for row, triple in enumerate(planes):
            plane = None
            if gauges.has(*triple):
                plane = _plane(case, gauges, triple, problem, project=options["project"])
                if plane is None:
                    undefined.append(_words(triple))
            if plane is not None:
                mapped = error_map(problem, plane, points=points, margin=options["margin"])
                for name in MAPS:
                    arrays.put(name, (row,), getattr(mapped, name))
            bar.update()
    variables = {}
    for name, array in arrays.items():
        dims, units, meaning = MAPS[name]
        variables[name] = labelled(("plane", *dims), array, units, meaning)
    attrs = as_attributes(options) | {"undefined": undefined}
    return xr.Dataset(variables, _vertices(planes), attrs)


def seeds_of_planes(planes: Sequence[Triple]) -> list[int]:
    """Return the seeds of the networks that span some planes.

    Parameters
    ----------
    planes : sequence of two pairs each
        The planes.

    Returns
    -------
    list of int
        Each once, in ascending order.

    Examples
    --------
    >>> seeds_of_planes([(("sgd", 0, "sgd", 2), ("sgd", 0, "sgd", 1))])
    [0, 1, 2]
    """
    seeds: set[int] = set()
    for first, second in planes:
        seeds.update((first[1], first[3], second[3]))
    return sorted(seeds)


def _plane(
    case: Case, gauges: Gauges, triple: Triple, problem: Problem, *, project: bool
) -> Plane | None:
    """Return the plane through three networks, of binary ones latent, or None if there is none."""
    binary = bool(case.binary)
    trainable = [name for name, _ in problem.module.named_parameters()]
    torus = gauges.torus if project and not binary else None
    corners = gauges.corners(triple, latent=binary)
    a, b, c = (cast(corner, problem.precision) for corner in corners)
    try:
        return Plane(a, b, c, tensors=trainable, torus=torus)
    except CollinearError:
        return None


def _words(triple: Triple) -> str:
    """Name the three networks of a plane."""
    first, second = triple
    networks = (first[:2], first[2:], second[2:])
    return ", ".join(f"{arm}/{seed}" for arm, seed in networks)


def _vertices(planes: Sequence[Triple]) -> dict[str, xr.Variable]:
    """Return arms and seeds of the three networks of every plane."""
    arms = []
    seeds = []
    for first, second in planes:
        arms.append([first[0], first[2], second[2]])
        seeds.append([first[1], first[3], second[3]])
    dims = ("plane", "vertex")
    return {
        "vertex_arm": labelled(dims, _of_three(arms, str), "1", "arm of each of the three"),
        "vertex_seed": labelled(dims, _of_three(seeds, int), "1", "seed of each of the three"),
    }


def _of_three(values: list, kind: type) -> np.ndarray:
    """Return an array over plane and vertex, also without planes."""
    return np.array(values, dtype=kind).reshape(-1, 3)
