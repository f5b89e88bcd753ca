"""Solve the spherical negative perceptron from several starts, and measure the great circles between its solutions."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import torch
import xarray as xr
from _labels import labelled
from _launch import launch

from symgeom.ground.randomness import stream
from symgeom.models.perceptron import Perceptron, geodesic_barrier, geodesic_energy, solve
from symgeom.store import write_store
from symgeom.symmetry.sphere import angle

POINTS = 41


def main(*, options: Mapping, solutions: str, config_digest: str) -> None:
    patterns = {
        "alpha": options["density"],
        "kappa": options["threshold"],
        "generator": stream("perceptron", "patterns"),
    }
    model, t = (
        Perceptron.gaussian(options["dimension"], **patterns),
        torch.linspace(0, 1, POINTS, dtype=torch.float64),
    )
    solved = {
        kind: solve(
            model, margin=margin, generator=stream("perceptron", kind), starts=options["solutions"]
        )
        for kind, margin in options["margins"].items()
    }
    kinds = [kind for kind, found in solved.items() for _ in found.solved]
    weights = torch.cat([found.weights for found in solved.values()])
    usable = torch.cat([found.solved for found in solved.values()]).tolist()
    pairs = list(combinations(range(len(kinds)), 2))
    ends = [torch.stack([weights[pair[side]] for pair in pairs]) for side in (0, 1)]
    good = np.array([usable[first] and usable[second] for first, second in pairs])
    error = np.where(good[:, None], geodesic_energy(model, *ends, t), np.nan)
    barrier = np.where(good, geodesic_barrier(model, *ends), np.nan)
    variables = {
        "error": labelled(
            ("pair", "t"), error, "1", "fraction of violated constraints along the great circle"
        ),
        "barrier": labelled(
            "pair", barrier, "1", "largest fraction of violated constraints between the two"
        ),
        "angle": labelled("pair", angle(*ends), "rad", "angle between the two solutions"),
        "margin": labelled(
            "solution",
            torch.cat([found.margin for found in solved.values()]),
            "1",
            "smallest stability",
        ),
        "solved": labelled("solution", usable, "1", "whether the margin asked for was reached"),
        "steps": labelled(
            "solution",
            torch.cat([found.steps for found in solved.values()]),
            "1",
            "steps of the descent",
        ),
    }
    ends_of = np.array(pairs)
    coordinates = {
        "kind": labelled(
            "pair",
            ["-".join(sorted((kinds[a], kinds[b]))) for a, b in pairs],
            "1",
            "kinds of the two solutions",
        ),
        "solution_kind": labelled("solution", kinds, "1", "what the margin asked for makes of it"),
        "first": labelled("pair", ends_of[:, 0], "1", "number of the first solution"),
        "second": labelled("pair", ends_of[:, 1], "1", "number of the second solution"),
        "t": ("t", t.numpy()),
    }
    attrs = {name: options[name] for name in ("dimension", "density", "threshold")}
    dataset = xr.Dataset(variables, coordinates, attrs)
    write_store(
        solutions, dataset, config_digest=config_digest, seeds=list(range(options["solutions"]))
    )


if __name__ == "__main__":
    launch(main, snakemake)
