"""Error and loss along paths between minima, and barriers from grids refined at the peak.

A study may measure the points of its paths in slices, each of them some points of every path; the
stage then begins with what the slices hold.

Two things are kept that no ceiling of the error cuts: barriers relative to the headroom, and along
geodesics the escape angle from each end, taken from the profile that is stored. It is the angle
between the ends where the error does not rise so far in between, a lower bound; which those are is
stored, too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.ground.types import Parameters, cast
from symgeom.landscape.barriers import (
    Profile,
    barrier,
    first_rise,
    guessing_error,
    profile,
    refine,
    relative_barrier,
)
from symgeom.landscape.path import Path
from symgeom.landscape.problem import Problem
from symgeom.store import read_store
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.labels import Labelled, labelled, names, pairs_dataset
from symgeom.study.matching import match
from symgeom.study.pairs import Pair, words_of
from symgeom.study.progress import progress
from symgeom.study.stored_networks import Ends
from symgeom.study.variants.catalogue import asked_variants
from symgeom.study.variants.kind import Between, PathKind, Variant
from symgeom.symmetry.group import GroupElement

BARRIERS = {
    "barrier": ("1", "largest error above the line between the ends"),
    "relative_barrier": ("1", "largest share of the headroom above that line that the error takes"),
    "loss_barrier": ("nat", "largest loss above the line between the ends"),
    "peak": ("1", "where the error is largest, t"),
}
"""Units and meanings of what is kept of a whole path beside its profile."""

ESCAPES = {
    "escape_angle": ("rad", "angle from an end at which the training error has risen"),
    "escape_reached": ("1", "whether it rises so far between the ends (1), or not (0)"),
}
"""Units and meanings of what is kept of both ends of a whole geodesic."""

GEODESIC_ENDS = ("first", "second")
"""Names of the ends of a geodesic."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Which points of every path are measured.

    Attributes
    ----------
    t : Tensor, shape (t,)
        The points.
    whole : bool
        Whether they are all points, so that barriers can be taken.
    begun : xr.Dataset, optional
        What slices hold of all points.
    """

    t: Tensor
    whole: bool = True
    begun: xr.Dataset | None = None

    @classmethod
    def slice(cls, count: int, rows: Sequence[int]) -> "Grid":
        """Return some points of the equidistant grid.

        Parameters
        ----------
        count : int
            Points of the whole grid.
        rows : sequence of int
            Which of them.

        Returns
        -------
        Grid
            A part of the grid.
        """
        return cls(_equidistant(count)[list(rows)], whole=False)

    @classmethod
    def joined(cls, count: int, slices: Sequence[str] = ()) -> "Grid":
        """Return the whole grid, with what slices have measured on it.

        Parameters
        ----------
        count : int
            Points of the whole grid.
        slices : sequence of str
            Stores of all slices, or none if nothing is measured yet.

        Returns
        -------
        Grid
            The whole grid.
        """
        begun = None
        if slices:
            stores = [read_store(path) for path in slices]
            begun = xr.concat(stores, "t", data_vars="minimal").sortby("t")
        return cls(_equidistant(count), begun=begun)


def measure(
    case: Case,
    gauges: Gauges,
    *,
    pairs: Sequence[Pair],
    options: Mapping,
    grid: Grid,
    only: Collection[str] | None = None,
) -> xr.Dataset:
    """Measure loss and error along the paths between some pairs of minima.

    Parameters
    ----------
    case : Case
        The case.
    gauges : Gauges
        The networks, and what aligns the pairs.
    pairs : sequence of Pair
        The pairs.
    options : mapping
        The section ``paths`` of the configuration.
    grid : Grid
        Which points are measured.
    only : collection of str, optional
        The names of variants that are wanted; all that the options ask for by default.

    Returns
    -------
    xr.Dataset
        ``loss`` and ``error`` over pair, variant, split and t, NaN where a path is not defined; of
        whole paths also barriers and peaks, and of geodesics escape angles. The attributes
        ``left_out`` and ``undefined`` name variants that the case cannot have, and paths that do
        not exist.
    """
    problems = case.problems(options["precision"], samples=options["samples"])
    variants, left_out = _variants(case, problems["train"], options, only)
    table = _Table(pairs, variants, problems, grid)
    greedy = _greedy_elements(case, gauges, pairs, variants)
    undefined = []
    with progress("measure paths", len(pairs)) as bar:
        for row, pair in enumerate(pairs):
            bar.update()
            if not gauges.has(pair):
                continue
            ends_of = _ends(gauges, pair, greedy)
            for column, (variant, kind) in enumerate(variants):
                if not _is_measured(variant, pair):
                    continue
                ends = _rounded(ends_of[variant.removed], options["precision"])
                between = Between(ends, pair, case, gauges.torus, problems["train"], options)
                paths = kind.paths(between)
                if not paths:
                    undefined.append(f"{variant.name}: {words_of(pair)}")
                    continue
                table.measure((row, column), paths, options["refinements"])
                if kind.geodesic and grid.whole:
                    distance = float(gauges.torus.distance(*ends))
                    table.follow((row, column), distance, options["escape_rise"])
    return pairs_dataset(
        pairs,
        table.variables(),
        coordinates=table.coordinates(),
        attrs={
            **options,
            "left_out": left_out,
            "undefined": undefined,
            "task": str(problems["train"].task),
        },
    )


class _Table:
    """Arrays over pair, variant, split and t, NaN until they are measured."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        variants: Sequence[tuple[Variant, PathKind]],
        problems: Mapping[str, Problem],
        grid: Grid,
    ) -> None:
        self.variants = [variant for variant, _ in variants]
        self.geodesics = [variant.name for variant, kind in variants if kind.geodesic]
        self.problems = problems
        self.ceilings = [guessing_error(problem.targets) for problem in problems.values()]
        self.grid = grid
        shape = (len(pairs), len(variants), len(problems))
        self.loss = np.full((*shape, len(grid.t)), np.nan)
        self.error = np.full((*shape, len(grid.t)), np.nan)
        self.barriers = {name: np.full(shape, np.nan) for name in BARRIERS}
        ends = (len(pairs), len(self.geodesics), len(GEODESIC_ENDS))
        self.escapes = {name: np.full(ends, np.nan) for name in ESCAPES}

    def measure(self, index: tuple[int, int], paths: Sequence[Path], refinements: int) -> None:
        """Measure a path, or the mean over several, on every split."""
        for layer, (split, problem) in enumerate(self.problems.items()):
            cell = (*index, layer)
            curve = self._begun(cell, problem)
            if curve is None:
                curve = _mean([profile(problem, path, self.grid.t) for path in paths])
            self.loss[cell] = curve.loss
            self.error[cell] = curve.error
            if not self.grid.whole:
                continue
            if len(paths) == 1 and refinements and split == "train":
                curve = refine(problem, paths[0], curve, refinements=refinements)
            self.barriers["barrier"][cell] = barrier(curve.t, curve.error)
            relative = relative_barrier(curve.t, curve.error, self.ceilings[layer])
            self.barriers["relative_barrier"][cell] = relative
            self.barriers["loss_barrier"][cell] = barrier(curve.t, curve.loss)
            peak = int(curve.error.nan_to_num(nan=-1.0).argmax())
            self.barriers["peak"][cell] = curve.t[peak]

    def follow(self, index: tuple[int, int], distance: float, rise: float) -> None:
        """Follow the training error of a geodesic that is measured from both of its ends."""
        row, column = index
        geodesic = self.geodesics.index(self.variants[column].name)
        layer = list(self.problems).index("train")
        error = torch.from_numpy(self.error[row, column, layer])
        t = self.grid.t
        shares = [first_rise(t, error, rise), first_rise(1 - t.flip(0), error.flip(0), rise)]
        for end, share in enumerate(shares):
            cell = (row, geodesic, end)
            if not np.isnan(share):
                self.escapes["escape_angle"][cell] = distance * min(share, 1.0)
                self.escapes["escape_reached"][cell] = np.isfinite(share)

    def _begun(self, cell: tuple[int, ...], problem: Problem) -> Profile | None:
        """Return what slices hold of a path."""
        begun = self.grid.begun
        if begun is None:
            return None
        loss = torch.from_numpy(begun["loss"].values[cell])
        error = torch.from_numpy(begun["error"].values[cell])
        return Profile(self.grid.t, loss, error, problem.batch_norm, str(problem.task))

    def variables(self) -> Labelled:
        """Return what was measured, with labels."""
        dims = ("pair", "variant", "split")
        along = (*dims, "t")
        misclassified = "fraction misclassified along the path"
        variables = {
            "loss": labelled(along, self.loss, "nat", "loss along the path"),
            "error": labelled(along, self.error, "1", misclassified),
        }
        if self.grid.whole:
            for name, (units, meaning) in BARRIERS.items():
                variables[name] = labelled(dims, self.barriers[name], units, meaning)
        if self.grid.whole and self.geodesics:
            for name, (units, meaning) in ESCAPES.items():
                ends = ("pair", "geodesic", "end")
                variables[name] = labelled(ends, self.escapes[name], units, meaning)
        return variables

    def coordinates(self) -> Labelled:
        """Return the labels of the axes; figures take panels from the variants' titles and rows."""
        variants = [variant.name for variant in self.variants]
        titles = [variant.title for variant in self.variants]
        rows = [variant.row for variant in self.variants]
        guessing = "error of giving every sample the most common class"
        of_ends: Labelled = {}
        if self.grid.whole and self.geodesics:
            of_ends |= names("geodesic", self.geodesics, "variants that are geodesics")
            of_ends |= names("end", GEODESIC_ENDS, "end of the geodesic that is left")
        return {
            "t": xr.Variable("t", self.grid.t.numpy()),
            **names("variant", variants, "kind of path and symmetries removed"),
            "variant_title": labelled("variant", titles, "1", "the variant in words"),
            "variant_row": labelled("variant", rows, "1", "row of its panel in a figure"),
            **names("split", list(self.problems), "part of the data"),
            "guessing_error": labelled("split", self.ceilings, "1", guessing),
            **of_ends,
        }


