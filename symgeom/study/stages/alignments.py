"""Align the second network of every pair to the first, on canonical weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from symgeom.study.cases import Case
from symgeom.study.labels import Pair, labelled, names, pairs_dataset
from symgeom.study.matching import match, starts_of
from symgeom.study.networks import Networks
from symgeom.study.progress import progress
from symgeom.symmetry.group import identity
from symgeom.symmetry.spec import SymmetrySpec


def measure(
    case: Case,
    spec: SymmetrySpec,
    networks: Networks,
    *,
    pairs: Sequence[Pair],
    options: Mapping,
) -> xr.Dataset:
    """Align the second network of every pair to the first.

    Parameters
    ----------
    case : Case
        The case, on whose data activations are taken if units are matched by them.
    spec : SymmetrySpec
        The architecture.
    networks : OnDemand
        Canonical networks by arm and seed.
    pairs : sequence of Pair
        The pairs.
    options : mapping
        The section ``alignment`` of the configuration.

    Returns
    -------
    xr.Dataset
        Over pairs: a permutation and a scale for each group, and how the search went. A pair of
        which a network diverged has permutations of -1 and scales of NaN.
    """
    count = len(pairs)
    groups = [group.name for group in spec.groups]
    orders = {group.name: np.full((count, group.size), -1) for group in spec.groups}
    scales = {}
    for name, scale in identity(spec).scales.items():
        scales[name] = np.full((count, *scale.shape), np.nan)
    objective = np.full((count, starts_of(options)), np.nan)
    visits = np.zeros(count, int)
    converged = np.zeros(count, bool)
    ties = np.zeros((count, len(groups)), int)

    rows = {}
    for row, pair in enumerate(pairs):
        if pair[:2] in networks and pair[2:] in networks:
            rows[pair] = row
    with progress("align pairs", len(rows)) as bar:
        for pair, alignment in match(spec, networks, list(rows), options=options, case=case):
            bar.update()
            row = rows[pair]
            objective[row] = alignment.objectives
            visits[row] = alignment.visits
            converged[row] = alignment.converged
            ties[row] = [len(alignment.ties.get(name, ())) for name in groups]
            for name in groups:
                orders[name][row] = alignment.element.permutations[name]
                scales[name][row] = alignment.element.scales[name]

    best = "sum of cosines (correlations) of matched units, the best start"
    variables = {
        "objective": labelled("pair", objective.max(1), "1", best),
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
    for name in groups:
        mixed = (f"{name}_mixed",) * (scales[name].ndim - 2)
        takes = f"unit of the second network that takes each place of {name} (-1: no network)"
        applied = f"sign applied to each unit of {name} (a matrix across units for linear groups)"
        variables[f"permutation_{name}"] = labelled(("pair", name), orders[name], "1", takes)
        variables[f"scale_{name}"] = labelled(("pair", name, *mixed), scales[name], "1", applied)
    return pairs_dataset(
        pairs,
        variables,
        coordinates=names("group", groups, "unit group"),
        attrs={key: str(value) for key, value in options.items()},
    )
