"""Align the second network of every pair to the first, on canonical weights."""

from collections.abc import Mapping, Sequence

import numpy as np
from _case import Case
from _console import progress
from _labels import Pair, labelled, names, write_pairs
from _launch import launch
from _matching import match, starts_of
from _stage import read_networks, read_symmetry

from symgeom.symmetry.group import identity


def main(
    *,
    stores: Mapping,
    network: Mapping,
    pairs: Sequence[Pair],
    options: Mapping,
    alignments: str,
    config_digest: str,
) -> None:
    spec, networks, count = (
        read_symmetry(stores["symmetry"]),
        read_networks(stores["canonical"]),
        len(pairs),
    )
    orders = {group.name: np.full((count, group.size), -1) for group in spec.groups}
    scales = {
        name: np.full((count, *scale.shape), np.nan)
        for name, scale in identity(spec).scales.items()
    }
    objective, visits, converged = (
        np.full((count, starts_of(options)), np.nan),
        np.zeros(count, int),
        np.zeros(count, bool),
    )
    ties = np.zeros((count, len(spec.groups)), int)
    rows = {
        tuple(pair): row
        for row, pair in enumerate(pairs)
        if tuple(pair[:2]) in networks and tuple(pair[2:]) in networks
    }
    case = Case.read(stores["data"], network | {"device": "cpu"})
    with progress("align pairs", len(rows)) as bar:
        for pair, found in match(spec, networks, list(rows), options=options, case=case):
            bar.update()
            row = rows[pair]
            objective[row], visits[row], converged[row] = (
                found.objectives,
                found.visits,
                found.converged,
            )
            ties[row] = [len(found.ties.get(group.name, ())) for group in spec.groups]
            for group in spec.groups:
                orders[group.name][row] = found.element.permutations[group.name]
                scales[group.name][row] = found.element.scales[group.name]
    variables = {
        "objective": labelled(
            "pair",
            objective.max(1),
            "1",
            "sum of cosines (correlations) of matched units, the best start",
        ),
        "start_objective": labelled(
            ("pair", "start"), objective, "1", "the same for every start: their spread"
        ),
        "visits": labelled("pair", visits, "1", "assignment problems solved"),
        "converged": labelled(
            "pair", converged, "1", "whether no single group could be matched better"
        ),
        "ties": labelled(
            ("pair", "group"), ties, "1", "units whose partner could be exchanged at no loss"
        ),
    }
    for name in orders:
        meaning = f"unit of the second network that takes each place of {name} (-1: no network)"
        variables[f"permutation_{name}"] = labelled(("pair", name), orders[name], "1", meaning)
        mixed = (f"{name}_mixed",) * (scales[name].ndim - 2)
        meaning = f"sign applied to each unit of {name} (a matrix across units for linear groups)"
        variables[f"scale_{name}"] = labelled(("pair", name, *mixed), scales[name], "1", meaning)
    groups = names("group", [group.name for group in spec.groups], "unit group")
    attrs = {key: str(value) for key, value in options.items()}
    write_pairs(
        alignments, pairs, variables, coordinates=groups, attrs=attrs, config_digest=config_digest
    )


if __name__ == "__main__":
    launch(main, snakemake)
