"""Solve the spherical negative perceptron, and measure great circles between its solutions."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import torch
import xarray as xr

from symgeom.ground.randomness import stream
from symgeom.models.perceptron import Perceptron, geodesic_barrier, geodesic_energy, solve
from symgeom.study.labels import labelled
from symgeom.symmetry.sphere import angle

POINTS = 41
"""Points of every great circle."""


def measure(options: Mapping) -> xr.Dataset:
    """Solve the perceptron, and measure its landscape between the solutions.

    Parameters
    ----------
    options : mapping
        The section ``perceptron`` of the configuration.

    Returns
    -------
    xr.Dataset
        Margins over solutions; errors, barriers and angles over pairs of them, NaN where one of the
        two is none.
    """
    model = Perceptron.gaussian(
        options["dimension"],
        alpha=options["density"],
        kappa=options["threshold"],
        generator=stream("perceptron", "patterns"),
    )
    solutions = {}
    kinds = []
    for kind, margin in options["margins"].items():
        generator = stream("perceptron", kind)
        starts = options["solutions"]
        solutions[kind] = solve(model, margin=margin, generator=generator, starts=starts)
        kinds += [kind] * len(solutions[kind].solved)
    weights = torch.cat([solution.weights for solution in solutions.values()])
    margins = torch.cat([solution.margin for solution in solutions.values()])
    steps = torch.cat([solution.steps for solution in solutions.values()])
    solved = torch.cat([solution.solved for solution in solutions.values()]).numpy()

    pairs = np.array(list(combinations(range(len(kinds)), 2)))
    both_solved = solved[pairs].all(axis=1)
    first = weights[pairs[:, 0]]
    second = weights[pairs[:, 1]]
    t = torch.linspace(0, 1, POINTS, dtype=torch.float64)
    energy = geodesic_energy(model, first, second, t)
    error = np.where(both_solved[:, None], energy, np.nan)
    barrier = np.where(both_solved, geodesic_barrier(model, first, second), np.nan)
    pair_kinds = ["-".join(sorted((kinds[a], kinds[b]))) for a, b in pairs]
    variables = {
        "error": labelled(
            ("pair", "t"), error, "1", "fraction of violated constraints along the great circle"
        ),
        "barrier": labelled(
            "pair", barrier, "1", "largest fraction of violated constraints between the two"
        ),
        "angle": labelled("pair", angle(first, second), "rad", "angle between the two solutions"),
        "margin": labelled("solution", margins, "1", "smallest stability"),
        "solved": labelled("solution", solved, "1", "whether the margin asked for was reached"),
        "steps": labelled("solution", steps, "1", "steps of the descent"),
    }
    coordinates = {
        "kind": labelled("pair", pair_kinds, "1", "kinds of the two solutions"),
        "solution_kind": labelled("solution", kinds, "1", "what the margin asked for makes of it"),
        "first": labelled("pair", pairs[:, 0], "1", "number of the first solution"),
        "second": labelled("pair", pairs[:, 1], "1", "number of the second solution"),
        "t": xr.Variable("t", t.numpy()),
    }
    attrs = {name: options[name] for name in ("dimension", "density", "threshold")}
    return xr.Dataset(variables, coordinates, attrs)
