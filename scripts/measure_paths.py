"""Measure error and loss along linear and geodesic paths, with none, one or both kinds of symmetry removed."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from _console import progress
from _ends import Gauges
from _labels import Pair, labelled, names, write_pairs
from _launch import launch
from _problems import read_problems
from _stage import read_symmetry

from symgeom.barrier import barrier, profile
from symgeom.path import GeodesicPath, LinearPath
from symgeom.types import cast

VARIANTS = ("linear raw", "linear normalised", "linear aligned", "linear both", "geodesic normalised", "geodesic both")
KINDS = {"linear": lambda spec, ends: LinearPath(*ends), "geodesic": lambda spec, ends: GeodesicPath(spec, *ends)}


def main(*, stores: Mapping, network: Mapping, pairs: Sequence[Pair], options: Mapping, paths: str, config_digest: str) -> None:
    spec, problems = read_symmetry(stores["symmetry"]), read_problems(stores["data"], network, options["precision"])
    gauges, dtype = Gauges.read(spec, stores), getattr(torch, options["precision"])
    t = torch.linspace(0, 1, options["points"], dtype=torch.float64)
    loss, error = (np.full((len(pairs), len(VARIANTS), len(problems), len(t)), np.nan) for _ in range(2))
    with progress("measure paths", len(pairs)) as bar:
        for row, pair in enumerate(map(tuple, pairs)):
            bar.update()
            ends = gauges.ends(pair) or {}
            for column, (kind, removed) in enumerate(name.split() for name in VARIANTS if ends):
                path = KINDS[kind](spec, ends[removed])
                for layer, problem in enumerate(problems.values()):
                    along = profile(problem, lambda t, path=path: cast(path(t), dtype), t)
                    loss[row, column, layer], error[row, column, layer] = along.loss, along.error
    barriers = barrier(t, torch.from_numpy(error))
    dims = ("pair", "variant", "split", "t")
    variables = {
        "loss": labelled(dims, loss, "nat", "loss along the path"),
        "error": labelled(dims, error, "1", "fraction misclassified along the path"),
        "barrier": labelled(dims[:-1], barriers, "1", "largest error above the line between the ends"),
    }
    coordinates = {"t": ("t", t.numpy())} | names("variant", VARIANTS, "kind of path and symmetries removed")
    coordinates |= names("split", list(problems), "part of the data")
    write_pairs(paths, pairs, variables, coordinates=coordinates, attrs=options, config_digest=config_digest)


if __name__ == "__main__":
    launch(main, snakemake)
