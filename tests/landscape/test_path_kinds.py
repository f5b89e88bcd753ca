"""What every kind of path is: its points, some of its tensors, their factors, one of its pairs."""

import pytest
import torch
from cases import batch, binary_module, mlp, mlp_spec, network

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, stack, unstack
from symgeom.landscape.barriers import profile
from symgeom.landscape.binary import HammingChain, HammingPath, LatentPath, random_order
from symgeom.landscape.path import (
    BezierPath,
    GeodesicPath,
    LinearPath,
    Path,
    PolygonalPath,
    as_path,
)
from symgeom.landscape.problem import Problem
from symgeom.landscape.repairing import RepairedPath
from symgeom.quotient.gauge import canonicalise

WIDTHS = (5, 7, 9, 3)
SPEC = mlp_spec(*WIDTHS)
NAMES = ("0.weight", "2.weight", "4.weight")
PAIRS = 3
GRID = torch.tensor([0.0, 0.3, 0.5, 1.0], dtype=torch.float64)


class Detour(Path):
    """A kind of path that defines nothing but where it is at ``t``."""

    def __init__(self, line):
        self.line = line

    def __call__(self, t):
        return {name: tensor**3 for name, tensor in self.line(t).items()}


def real(pair, point):
    return canonicalise(SPEC, network(*WIDTHS, seed=3 * pair + point)).parameters


def binary(pair, point):
    return parameters(binary_module(*WIDTHS, seed=3 * pair + point))


def order(pair, segment):
    return random_order(binary(pair, 0), NAMES, generator=stream("order", pair, segment))


def single(kind, pair):
    """Return the path of a kind between the networks of one pair."""
    points = [real(pair, point) for point in range(3)]
    if kind in ("hamming", "latent", "normalised", "hamming chain"):
        points = [binary(pair, point) for point in range(3)]
    start, middle, end = points
    orders = [order(pair, segment) for segment in range(2)]
    return {
        "linear": lambda: LinearPath(start, end),
        "polygonal": lambda: PolygonalPath(points),
        "bezier": lambda: BezierPath(points),
        "geodesic": lambda: GeodesicPath(SPEC, start, end),
        "hamming": lambda: HammingPath(start, end, orders[0]),
        "latent": lambda: LatentPath(start, end, NAMES),
        "normalised": lambda: LatentPath(start, end, NAMES, normalised=True),
        "hamming chain": lambda: HammingChain([start, middle, end], orders),
        "own": lambda: Detour(LinearPath(start, end)),
        "function": lambda: as_path(lambda t: LinearPath(start, end)(t)),
    }[kind]()


def stacked(kind):
    """Return the path of a kind between the stacked networks of all pairs."""
    make = binary if kind in ("hamming", "latent", "normalised", "hamming chain") else real
    points = []
    for point in range(3):
        points.append(stack([make(pair, point) for pair in range(PAIRS)]))
    start, _, end = points
    orders = []
    for segment in range(2):
        orders.append(stack([order(pair, segment) for pair in range(PAIRS)]))
    return {
        "linear": lambda: LinearPath(start, end),
        "polygonal": lambda: PolygonalPath(points),
        "bezier": lambda: BezierPath(points),
        "geodesic": lambda: GeodesicPath(SPEC, start, end, stacked=True),
        "hamming": lambda: HammingPath(start, end, orders[0], stacked=True),
        "latent": lambda: LatentPath(start, end, NAMES, stacked=True),
        "normalised": lambda: LatentPath(start, end, NAMES, normalised=True, stacked=True),
        "hamming chain": lambda: HammingChain(points, orders, stacked=True),
        "own": lambda: Detour(LinearPath(start, end)),
        "function": lambda: as_path(lambda t: LinearPath(start, end)(t)),
    }[kind]()


KINDS = (
    "linear",
    "polygonal",
    "bezier",
    "geodesic",
    "hamming",
    "latent",
    "normalised",
    "hamming chain",
    "own",
    "function",
)


def same(first, second):
    if first.keys() != second.keys():
        return False
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_of_a_stacked_path_is_the_path_of_the_pair(kind):
    together = stacked(kind)
    for index in range(PAIRS):
        alone = single(kind, index)
        pair = together.pair(index)
        assert isinstance(pair, Path)
        assert same(pair(GRID), alone(GRID))
        assert same(pair(0.3), alone(0.3))
        assert len(pair.points) == len(alone.points)
        for found, expected in zip(pair.points, alone.points, strict=True):
            assert same(found, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_some_tensors_are_those_of_the_whole_network(kind):
    path = single(kind, 0)
    assert isinstance(path, Path)
    some = path.tensors(GRID, ["2.weight", "0.weight"])
    assert list(some) == ["2.weight", "0.weight"]
    assert all(torch.equal(tensor, path(GRID)[name]) for name, tensor in some.items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_begins_and_ends_at_its_points(kind):
    """Points may be latent: their signs are what the path passes through."""
    path = single(kind, 0)
    for t, point in ((0.0, path.points[0]), (1.0, path.points[-1])):
        for name, tensor in path(t).items():
            expected = point[name].sign() if kind == "hamming chain" else point[name]
            assert torch.equal(tensor, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_combinations_of_the_points_where_there_are_factors(kind):
    path = single(kind, 0)
    factors = path.factors("0.weight", GRID)
    assert (factors is None) == (kind not in ("linear", "polygonal", "bezier", "geodesic"))
    if factors is None:
        return
    weights = torch.stack([point["0.weight"] for point in path.points])  # (point, row, column)
    factors = factors.expand(-1, -1, weights.shape[1])  # (point, t, row)
    combined = torch.einsum("ptr,prc->trc", factors, weights)
    assert (combined - path(GRID)["0.weight"]).abs().max() < 1e-14


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_profiled(kind):
    """On a real network: what a path knows of its factors decides how, not what comes out."""
    module = mlp(*WIDTHS, bias="0.bias" in single(kind, 0).points[0])
    problem = Problem(module, *batch(40, 5, 3))
    together = profile(problem, stacked(kind), GRID)
    only_errors = profile(problem, stacked(kind), GRID, values="error")
    assert torch.equal(only_errors.error, together.error)
    for index in range(PAIRS):
        alone = profile(problem, single(kind, index), GRID)
        assert torch.allclose(together.loss[index], alone.loss, rtol=1e-12)


def test_a_function_is_a_path_and_a_path_stays_itself():
    line = single("linear", 0)
    assert as_path(line) is line
    problem = Problem(mlp(*WIDTHS), *batch(40, 5, 3))
    of_function = profile(problem, lambda t: line(t), GRID)
    assert torch.equal(of_function.loss, profile(problem, line, GRID).loss)


def test_a_repaired_path_of_stacked_pairs_gives_those_of_the_pairs():
    module = mlp(*WIDTHS)
    inputs = batch(40, 5, 3)[0]
    together = RepairedPath(SPEC, module, stacked("linear"), inputs)
    alone = RepairedPath(SPEC, module, single("linear", 1), inputs)
    assert same(together.pair(1)(0.3), alone(0.3))
    first, last = alone.points
    assert same(first, alone(0.0))
    assert same(last, alone(1.0))
    assert same(unstack(alone(GRID))[1], alone(0.3))
    with pytest.raises(SymgeomError, match="a path runs from t = 0 to t = 1"):
        alone(1.5)
