"""Distances between canonical networks, as they are and aligned, beside those of random points."""

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.quotient.torus import Torus, distance_of_angles
from symgeom.study.cases import Case
from symgeom.study.labels import Labelled, as_attributes, labelled, names, pairs_dataset
from symgeom.study.matching import match
from symgeom.study.pairs import Key, Pair
from symgeom.study.stored_networks import Ends
from symgeom.symmetry.group import GroupElement, act

DISTANCE = ("rad", "root-mean-square angle between units")
"""Unit and meaning of a distance."""

STAGES = ("normalised", "aligned")
"""What is removed when a distance is measured: scales, and then permutations, too."""


def measure(
    case: Case,
    torus: Torus,
    networks: Mapping[Key, Parameters],
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
    networks : mapping of (str, int) to Parameters
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
    groups = [group.name for group in torus.spec.groups]
    columns = 1 + len(groups)
    measured = np.full((len(elements), len(STAGES), columns), np.nan)
    for row, (pair, element) in enumerate(elements.items()):
        if pair[:2] in networks and pair[2:] in networks:
            ends = (networks[pair[:2]], networks[pair[2:]])
            measured[row] = _before_and_after(torus, ends, element)
    random = np.full((options["random_controls"], len(STAGES), columns), np.nan)
    example = next(iter(networks.values()), case.any_network())
    for row, (ends, element) in enumerate(_controls(case, torus, example, options)):
        random[row] = _before_and_after(torus, ends, element)
    coordinates = {
        **names("stage", STAGES, "symmetries removed so far"),
        **names("group", groups, "unit group"),
    }
    return pairs_dataset(
        list(elements),
        {**_label("pair", "", measured), **_label("control", "random_", random)},
        coordinates=coordinates,
        attrs=as_attributes(options),
    )


def _label(dim: str, prefix: str, distances: np.ndarray) -> Labelled:
    """Label distances as a whole (the first column) and by group (the others)."""
    whole = distances[..., 0]
    by_group = distances[..., 1:]
    return {
        f"{prefix}distance": labelled((dim, "stage"), whole, *DISTANCE),
        f"{prefix}group_distance": labelled((dim, "stage", "group"), by_group, *DISTANCE),
    }


def _before_and_after(torus: Torus, ends: Ends, element: GroupElement) -> list[list[float]]:
    """Return the distances of two networks as they are, and with the second aligned."""
    first, second = ends
    aligned = act(torus.spec, element, second)
    return [_distances(torus, first, second), _distances(torus, first, aligned)]


def _distances(torus: Torus, first: Parameters, second: Parameters) -> list[float]:
    """Return the distance of two networks, and that in each group: NaN if it has no spheres."""
    angles = torus.angles(first, second)
    distances = [float(distance_of_angles(angles))]
    for group in torus.spec.groups:
        of_group = angles.get(group.name)
        distances.append(np.nan if of_group is None else float(distance_of_angles({"": of_group})))
    return distances


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
