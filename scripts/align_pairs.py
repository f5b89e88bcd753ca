"""Align the second network of every pair to the first, on canonical weights."""

from collections.abc import Sequence

import numpy as np
from _console import progress
from _labels import Pair, labelled, write_pairs
from _launch import launch
from _stage import read_networks, read_symmetry

from symgeom.align import align


def main(
    *, symmetry: str, canonical: Sequence[str], pairs: Sequence[Pair], method: str, alignments: str, config_digest: str
) -> None:
    spec, networks, count = read_symmetry(symmetry), read_networks(canonical), len(pairs)
    orders = {group.name: np.full((count, group.size), -1) for group in spec.groups}
    signs = {group.name: np.full((count, group.size), np.nan) for group in spec.groups}
    objective, sweeps, converged = np.full(count, np.nan), np.zeros(count, int), np.zeros(count, bool)
    with progress("align pairs", count) as bar:
        for row, (first_arm, first_seed, second_arm, second_seed) in enumerate(pairs):
            bar.update()
            first, second = networks.get((first_arm, first_seed)), networks.get((second_arm, second_seed))
            if first is None or second is None:
                continue
            found = align(spec, first, second, method=method)
            objective[row], sweeps[row], converged[row] = found.objective, found.sweeps, found.converged
            for group in spec.groups:
                orders[group.name][row] = found.element.permutations[group.name]
                signs[group.name][row] = found.element.scales[group.name]
    variables = {
        "objective": labelled("pair", objective, "1", "sum of cosines after alignment"),
        "sweeps": labelled("pair", sweeps, "1", "passes over all groups"),
        "converged": labelled("pair", converged, "1", "whether the last sweep changed nothing"),
    }
    for name in orders:
        meaning = f"unit of the second network that takes each place of {name} (-1: no network)"
        variables[f"permutation_{name}"] = labelled(("pair", name), orders[name], "1", meaning)
        variables[f"sign_{name}"] = labelled(("pair", name), signs[name], "1", f"sign applied to each unit of {name}")
    write_pairs(alignments, pairs, variables, coordinates={}, attrs={"method": method}, config_digest=config_digest)


if __name__ == "__main__":
    launch(main, snakemake)
