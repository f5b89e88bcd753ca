"""Measure error and loss along paths between minima, by what symmetries were removed: whole paths, or some points of each."""

from collections.abc import Mapping, Sequence

import torch
from _along import Along
from _case import Case
from _console import progress
from _ends import Gauges
from _labels import Pair, write_pairs
from _launch import launch
from _matching import match
from _path_tables import labels
from _paths import between_arms, paths_of, variants
from _problems import problems_of
from _stage import read_symmetry

from symgeom.ground.types import cast
from symgeom.quotient.torus import Torus


def main(
    *,
    stores: Mapping,
    network: Mapping,
    pairs: Sequence[Pair],
    points: Sequence[int] | None,
    options: Mapping,
    alignment: Mapping,
    bias_in_norm: bool,
    paths: str,
    config_digest: str,
) -> None:
    case, spec = Case.read(stores["data"], network), read_symmetry(stores["symmetry"])
    problems = problems_of(case, options["precision"], samples=options["samples"])
    left_out = (
        ["repaired both"]
        if options["repair"] and (case.binary or problems["train"].batch_norm)
        else []
    )
    options = options | {
        "repair": options["repair"] and not left_out
    }  # statistics that are measured anew need no repair
    pairs, names = list(map(tuple, pairs)), variants(options, binary=bool(case.binary))
    torus, gauges = Torus(spec, bias_in_norm), Gauges.read(case, spec, stores, set(pairs))
    inside = (
        [pair for pair in pairs if pair[0] == pair[2] and gauges.ends(pair)]
        if "geodesic greedy" in names
        else []
    )
    single = dict(
        match(spec, gauges.canonical, inside, options=alignment | {"method": "greedy"}, case=case)
    )
    given = {"case": case, "torus": torus, "problem": problems["train"], "options": options}
    along = Along(
        pairs, names, list(problems), options, points=points, slices=stores.get("slices", ())
    )
    with progress("measure paths", len(pairs)) as bar:
        for row, pair in enumerate(pairs):
            bar.update()
            ends = gauges.ends(pair) or {}
            ends |= (
                {"greedy": gauges.ends(pair, single[pair].element)["both"]}
                if pair in single
                else {}
            )
            chosen = (
                names if pair[0] == pair[2] else between_arms(options, binary=bool(case.binary))
            )
            for kind, removed in (name.split() for name in chosen if ends):
                between = tuple(
                    cast(network, getattr(torch, options["precision"])) for network in ends[removed]
                )
                found = paths_of(kind, between, pair=pair, **given)
                for split, problem in problems.items():
                    along.put(row, f"{kind} {removed}", split, problem, found)
    (variables, along_paths), attrs = (
        labels(along),
        options | {"left_out": left_out, "undefined": along.undefined},
    )
    write_pairs(
        paths, pairs, variables, coordinates=along_paths, attrs=attrs, config_digest=config_digest
    )


if __name__ == "__main__":
    launch(main, snakemake)
