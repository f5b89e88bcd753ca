"""Distances between canonical networks, as they are and aligned, beside those of controls."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import xarray as xr

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.quotient.torus import Torus, distance_of_angles
from symgeom.study.cases import Case
from symgeom.study.controls import CONTROLS
from symgeom.study.labels import Labelled, as_attributes, labelled, names, pairs_dataset
from symgeom.study.matching import match
from symgeom.study.pairs import Key, Pair
from symgeom.study.progress import progress
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
    with_controls: Collection[Pair],
    options: Mapping,
) -> xr.Dataset:
    """Measure the distances of some pairs of networks, and of the first network to controls.

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
    with_controls : collection of Pair
        In which of these pairs controls take the place of the second network.
    options : mapping
        The section ``alignment`` of the configuration, with ``bias_in_norm``.

    Returns
    -------
    xr.Dataset
        Distances over pairs (and kinds of control) and stages: normalised, and aligned; as a whole
        and by group. NaN where a network diverged, a group has no spheres, or a pair has no
        controls.
    """
    groups = [group.name for group in torus.spec.groups]
    kinds = options["controls"]
    shape = (len(STAGES), 1 + len(groups))
    measured = np.full((len(elements), *shape), np.nan)
    controls = np.full((len(elements), len(kinds), *shape), np.nan)
    with progress("measure distances", len(elements)) as bar:
        for row, (pair, element) in enumerate(elements.items()):
            bar.update()
            if pair[:2] not in networks or pair[2:] not in networks:
                continue
            ends = (networks[pair[:2]], networks[pair[2:]])
            measured[row] = _before_and_after(torus, ends, element)
            if pair in with_controls:
                for column, kind in enumerate(kinds):
                    controls[row, column] = _from_control(case, torus, ends, pair, kind, options)
    return pairs_dataset(
        list(elements),
        {
            **_label("distance", ("pair", "stage"), measured),
            **_label("control_distance", ("pair", "control", "stage"), controls),
        },
        coordinates=_coordinates(groups, kinds),
        attrs=as_attributes(options),
    )


def _coordinates(groups: Sequence[str], kinds: Sequence[str]) -> Labelled:
    """Return the labels of the axes; figures take their words for controls from the titles."""
    titles = [CONTROLS[kind].title for kind in kinds]
    return {
        **names("stage", STAGES, "symmetries removed so far"),
        **names("group", groups, "unit group"),
        **names("control", kinds, "what takes the place of the second network"),
        "control_title": labelled("control", titles, "1", "the control in words"),
    }


def _label(name: str, dims: tuple[str, ...], distances: np.ndarray) -> Labelled:
    """Label distances as a whole (the first column) and by group (the others)."""
    whole = distances[..., 0]
    by_group = distances[..., 1:]
    return {
        name: labelled(dims, whole, *DISTANCE),
        f"group_{name}": labelled((*dims, "group"), by_group, *DISTANCE),
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


def _from_control(
    case: Case, torus: Torus, ends: Ends, pair: Pair, kind: str, options: Mapping
) -> list[list[float]]:
    """Return the distances of the first network from a control in the place of the second."""
    first, second = ends
    first_arm, first_seed, second_arm, second_seed = pair
    generator = stream("control", kind, *pair)
    control = CONTROLS[kind].network(torus, second, generator)
    controlled = (first_arm, first_seed, f"{second_arm} {kind}", second_seed)
    networks = {controlled[:2]: first, controlled[2:]: control}
    matches = match(torus.spec, networks, [controlled], options=options, case=case)
    _, alignment = next(matches)
    return _before_and_after(torus, (first, control), alignment.element)
