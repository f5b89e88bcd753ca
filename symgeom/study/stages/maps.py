"""Map loss and error on planes through three minima, the second and third aligned to the first."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from symgeom.ground.types import cast
from symgeom.landscape.plane import Plane, error_map
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.labels import Pair, filled, labelled
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
        What ``MAPS`` names, over planes; NaN where a network diverged.
    """
    problem = case.problems(options["precision"], samples=options["samples"])["train"]
    trainable = [name for name, _ in problem.module.named_parameters()]
    projected = options["project"] and not case.binary
    torus = gauges.torus if projected else None
    arrays: dict[str, np.ndarray] = {}
    with progress("map planes", len(planes)) as bar:
        for row, triple in enumerate(planes):
            bar.update()
            if not gauges.has(*triple):
                continue
            corners = gauges.corners(triple, latent=bool(case.binary))
            a, b, c = (cast(corner, problem.inputs.dtype) for corner in corners)
            plane = Plane(a, b, c, tensors=trainable, torus=torus)
            mapped = error_map(problem, plane, points=options["points"], margin=options["margin"])
            for name in MAPS:
                values = getattr(mapped, name)
                filled(arrays, name, shape=(len(planes),), index=(row,), values=values)
    variables = {}
    for name, array in arrays.items():
        dims, units, meaning = MAPS[name]
        variables[name] = labelled(("plane", *dims), array, units, meaning)
    attrs = {name: str(value) for name, value in options.items()}
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


def _vertices(planes: Sequence[Triple]) -> dict[str, xr.Variable]:
    """Return arms and seeds of the three networks of every plane."""
    arms = []
    seeds = []
    for first, second in planes:
        arms.append([first[0], first[2], second[2]])
        seeds.append([first[1], first[3], second[3]])
    dims = ("plane", "vertex")
    return {
        "vertex_arm": labelled(dims, _triples(arms), "1", "arm of each of the three"),
        "vertex_seed": labelled(dims, _triples(seeds), "1", "seed of each of the three"),
    }


def _triples(values: list) -> np.ndarray:
    return np.array(values).reshape(-1, 3)
