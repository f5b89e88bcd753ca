"""Connect aligned minima by chains of segments, or Bezier curves, whose bends are trained."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, cast, stack
from symgeom.landscape.barriers import Profile, profile, refined_size
from symgeom.landscape.binary.chain import optimise_binary_chain
from symgeom.landscape.chain import ChainPlan, Chains, chain_shape, optimise_path
from symgeom.landscape.path import CURVES, curve_along, polygon_length
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges, connected_ends, first_path
from symgeom.study.labels import Labelled, labelled, names, pairs_dataset
from symgeom.study.pairs import Pair
from symgeom.study.progress import progress
from symgeom.study.stored_networks import Ends

COLUMNS = {
    "straight_error": ("1", "largest training error along the chain before its bends were trained"),
    "bend_error": ("1", "largest training error along the trained chain"),
    "peak": ("1", "where the training error along the trained chain is largest, t"),
    "epochs_needed": (
        "1",
        "epochs until the largest training error was within the threshold (infinite: never)",
    ),
    "steps_needed": ("1", "gradient steps until then (infinite: never)"),
    "length_ratio": (
        "1",
        "length of the chain of the trained points over the distance of its ends",
    ),
    "bend_angle": ("rad", "largest angle by which the chain turns at a bend"),
    "torus_length_ratio": ("1", "the same lengths on the torus (root mean square of angles)"),
    "diverged": ("1", "whether a bend diverged in training: 1 or 0"),
}
"""Units and meanings of what is kept of every chain beside its profile."""

JUDGED = {
    "judged_t": ("1", "position along the trained chain: equidistant, and dense where it peaks"),
    "judged_error": ("1", "fraction of the training samples misclassified there"),
}
"""Units and meanings of what a chain is judged by: its error on a grid of its own."""

PLAN = (
    "points",
    "refinements",
    "epochs",
    "evaluate_every",
    "learning_rate",
    "momentum",
    "batch_size",
    "threshold",
)
"""The options of the configuration that are fields of a :class:`ChainPlan`."""


def measure(
    case: Case,
    gauges: Gauges,
    *,
    pairs: Sequence[Pair],
    options: Mapping,
    at_once: int,
) -> xr.Dataset:
    """Train chains between pairs of minima, and measure them.

    Parameters
    ----------
    case : Case
        The case.
    gauges : Gauges
        The networks, and what aligns the pairs.
    pairs : sequence of Pair
        The pairs.
    options : mapping
        The section ``chains`` of the configuration.
    at_once : int
        How many chains are trained together.

    Returns
    -------
    xr.Dataset
        What ``COLUMNS`` names, over pairs; what ``JUDGED`` names, over pair and judged_point; loss
        and error over pair, split and t. NaN where no chain can begin.
    """
    problems = case.problems(options["precision"], samples=options["samples"])
    ends = connected_ends(case, gauges, pairs)
    rows = [row for row, pair in enumerate(pairs) if pair in ends]
    table = _Table(len(pairs), list(problems), options)
    with progress("connect chains", len(rows)) as bar:
        for first in range(0, len(rows), at_once):
            batch = rows[first : first + at_once]
            batch_pairs = [pairs[row] for row in batch]
            chains = _train(
                case,
                gauges.torus,
                problems["train"],
                [ends[pair] for pair in batch_pairs],
                options=options,
                generators=[stream("chain", case.name, *pair) for pair in batch_pairs],
            )
            bar.update(len(batch))
            for layer, problem in enumerate(problems.values()):
                table.put_profile(batch, layer, profile(problem, chains.path, table.t))
            table.put_judged(batch, chains)
            table.put_columns(batch, _columns(case, gauges.torus, chains))
    return pairs_dataset(
        pairs,
        table.variables(),
        coordinates=table.coordinates(),
        attrs={**options, "task": str(problems["train"].task)},
    )


class _Table:
    """Arrays over pairs; NaN until a chain is put there."""

    def __init__(self, pairs: int, splits: list[str], options: Mapping) -> None:
        points = options["points"]
        judged_points = refined_size(points, options["refinements"])
        self.splits = splits
        self.t = torch.linspace(0, 1, points).double()
        self.columns = {column: np.full(pairs, np.nan) for column in COLUMNS}
        self.judged = {name: np.full((pairs, judged_points), np.nan) for name in JUDGED}
        self.loss = np.full((pairs, len(splits), points), np.nan)
        self.error = np.full((pairs, len(splits), points), np.nan)

    def put_profile(self, rows: list[int], layer: int, curve: Profile) -> None:
        """Put loss and error of some chains on one split into their rows."""
        self.loss[rows, layer] = curve.loss.cpu()
        self.error[rows, layer] = curve.error.cpu()

    def put_judged(self, rows: list[int], chains: Chains) -> None:
        """Put the positions at which some chains were judged into their rows, with the errors."""
        self.judged["judged_t"][rows] = chains.t.cpu()
        self.judged["judged_error"][rows] = chains.error.cpu()

    def put_columns(self, rows: list[int], columns: Mapping[str, Tensor]) -> None:
        """Put what ``COLUMNS`` names of some chains into their rows."""
        for column, values in columns.items():
            self.columns[column][rows] = values.cpu()

    def variables(self) -> Labelled:
        """Return the arrays with labels."""
        variables: Labelled = {}
        for column, array in self.columns.items():
            variables[column] = labelled("pair", array, *COLUMNS[column])
        for name, errors_or_positions in self.judged.items():
            dims = ("pair", "judged_point")
            variables[name] = labelled(dims, errors_or_positions, *JUDGED[name])
        along = ("pair", "split", "t")
        variables["loss"] = labelled(along, self.loss, "nat", "loss along the trained chain")
        variables["error"] = labelled(along, self.error, "1", "error along the trained chain")
        return variables

    def coordinates(self) -> Labelled:
        """Return the labels of the axes."""
        t = xr.Variable("t", self.t.numpy())
        return {"t": t, **names("split", self.splits, "part of the data")}


def _train(
    case: Case,
    torus: Torus,
    problem: Problem,
    ends: Sequence[Ends],
    *,
    options: Mapping,
    generators: Sequence[torch.Generator],
) -> Chains:
    """Train the chains between some pairs, from equidistant points of their first paths."""
    plan = ChainPlan(**{field: options[field] for field in PLAN})
    points = _first_points(case, torus, ends, options)
    stacked = [cast(point, problem.precision) for point in points]
    if case.binary:
        return optimise_binary_chain(problem, stacked, plan=plan, generators=generators)
    curve = CURVES[options["kind"]](stacked)
    held = torus if options["constraint"] == "torus" else None
    return optimise_path(problem, curve, plan=plan, generators=generators, torus=held)


def _first_points(
    case: Case, torus: Torus, ends: Sequence[Ends], options: Mapping
) -> list[dict[str, Tensor]]:
    """Return the points of all chains before training, the pairs stacked."""
    points_of_pairs = []
    for pair_ends in ends:
        path = first_path(case, torus, pair_ends)
        assert path is not None  # connected_ends leaves out pairs without one
        curve = curve_along(path, kind=options["kind"], bends=options["bends"])
        points_of_pairs.append(curve.points)
    return [stack(list(points)) for points in zip(*points_of_pairs, strict=True)]


def _columns(case: Case, torus: Torus, chains: Chains) -> dict[str, Tensor]:
    """Return what is kept of every chain, by the names of ``COLUMNS``."""

    def torus_length(*points: Parameters) -> Tensor:
        return polygon_length(points, torus=torus)

    points = [cast(case.signed(point), torch.float64) for point in chains.path.points]
    shape = torch.vmap(chain_shape)(*points)
    length = torch.vmap(torus_length)(*points)
    distance = torch.vmap(torus_length)(points[0], points[-1])
    judged_peak = chains.error.nan_to_num(nan=-1.0).argmax(1, keepdim=True)
    return {
        "straight_error": chains.largest_error[:, 0],
        "bend_error": chains.largest_error[:, -1],
        "peak": chains.t.gather(1, judged_peak.to(chains.t.device)).squeeze(1),
        "epochs_needed": chains.epochs_needed,
        "steps_needed": chains.steps_needed,
        "length_ratio": shape.length_ratio,
        "bend_angle": shape.angle,
        "torus_length_ratio": length / distance,
        "diverged": ~chains.finite,
    }
