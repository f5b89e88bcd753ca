"""Connect aligned minima by chains of two straight segments whose bend is trained."""

from collections.abc import Mapping

import numpy as np
import torch
from _console import progress
from _ends import Gauges
from _labels import labelled, names, write_pairs
from _launch import launch
from _problems import read_problems
from _stage import read_symmetry

from symgeom.barrier import profile
from symgeom.chain import ChainPlan, chain_shape, optimise_path
from symgeom.path import GeodesicPath, PolygonalPath
from symgeom.randomness import stream
from symgeom.types import cast, stack

COLUMNS = {
    "straight_error": ("1", "largest training error along the chain before its bend was trained"),
    "bend_error": ("1", "largest training error along the trained chain"),
    "epochs_needed": ("1", "epochs until the largest training error was within the threshold (infinite: never)"),
    "length_ratio": ("1", "length of the chain over the distance of its ends"),
    "bend_angle": ("rad", "angle by which the chain turns at its bend"),
}


def main(
    *, case: str, stores: Mapping, network: Mapping, pairs: list, options: Mapping, at_once: int, chains: str, config_digest: str
) -> None:
    spec, problems = read_symmetry(stores["symmetry"]), read_problems(stores["data"], network, options["precision"])
    gauges, dtype = Gauges.read(spec, stores), getattr(torch, options["precision"])
    ends = {pair: found["both"] for pair in map(tuple, pairs) if (found := gauges.ends(pair))}
    rows, t = [row for row, pair in enumerate(pairs) if tuple(pair) in ends], torch.linspace(0, 1, options["points"]).double()
    columns = {name: np.full(len(pairs), np.nan) for name in COLUMNS}
    loss, error = (np.full((len(pairs), len(problems), len(t)), np.nan) for _ in range(2))
    plan = ChainPlan(**{name: options[name] for name in options.keys() - {"cross_arm", "precision"}})
    points = [[start, GeodesicPath(spec, start, end)(0.5), end] for start, end in ends.values()]
    with progress("connect chains", plan.epochs) as bar:
        for part in (slice(first, first + at_once) for first in range(0, len(rows), at_once)):
            orders = [stream("chain", case, *pair) for pair in list(ends)[part]]
            chain = PolygonalPath([cast(stack(point), dtype) for point in zip(*points[part], strict=True)])
            found = optimise_path(problems["train"], chain, plan=plan, generators=orders)
            bar.update(plan.epochs * len(orders) / len(rows))
            for layer, problem in enumerate(problems.values()):
                along = profile(problem, found.path, t)
                loss[rows[part], layer], error[rows[part], layer] = along.loss, along.error
            measured = *found.largest_error[:, [0, -1]].T, found.epochs_needed, *torch.vmap(chain_shape)(*found.path.points)
            for name, values in zip(COLUMNS, measured, strict=True):
                columns[name][rows[part]] = values
    variables = {name: labelled("pair", values, *COLUMNS[name]) for name, values in columns.items()}
    variables["loss"] = labelled(("pair", "split", "t"), loss, "nat", "loss along the trained chain")
    variables["error"] = labelled(("pair", "split", "t"), error, "1", "error along the trained chain")
    coordinates = {"t": ("t", t.numpy())} | names("split", list(problems), "part of the data")
    write_pairs(chains, pairs, variables, coordinates=coordinates, attrs=options, config_digest=config_digest)


if __name__ == "__main__":
    launch(main, snakemake)
