"""Solve the spherical negative perceptron, and measure great circles between its solutions."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.perceptron import (
    Perceptron,
    Solution,
    geodesic_barrier,
    geodesic_energy,
    solve,
)
from symgeom.study.labels import Labelled, labelled
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
        two is none. Every draw of the constraints has solutions of its own, and pairs among them.
    """
    draws = []
    solutions = 0
    for draw in range(options["draws"]):
        of_draw = _measure_draw(options, draw, first_solution=solutions)
        solutions += of_draw.sizes["solution"]
        draws.append(of_draw)
    of_pairs = xr.concat([draw.drop_dims("solution") for draw in draws], "pair")
    of_solutions = xr.concat([draw.drop_dims("pair") for draw in draws], "solution")
    sizes = {name: options[name] for name in ("dimension", "density", "threshold", "draws")}
    return of_pairs.merge(of_solutions).assign_attrs(sizes)


def _measure_draw(options: Mapping, draw: int, *, first_solution: int) -> xr.Dataset:
    """Solve one draw of the constraints, and measure between its solutions."""
    model = Perceptron.gaussian(
        options["dimension"],
        alpha=options["density"],
        kappa=options["threshold"],
        generator=stream("perceptron", "patterns", draw),
    )
    solutions = {}
    for kind, margin in options["margins"].items():
        generator = stream("perceptron", kind, draw)
        solutions[kind] = solve(
            model, margin=margin, generator=generator, starts=options["solutions"]
        )
    kinds = []
    for kind, solution in solutions.items():
        kinds += [kind] * len(solution.solved)
    ends = np.array(list(combinations(range(len(kinds)), 2)))
    meaning = "number of the draw of the constraints"
    coordinates = {
        **_label_pairs(kinds, ends, first_solution),
        "draw": labelled("pair", [draw] * len(ends), "1", meaning),
        "solution_kind": labelled("solution", kinds, "1", "what the margin asked for makes of it"),
        "solution_draw": labelled("solution", [draw] * len(kinds), "1", meaning),
    }
    variables = {**_circles(model, solutions, ends), **_label_solutions(solutions)}
    return xr.Dataset(variables, coordinates)


def _circles(model: Perceptron, solutions: Mapping[str, Solution], ends: np.ndarray) -> Labelled:
    """Measure the great circles between pairs of solutions."""
    weights = torch.cat([solution.weights for solution in solutions.values()])
    solved = torch.cat([solution.solved for solution in solutions.values()]).numpy()
    both_solved = solved[ends].all(axis=1)
    first = weights[ends[:, 0]]
    second = weights[ends[:, 1]]
    energy = geodesic_energy(model, first, second, _circle())
    error = np.where(both_solved[:, None], energy, np.nan)
    barrier = np.where(both_solved, geodesic_barrier(model, first, second), np.nan)
    along = "fraction of violated constraints along the great circle"
    between = "largest fraction of violated constraints between the two"
    apart = "angle between the two solutions"
    return {
        "error": labelled(("pair", "t"), error, "1", along),
        "barrier": labelled("pair", barrier, "1", between),
        "angle": labelled("pair", angle(first, second), "rad", apart),
    }


def _label_solutions(solutions: Mapping[str, Solution]) -> Labelled:
    """Label what is stored of every solution."""
    margins = torch.cat([solution.margin for solution in solutions.values()])
    solved = torch.cat([solution.solved for solution in solutions.values()])
    steps = torch.cat([solution.steps for solution in solutions.values()])
    return {
        "margin": labelled("solution", margins, "1", "smallest stability"),
        "solved": labelled("solution", solved, "1", "whether the margin asked for was reached"),
        "steps": labelled("solution", steps, "1", "steps of the descent"),
    }


def _label_pairs(kinds: Sequence[str], ends: np.ndarray, first_solution: int) -> Labelled:
    """Label the pairs of solutions, and the points of the great circles between them."""
    numbers = first_solution + ends
    pair_kinds = ["-".join(sorted((kinds[first], kinds[second]))) for first, second in ends]
    return {
        "kind": labelled("pair", pair_kinds, "1", "kinds of the two solutions"),
        "first": labelled("pair", numbers[:, 0], "1", "number of the first solution"),
        "second": labelled("pair", numbers[:, 1], "1", "number of the second solution"),
        "t": xr.Variable("t", _circle().numpy()),
    }


def _circle() -> Tensor:
    """Return the points of every great circle."""
    return torch.linspace(0, 1, POINTS, dtype=torch.float64)
