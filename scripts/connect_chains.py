"""Connect aligned minima by chains of straight segments, or Bezier curves, whose bends are trained."""

from collections.abc import Mapping

import numpy as np
import torch
from _case import Case
from _chains import COLUMNS, measured, path_of, trained
from _console import progress
from _ends import Gauges
from _labels import labelled, names, write_pairs
from _launch import launch
from _problems import problems_of
from _stage import read_symmetry

from symgeom.barrier import profile
from symgeom.randomness import stream
from symgeom.torus import Torus


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    pairs: list,
    options: Mapping,
    bias_in_norm: bool,
    at_once: int,
    chains: str,
    config_digest: str,
) -> None:
    subject, spec = Case.read(stores["data"], network), read_symmetry(stores["symmetry"])
    problems = problems_of(subject, options["precision"], samples=options["samples"])
    gauges, torus = Gauges.read(subject, spec, stores), Torus(spec, bias_in_norm)
    kind = "aligned" if subject.binary else "both"
    ends = {pair: found[kind] for pair in map(tuple, pairs) if (found := gauges.ends(pair))}
    ends = {pair: found for pair, found in ends.items() if path_of(subject, torus, found)}
    rows, t = [row for row, pair in enumerate(pairs) if tuple(pair) in ends], torch.linspace(0, 1, options["points"]).double()
    columns = {name: np.full(len(pairs), np.nan) for name in COLUMNS}
    loss, error = (np.full((len(pairs), len(problems), len(t)), np.nan) for _ in range(2))
    with progress("connect chains", len(rows)) as bar:
        for part in (slice(first, first + at_once) for first in range(0, len(rows), at_once)):
            orders = [stream("chain", case, *pair) for pair in list(ends)[part]]
            found = trained(subject, torus, problems["train"], list(ends.values())[part], options=options, generators=orders)
            bar.update(len(orders))
            for layer, problem in enumerate(problems.values()):
                along = profile(problem, found.path, t)
                loss[rows[part], layer], error[rows[part], layer] = along.loss.cpu(), along.error.cpu()
            for name, values in measured(subject, torus, found):
                columns[name][rows[part]] = values.cpu()
    variables = {name: labelled("pair", values, *COLUMNS[name]) for name, values in columns.items()}
    variables["loss"] = labelled(("pair", "split", "t"), loss, "nat", "loss along the trained chain")
    variables["error"] = labelled(("pair", "split", "t"), error, "1", "error along the trained chain")
    coordinates = {"t": ("t", t.numpy())} | names("split", list(problems), "part of the data")
    write_pairs(chains, pairs, variables, coordinates=coordinates, attrs=options, config_digest=config_digest)


if __name__ == "__main__":
    launch(main, snakemake)
