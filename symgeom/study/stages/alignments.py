"""Align the second network of every pair to the first, on canonical weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from symgeom.ground.types import Parameters
from symgeom.quotient.alignment import Alignment
from symgeom.study.cases import Case
from symgeom.study.labels import Labelled, as_attributes, labelled, names, pairs_dataset
from symgeom.study.matching import match, starts_of
from symgeom.study.pairs import Key, Pair
from symgeom.study.progress import progress
from symgeom.symmetry.group import identity
from symgeom.symmetry.spec import SymmetrySpec


def measure(
    case: Case,
    spec: SymmetrySpec,
    networks: Mapping[Key, Parameters],
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
    networks : mapping of (str, int) to Parameters
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
    table = _Table(spec, len(pairs), starts_of(options))
    rows: dict[Pair, int] = {}
    for row, pair in enumerate(pairs):
        if pair[:2] in networks and pair[2:] in networks:
            rows[pair] = row
    with progress("align pairs", len(rows)) as bar:
        for pair, alignment in match(spec, networks, list(rows), options=options, case=case):
            table.put(rows[pair], alignment)
            bar.update()
    return pairs_dataset(
        pairs,
        table.variables(),
        coordinates=names("group", table.groups, "unit group"),
        attrs=as_attributes(options),
    )


class _Table:
    """Arrays over pairs, that say "no network" until an alignment is put there."""

    def __init__(self, spec: SymmetrySpec, pairs: int, starts: int) -> None:
        self.groups = [group.name for group in spec.groups]
        self.orders: dict[str, np.ndarray] = {}
        self.scales: dict[str, np.ndarray] = {}
        neutral = identity(spec)
        for group in spec.groups:
            shape = neutral.scales[group.name].shape
            self.orders[group.name] = np.full((pairs, group.size), -1)
            self.scales[group.name] = np.full((pairs, *shape), np.nan)
        self.objective = np.full((pairs, starts), np.nan)
        self.visits = np.zeros(pairs, int)
        self.converged = np.zeros(pairs, bool)
        self.ties = np.zeros((pairs, len(self.groups)), int)

    def put(self, row: int, alignment: Alignment) -> None:
        """Put the alignment of a pair into its row."""
        self.objective[row] = alignment.objectives
        self.visits[row] = alignment.visits
        self.converged[row] = alignment.converged
        self.ties[row] = [len(alignment.ties.get(name, ())) for name in self.groups]
        for name in self.groups:
            self.orders[name][row] = alignment.element.permutations[name]
            self.scales[name][row] = alignment.element.scales[name]

    def variables(self) -> Labelled:
        """Return the arrays with labels."""
        best = "sum of cosines (correlations) of matched units, the best start"
        every = "the same for every start: their spread"
        solved = "assignment problems solved"
        settled = "whether no single group could be matched better"
        tied = "units whose partner could be exchanged at no loss"
        variables = {
            "objective": labelled("pair", self.objective.max(1), "1", best),
            "start_objective": labelled(("pair", "start"), self.objective, "1", every),
            "visits": labelled("pair", self.visits, "1", solved),
            "converged": labelled("pair", self.converged, "1", settled),
            "ties": labelled(("pair", "group"), self.ties, "1", tied),
        }
        for name in self.groups:
            variables |= self._element(name)
        return variables

    def _element(self, name: str) -> Labelled:
        """Return what is applied to the units of a group."""
        order = self.orders[name]
        scale = self.scales[name]
        takes = f"unit of the second network that takes each place of {name} (-1: no network)"
        applied = f"sign applied to each unit of {name} (a matrix across units for linear groups)"
        mixed = [f"{name}_mixed"] if scale.ndim == 3 else []
        return {
            f"permutation_{name}": labelled(("pair", name), order, "1", takes),
            f"scale_{name}": labelled(("pair", name, *mixed), scale, "1", applied),
        }
