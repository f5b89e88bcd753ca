"""The kinds of paths between two minima: "linear raw" is a straight line between the networks as trained, and so on."""

from collections.abc import Mapping, Sequence

import torch
from _case import Case
from _elements import Ends
from _geodesic import geodesic_of
from _labels import Pair

from symgeom.ground.randomness import stream
from symgeom.landscape.barriers import Profile
from symgeom.landscape.binary.path import HammingPath, LatentPath, random_order
from symgeom.landscape.path import LinearPath, Path
from symgeom.landscape.problem import Problem
from symgeom.landscape.repairing import RepairedPath
from symgeom.quotient.torus import Torus

REAL = (
    "linear raw",
    "linear normalised",
    "linear aligned",
    "linear both",
    "geodesic normalised",
    "geodesic both",
)
BINARY = ("latent raw", "latent aligned", "hamming raw", "hamming aligned")


def variants(options: Mapping, *, binary: bool) -> list[str]:
    """Return the variants that a study measures, within arms."""
    more = ["geodesic greedy"] * (options["compare"] == "greedy") + ["repaired both"] * options[
        "repair"
    ]
    return list(BINARY) if binary else [*REAL, *more]


def between_arms(options: Mapping, *, binary: bool) -> list[str]:
    """Return the variants that a study measures across arms: those with all symmetries removed."""
    return (
        ["hamming aligned"] if binary else ["geodesic both", *["repaired both"] * options["repair"]]
    )


def paths_of(
    kind: str,
    ends: Ends,
    *,
    case: Case,
    torus: Torus,
    problem: Problem,
    options: Mapping,
    pair: Pair,
) -> Sequence[Path]:
    """Return the path of a kind, none if it is not defined, or several whose errors to average (orders of flips)."""
    if kind == "linear":
        return [LinearPath(*ends)]
    if kind == "latent":
        return [LatentPath(*ends, case.binary)]
    if kind == "hamming":
        words = [("hamming order", *pair, number) for number in range(options.get("orders", 1))]
        return [
            HammingPath(*ends, random_order(ends[0], case.binary, generator=stream(*each)))
            for each in words
        ]
    geodesic = geodesic_of(torus, ends)
    if geodesic is None:
        return []
    return [
        geodesic
        if kind == "geodesic"
        else RepairedPath(torus.spec, problem.module, geodesic, problem.inputs)
    ]


def mean(found: Sequence[Profile]) -> Profile:
    """Average profiles over paths, on the CPU."""
    loss, error = (
        torch.stack([getattr(each, name) for each in found]).mean(0).cpu()
        for name in ("loss", "error")
    )
    return Profile(found[0].t.cpu(), loss, error, found[0].batch_norm)
