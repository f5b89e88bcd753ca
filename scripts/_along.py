"""What is kept of paths: error and loss on a grid, in slices if jobs share it, and barriers from grids refined at the peak."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import xarray as xr
from _labels import Pair
from _paths import mean

from symgeom.landscape.barriers import Profile, barrier, profile, refine
from symgeom.landscape.path import Path
from symgeom.landscape.problem import Problem
from symgeom.store import read_store


class Along:
    """Arrays over pair, variant, split and place, NaN until they are put in, and the names of paths that are not defined."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        variants: Sequence[str],
        splits: Sequence[str],
        options: Mapping,
        *,
        points: Sequence[int] | None,
        slices: Sequence[str],
    ) -> None:
        self.variants, self.splits, self.options = list(variants), list(splits), options
        grid = torch.linspace(0, 1, options["points"], dtype=torch.float64)
        self.t, self.whole = (grid, True) if points is None else (grid[list(points)], False)
        self.begun = (
            xr.concat(map(read_store, slices), "t", data_vars="minimal").sortby("t")
            if slices
            else None
        )
        self.pairs, self.undefined = pairs, []
        shape = (len(pairs), len(variants), len(splits))
        self.loss, self.error = (np.full((*shape, len(self.t)), np.nan) for _ in range(2))
        self.barrier, self.loss_barrier, self.peak = (np.full(shape, np.nan) for _ in range(3))

    def put(
        self, row: int, variant: str, split: str, problem: Problem, paths: Sequence[Path]
    ) -> None:
        """Measure a path, or the mean over several, and keep it; with none, it is named."""
        if not paths:
            self.undefined += (
                [f"{variant}: {'{}/{} to {}/{}'.format(*self.pairs[row])}"]
                if split == "train"
                else []
            )
            return
        place = row, self.variants.index(variant), self.splits.index(split)
        fine = self._begun(place, problem) or mean(
            [profile(problem, path, self.t) for path in paths]
        )
        self.loss[place], self.error[place] = fine.loss, fine.error
        if not self.whole:
            return
        if len(paths) == 1 and self.options["refinements"] and split == "train":
            fine = refine(problem, paths[0], fine, refinements=self.options["refinements"])
        self.barrier[place], self.loss_barrier[place] = (
            barrier(fine.t, fine.error),
            barrier(fine.t, fine.loss),
        )
        self.peak[place] = fine.t[int(fine.error.nan_to_num(nan=-1.0).argmax())]

    def _begun(self, place: tuple[int, int, int], problem: Problem) -> Profile | None:
        """Return what slices hold of a path."""
        if self.begun is None:
            return None
        loss, error = (
            torch.from_numpy(self.begun[name].values[place]) for name in ("loss", "error")
        )
        return Profile(self.t, loss, error, problem.batch_norm)