def _equidistant(count: int) -> Tensor:
    return torch.linspace(0, 1, count, dtype=torch.float64)


def _variants(
    case: Case, problem: Problem, options: Mapping, only: Collection[str] | None
) -> tuple[list[tuple[Variant, PathKind]], list[str]]:
    """Return the variants that are measured, and the names of those that are asked for in vain."""
    variants = []
    left_out = []
    for variant, kind in asked_variants(options):
        if only is not None and variant.name not in only:
            continue
        if not kind.possible(case, problem):
            left_out.append(variant.name)
        elif kind.binary == bool(case.binary):
            variants.append((variant, kind))
    return variants, left_out


def _greedy_elements(
    case: Case,
    gauges: Gauges,
    pairs: Sequence[Pair],
    variants: Sequence[tuple[Variant, PathKind]],
) -> dict[Pair, GroupElement]:
    """Match the pairs within arms in a single pass, if a variant asks for it."""
    if all(variant.removed != "greedy" for variant, _ in variants):
        return {}
    within_arms = [pair for pair in pairs if pair[0] == pair[2] and gauges.has(pair)]
    options = {"method": "greedy"}
    matches = match(gauges.spec, gauges.canonical, within_arms, options=options, case=case)
    return {pair: alignment.element for pair, alignment in matches}


def _ends(gauges: Gauges, pair: Pair, greedy: Mapping[Pair, GroupElement]) -> dict[str, Ends]:
    """Return the ends of a pair by what is removed from them."""
    ends = gauges.ends(pair)
    if pair in greedy:
        ends["greedy"] = gauges.ends(pair, greedy[pair])["both"]
    return ends


def _is_measured(variant: Variant, pair: Pair) -> bool:
    """Return whether a variant is measured between the arms of a pair."""
    first_arm, _, second_arm, _ = pair
    return variant.across_arms or first_arm == second_arm


def _rounded(ends: Ends, precision: str) -> tuple[Parameters, Parameters]:
    dtype = getattr(torch, precision)
    first, second = ends
    return cast(first, dtype), cast(second, dtype)


def _mean(profiles: Sequence[Profile]) -> Profile:
    """Average profiles over paths, on the CPU."""
    first = profiles[0]
    loss = torch.stack([curve.loss for curve in profiles]).mean(0).cpu()
    error = torch.stack([curve.error for curve in profiles]).mean(0).cpu()
    return Profile(first.t.cpu(), loss, error, first.batch_norm, first.task)
