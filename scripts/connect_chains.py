"""Connect aligned minima by chains of straight segments, or Bezier curves, whose bends are trained."""

from collections.abc import Mapping

import numpy as np
import torch
from _case import Case
from _chains import COLUMNS, measured, trained
from _console import progress
from _ends import Gauges
from _geodesic import connected
from _labels import labelled, names, write_pairs
from _launch import launch
from _problems import problems_of
from _stage import read_symmetry

from symgeom.ground.randomness import stream
from symgeom.landscape.barriers import profile
from symgeom.quotient.torus import Torus


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
    pairs, torus = list(map(tuple, pairs)), Torus(spec, bias_in_norm)
    ends = connected(subject, torus, Gauges.read(subject, spec, stores, set(pairs)), pairs)
    rows, t = (
        [row for row, pair in enumerate(pairs) if pair in ends],
        torch.linspace(0, 1, options["points"]).double(),
    )
    columns = {name: np.full(len(pairs), np.nan) for name in COLUMNS}
    loss, error = (np.full((len(pairs), len(problems), len(t)), np.nan) for _ in range(2))
    with progress("connect chains", len(rows)) as bar:
        for part in (slice(first, first + at_once) for first in range(0, len(rows), at_once)):
            stack = [pairs[row] for row in rows[part]]
            seeded = {"generators": [stream("chain", case, *pair) for pair in stack]}
            found = trained(
                subject,
                torus,
                problems["train"],
                [ends[pair] for pair in stack],
                options=options,
                **seeded,
            )
            bar.update(len(stack))
            for layer, problem in enumerate(problems.values()):
                along = profile(problem, found.path, t)
                loss[rows[part], layer], error[rows[part], layer] = (
                    along.loss.cpu(),
                    along.error.cpu(),
                )
            for name, values in measured(subject, torus, found):
                columns[name][rows[part]] = values.cpu()
    variables = {name: labelled("pair", values, *COLUMNS[name]) for name, values in columns.items()}
    variables["loss"] = labelled(
        ("pair", "split", "t"), loss, "nat", "loss along the trained chain"
    )
    variables["error"] = labelled(
        ("pair", "split", "t"), error, "1", "error along the trained chain"
    )
    coordinates = {"t": ("t", t.numpy())} | names("split", list(problems), "part of the data")
    write_pairs(
        chains,
        pairs,
        variables,
        coordinates=coordinates,
        attrs=options,
        config_digest=config_digest,
    )


if __name__ == "__main__":
    launch(main, snakemake)
