"""Distances between canonical networks, as they are and aligned, beside those of random points."""

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.quotient.torus import Torus
from symgeom.study.cases import Case
from symgeom.study.labels import Pair, labelled, names, pairs_dataset
from symgeom.study.matching import match
from symgeom.study.networks import Ends, Networks
from symgeom.symmetry.group import GroupElement, act

DISTANCE = ("rad", "root-mean-square angle between units")
"""Unit and meaning of a distance."""


def measure(
    case: Case,
    torus: Torus,
    networks: Networks,
    elements: Mapping[Pair, GroupElement],
    *,
    options: Mapping,
) -> xr.Dataset:
    """Measure the distances of some pairs of networks, and of pairs of random points.

    Parameters
    ----------
    case : Case
        The case.
    torus : Torus
        The torus, with the study's convention for biases.
    networks : OnDemand
        Canonical networks by arm and seed.
    elements : mapping of Pair to GroupElement
        What aligns the second network of each pair to the first.
    options : mapping
        The section ``alignment`` of the configuration, with ``bias_in_norm``.

    Returns
    -------
    xr.Dataset
        Distances over pairs (controls, of random points) and stages: normalised, and aligned; as a
        whole and by group. NaN where a network diverged or a group has no spheres.
    """
    spec = torus.spec
    groups = [group.name for group in spec.groups]
    pairs = list(elements)
    measured = np.full((len(pairs), 2, 1 + len(groups)), np.nan)
    for row, (pair, element) in enumerate(elements.items()):
        if pair[:2] in networks and pair[2:] in networks:
            minima = (networks[pair[:2]], networks[pair[2:]])
            measured[row] = _before_and_after(torus, minima, element)

    random = np.full((options["random_controls"], 2, 1 + len(groups)), np.nan)
    example = next(iter(networks.values()), None)
    if example is not None:
        controls = _controls(case, torus, example, options)
        for row, (ends, element) in enumerate(controls):
            random[row] = _before_and_after(torus, ends, element)

    variables = {
        "distance": labelled(("pair", "stage"), measured[..., 0], *DISTANCE),
        "group_distance": labelled(("pair", "stage", "group"), measured[..., 1:], *DISTANCE),
        "random_distance": labelled(("control", "stage"), random[..., 0], *DISTANCE),
        "random_group_distance": labelled(
            ("control", "stage", "group"), random[..., 1:], *DISTANCE
        ),
    }
    coordinates = {
        **names("stage", ["normalised", "aligned"], "symmetries removed so far"),
        **names("group", groups, "unit group"),
    }
    attrs = {name: str(value) for name, value in options.items()}
    return pairs_dataset(pairs, variables, coordinates=coordinates, attrs=attrs)


def _before_and_after(torus: Torus, ends: Ends, element: GroupElement) -> list[list[float]]:
    """Return the distances of two networks as they are, and with the second aligned."""
    first, second = ends
    aligned = act(torus.spec, element, second)
    return [_distances(torus, first, second), _distances(torus, first, aligned)]


def _distances(torus: Torus, first: Parameters, second: Parameters) -> list[float]:
    """Return the distance of two networks, and that in each group: NaN if it has no spheres."""
    of_group = torus.group_distances(first, second)
    by_group = [float(of_group.get(group.name, np.nan)) for group in torus.spec.groups]
    return [float(torus.distance(first, second)), *by_group]


def _controls(
    case: Case, torus: Torus, example: Parameters, options: Mapping
) -> Iterator[tuple[Ends, GroupElement]]:
    """Draw pairs of random points on the torus, and align the second of each to the first."""
    points = {}
    pairs = []
    for number in range(options["random_controls"]):
        for end in range(2):
            generator = stream("random control", number, end)
            points["random", 2 * number + end] = torus.random_point(example, generator=generator)
        pairs.append(("random", 2 * number, "random", 2 * number + 1))
    for pair, alignment in match(torus.spec, points, pairs, options=options, case=case):
        yield (points[pair[:2]], points[pair[2:]]), alignment.element
