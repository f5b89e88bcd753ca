"""Measure distances on the torus before and after alignment, and the same for random networks as a control."""

from collections.abc import Mapping

import numpy as np
from _case import Case
from _elements import read_elements
from _labels import labelled, names, write_pairs
from _launch import launch
from _matching import match
from _stage import read_networks, read_symmetry

from symgeom.ground.randomness import stream
from symgeom.quotient.torus import Torus
from symgeom.symmetry.group import act

MEANING = "rad", "root-mean-square angle between units"


def main(
    *, stores: Mapping, network: Mapping, options: dict, distances: str, config_digest: str
) -> None:
    spec, networks = read_symmetry(stores["symmetry"]), read_networks(stores["canonical"])
    torus, elements = (
        Torus(spec, options["bias_in_norm"]),
        read_elements(stores["alignments"], spec),
    )

    def compare(first: dict, second: dict) -> list[float]:
        found = torus.group_distances(first, second)  # a group without scales has no spheres
        return [
            float(torus.distance(first, second)),
            *(float(found.get(group.name, np.nan)) for group in spec.groups),
        ]

    measured = np.full((len(elements), 2, 1 + len(spec.groups)), np.nan)
    for row, (pair, element) in enumerate(elements.items()):
        first, second = networks.get(pair[:2]), networks.get(pair[2:])
        if first is not None and second is not None:
            measured[row] = compare(first, second), compare(first, act(spec, element, second))
    random, like = (
        np.full((options["random_controls"], 2, 1 + len(spec.groups)), np.nan),
        next(iter(networks.values()), None),
    )
    points = (
        [("random", 2 * row + end) for row in range(len(random)) for end in range(2)]
        if like is not None
        else []
    )
    controls = {
        key: torus.random_point(like, generator=stream("random control", key[1] // 2, key[1] % 2))
        for key in points
    }
    pairs = [(*first, *second) for first, second in zip(points[::2], points[1::2], strict=True)]
    case = Case.read(stores["data"], network | {"device": "cpu"})
    for row, (pair, found) in enumerate(match(spec, controls, pairs, options=options, case=case)):
        first, second = controls[pair[:2]], controls[pair[2:]]
        random[row] = compare(first, second), compare(first, act(spec, found.element, second))
    variables = {
        "distance": labelled(("pair", "stage"), measured[..., 0], *MEANING),
        "group_distance": labelled(("pair", "stage", "group"), measured[..., 1:], *MEANING),
        "random_distance": labelled(("control", "stage"), random[..., 0], *MEANING),
        "random_group_distance": labelled(("control", "stage", "group"), random[..., 1:], *MEANING),
    }
    coordinates = names("stage", ["normalised", "aligned"], "symmetries removed so far")
    coordinates |= names("group", [group.name for group in spec.groups], "unit group")
    attrs = {name: str(value) for name, value in options.items()}
    write_pairs(
        distances,
        list(elements),
        variables,
        coordinates=coordinates,
        attrs=attrs,
        config_digest=config_digest,
    )


if __name__ == "__main__":
    launch(main, snakemake)
