import math

import numpy as np
import pytest
import torch
from cases import mlp_spec, network
from references import de_casteljau

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, stack, unstack
from symgeom.landscape.path import (
    BezierPath,
    GeodesicPath,
    LinearPath,
    PolygonalPath,
    bend_angles,
    bezier_weights,
    curve_along,
    path_length,
    polygon_length,
)
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, simplex_point, sphere_coordinates
from symgeom.study.gauges import geodesic_between
from symgeom.symmetry.group import act, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
SPEC = mlp_spec(*WIDTHS)
GRID = torch.tensor([0.0, 0.1, 0.25, 0.5, 0.8, 1.0], dtype=torch.float64)


def point(seed, dtype=torch.float64, *, bias_in_norm=True):
    raw = network(*WIDTHS, seed=seed)
    return cast(canonicalise(SPEC, raw, bias_in_norm=bias_in_norm).parameters, dtype)


def paths(networks, stacked=False):
    return {
        "linear": LinearPath(*networks[:2]),
        "polygonal": PolygonalPath(networks),
        "bezier": BezierPath(networks),
        "geodesic": GeodesicPath(SPEC, *networks[:2], stacked=stacked),
    }


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


KINDS = ("linear", "polygonal", "bezier", "geodesic")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_ends_are_returned_exactly(kind, dtype):
    networks = [point(seed, dtype) for seed in range(3)]
    networks[0]["0.weight"][2] = networks[0]["0.bias"][2] = 0
    path = paths(networks)[kind]
    last = networks[2] if kind in ("polygonal", "bezier") else networks[1]
    assert same(path(0), networks[0])
    assert same(path(1.0), last)
    assert same(unstack(path(torch.tensor([1.0, 0.0])))[0], last)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tensor_of_t_stacks_the_networks_of_its_numbers(kind):
    path = paths([point(seed, torch.float32) for seed in range(3)])[kind]
    assert same(path(GRID), stack([path(float(t)) for t in GRID]))
    assert same(path(0.25), path(torch.tensor(0.25)))


@pytest.mark.parametrize("kind", KINDS)
def test_stacked_pairs_are_the_pairs_one_by_one_bit_for_bit(kind):
    triples = [[point(3 * pair + seed, torch.float32) for seed in range(3)] for pair in range(4)]
    together = paths([stack(networks) for networks in zip(*triples, strict=True)], stacked=True)[
        kind
    ]
    singly = [paths(networks)[kind] for networks in triples]
    assert same(together(0.3), stack([path(0.3) for path in singly]))
    everything = together(GRID)  # (t, pair, ...)
    for pair, path in enumerate(singly):
        assert same({name: tensor[:, pair] for name, tensor in everything.items()}, path(GRID))


def test_polygonal_chain_is_piecewise_linear():
    corners = [3.0, -1.0, 4.0, 1.0]
    path = PolygonalPath([{"w": torch.tensor([x], dtype=torch.float64)} for x in corners])
    t = torch.linspace(0, 1, 61, dtype=torch.float64)
    expected = np.interp(t.numpy(), [0, 1 / 3, 2 / 3, 1], corners)
    assert np.abs(path(t)["w"].flatten().numpy() - expected).max() < 1e-14


@pytest.mark.parametrize("count", [2, 3, 5])
def test_bezier_curve_is_repeated_interpolation(count):
    points = [network(*WIDTHS, seed=seed) for seed in range(count)]
    for t in GRID.tolist():
        expected = de_casteljau([tensors["0.weight"] for tensors in points], t)
        assert (BezierPath(points)(t)["0.weight"] - expected).abs().max() < 1e-14


def circle(first, second):
    spec = SymmetrySpec((UnitGroup("head", 1, (Leg("w", 0),), exact_for="error"),))
    return GeodesicPath(
        spec,
        *(
            {"w": torch.tensor([[float(x), float(y)]], dtype=torch.float64)}
            for x, y in (first, second)
        ),
    )


@pytest.mark.parametrize("theta", [0.0, 1e-9, 1e-4, 0.3, math.pi / 2, 3.0, math.pi - 1e-3])
def test_geodesic_on_the_circle(theta):
    path = circle((1, 0), (math.cos(theta), math.sin(theta)))
    # The plane of the great circle is lost as pi - theta goes to zero: rounding is amplified by 1 /
    # sin(theta).
    tolerance = 1e-15 / max(math.sin(theta), 0.5 if theta < 3 else 0)
    for t in GRID.tolist():
        expected = torch.tensor([[math.cos(t * theta), math.sin(t * theta)]], dtype=torch.float64)
        assert (path(t)["w"] - expected).abs().max() < tolerance


def test_geodesic_lengths_are_geometric():
    middle = circle((2, 0), (0, 8))(0.5)["w"]
    assert (middle - 4 / math.sqrt(2)).abs().max() < 1e-14
    quarter = circle((2, 0), (32, 0))(0.25)["w"]
    assert (quarter - torch.tensor([[4.0, 0.0]])).abs().max() < 1e-14


def test_geodesic_of_vectors_that_are_zero():
    assert circle((0, 0), (0, 0))(0.3)["w"].tolist() == [[0, 0]]
    assert torch.allclose(
        circle((0, 0), (3, 4))(0.25)["w"],
        torch.tensor([[0.75, 1.0]], dtype=torch.float64),
        rtol=1e-15,
    )
    assert torch.allclose(
        circle((3, 4), (0, 0))(0.25)["w"],
        torch.tensor([[2.25, 3.0]], dtype=torch.float64),
        rtol=1e-15,
    )


def test_geodesic_stays_on_the_torus_at_constant_speed():
    start, end = point(0), point(1)
    path, torus = GeodesicPath(SPEC, start, end), Torus(SPEC)
    total = float(torus.distance(start, end))
    for t in (0.25, 0.5, 0.9):
        between = path(t)
        for rows in sphere_coordinates(SPEC, between).values():
            assert (torch.linalg.vector_norm(rows, dim=1) - 1).abs().max() < 1e-14
        assert math.isclose(float(torus.distance(start, between)), t * total, rel_tol=1e-12)
        assert math.isclose(float(torus.distance(between, end)), (1 - t) * total, rel_tol=1e-12)


def test_geodesic_moves_with_the_units():
    start, end = point(0), point(1)
    swap = random_element(SPEC, generator=stream("swap"), spread=0)
    moved = GeodesicPath(SPEC, act(SPEC, swap, start), act(SPEC, swap, end))(0.3)
    expected = act(SPEC, swap, GeodesicPath(SPEC, start, end)(0.3))
    assert all((moved[name] - expected[name]).abs().max() < 1e-14 for name in moved)


def test_tensors_on_no_sphere_are_linear_and_integers_are_the_first_points():
    start, end = point(0), point(1)
    spec = SPEC.exact()
    assert same(
        {"x": GeodesicPath(spec, start, end)(0.25)["4.weight"]},
        {"x": LinearPath(start, end)(0.25)["4.weight"]},
    )
    others = point(0, bias_in_norm=False), point(1, bias_in_norm=False)
    biases = GeodesicPath(spec, *others, bias_in_norm=False)(0.25)["0.bias"]
    assert torch.equal(biases, LinearPath(*others)(0.25)["0.bias"])
    start, end = start | {"batches": torch.tensor(7)}, end | {"batches": torch.tensor(9)}
    assert LinearPath(start, end)(GRID)["batches"].tolist() == [7] * len(GRID)
    assert GeodesicPath(spec, start, end)(GRID)["batches"].tolist() == [7] * len(GRID)
    start, end = (
        start | {"temperature": torch.tensor(1.0).double()},
        end | {"temperature": torch.tensor(3.0).double()},
    )
    assert GeodesicPath(spec, start, end)(0.25)["temperature"] == 1.5
    torch.testing.assert_close(GeodesicPath(spec, start, end)(GRID)["temperature"], 1 + 2 * GRID)
    torch.testing.assert_close(
        GeodesicPath(spec, start, end).factors("temperature", GRID),
        torch.stack([1 - GRID, GRID])[..., None],
    )
    many = stack([start, end]), stack([end, start])
    torch.testing.assert_close(
        GeodesicPath(spec, *many, stacked=True)(GRID)["temperature"],
        torch.stack([1 + 2 * GRID, 3 - 2 * GRID], 1),
    )


def test_antipodal_units_are_named():
    start, end = point(0), point(1)
    for unit in (1, 4):
        for name in ("2.weight", "2.bias"):
            end[name][unit] = -start[name][unit]
    with pytest.raises(SymgeomError, match=r"units \[1, 4\] of group 'hidden2' are antipodal"):
        GeodesicPath(SPEC, start, end)
    with pytest.raises(SymgeomError, match=r"units \[1, 4\] of group 'hidden2' are antipodal"):
        GeodesicPath(SPEC, stack([point(3), start]), stack([point(4), end]), stacked=True)


def test_mistakes():
    start, end = point(0), point(1)
    path = LinearPath(start, end)
    with pytest.raises(
        SymgeomError, match="at t from -0.1 to 0.5: a path runs from t = 0 to t = 1"
    ):
        path(torch.tensor([0.5, -0.1]))
    with pytest.raises(SymgeomError, match=r"at t of shape \(1, 1\)"):
        path(torch.zeros(1, 1))
    with pytest.raises(SymgeomError, match="through 1 networks: give at least two"):
        PolygonalPath([start])
    with pytest.raises(
        SymgeomError, match=r"point 1 of the path with its reference: tensors missing \['0.bias'\]"
    ):
        BezierPath([start, {name: tensor for name, tensor in end.items() if name != "0.bias"}])
    with pytest.raises(SymgeomError, match="group 'hidden3': leg on tensor '4.weight'"):
        GeodesicPath(mlp_spec(5, 7, 6, 4, 3), start, end)


def test_integer_buffers_without_axes_are_the_first_points():
    """Batch norms count their batches in a tensor without axes."""
    start, end = ({"w": torch.tensor([w]), "count": torch.tensor(int(w))} for w in (1.0, 3.0))
    assert same(LinearPath(start, end)(0.5), {"w": torch.tensor([2.0]), "count": torch.tensor(1)})
    stacked = LinearPath(start, end)(torch.tensor([0.0, 0.5]))
    assert same(stacked, {"w": torch.tensor([[1.0], [2.0]]), "count": torch.tensor([1, 1])})
    counted = {
        name: point(seed) | {"count": torch.tensor(seed)}
        for seed, name in enumerate(("start", "end"))
    }
    assert GeodesicPath(SPEC, **counted)(0.5)["count"] == 0


def test_masks_are_the_first_points():
    """Minus infinity times nothing is no number, and the ends of a path have no share of one."""
    mask = torch.tensor([0.0, -torch.inf], dtype=torch.float64)
    start, end = (point(seed) | {"mask": mask} for seed in (0, 1))
    torus = Torus(SPEC)
    for t in (0.0, 0.5, 1.0):
        for path in (LinearPath(start, end), GeodesicPath(SPEC, start, end)):
            assert torch.equal(path(t)["mask"], mask)
        assert torch.equal(torus.geodesic(start, end, t)["mask"], mask)
        shares = torch.tensor([1 - t, t])
        assert torch.equal(simplex_point(torus, [start, end], shares)["mask"], mask)
    assert torch.equal(LinearPath(start, end)(GRID)["mask"], mask.expand(len(GRID), 2))
    assert polygon_length([start, end]) == polygon_length([point(0), point(1)])


@pytest.mark.parametrize("kind", KINDS)
def test_one_pair_of_a_stacked_path(kind):
    triples = [[point(3 * pair + seed, torch.float32) for seed in range(3)] for pair in range(2)]
    together = paths([stack(networks) for networks in zip(*triples, strict=True)], stacked=True)[
        kind
    ]
    for index, networks in enumerate(triples):
        assert same(together.pair(index)(GRID), paths(networks)[kind](GRID))


@pytest.mark.parametrize("kind", KINDS)
def test_some_tensors_of_a_path_and_the_factors_of_its_points(kind):
    """The rows of a weight are combinations of the points' rows."""
    path = paths([point(seed) for seed in range(3)])[kind]
    everything = path(GRID)
    some = path.tensors(GRID, ["2.weight", "0.bias"])
    assert list(some) == ["2.weight", "0.bias"]
    assert all(torch.equal(some[name], everything[name]) for name in some)
    for name in ("0.weight", "2.weight", "2.bias"):
        factors, tensors = (
            path.factors(name, GRID),
            torch.stack([network[name] for network in path.points]),
        )
        axes = "ptr,prd->trd" if tensors.ndim == 3 else "ptr,pr->tr"
        combined = torch.einsum(axes, factors.expand(-1, -1, tensors.shape[1]), tensors)
        assert (combined - everything[name]).abs().max() < 1e-14


@pytest.mark.parametrize("kind", ["polygonal", "bezier"])
@pytest.mark.parametrize("bends", [1, 3])
def test_a_curve_begins_along_a_geodesic(kind, bends):
    geodesic = GeodesicPath(SPEC, point(0), point(1))
    curve = curve_along(geodesic, kind=kind, bends=bends)
    assert isinstance(curve, PolygonalPath if kind == "polygonal" else BezierPath)
    for j, found in enumerate(curve.points):
        assert same(found, geodesic(j / (bends + 1)))
    assert len(curve.points) == bends + 2
    with pytest.raises(SymgeomError, match="Unknown kind of curve 'spline'"):
        curve_along(geodesic, kind="spline")
    with pytest.raises(SymgeomError, match="a curve with 0 bends along a path: give at least one"):
        curve_along(geodesic, bends=0)


def test_lengths_on_the_torus():
    """A geodesic is as long as its ends are apart; a detour is longer; halves of a great circle
    add up."""
    start, end, torus = point(0), point(1), Torus(SPEC)
    geodesic = GeodesicPath(SPEC, start, end)
    for kind in ("rms", "riemannian"):
        apart = float(torus.distance(start, end, kind=kind))
        assert math.isclose(
            path_length(geodesic, torus=torus, kind=kind, samples=7), apart, rel_tol=1e-12
        )
        detour = [start, point(2), end]
        legs = [float(torus.distance(*pair, kind=kind)) for pair in (detour[:2], detour[1:])]
        assert math.isclose(
            polygon_length(detour, torus=torus, kind=kind), sum(legs), rel_tol=1e-15
        )
        assert sum(legs) > apart
    straight = LinearPath(
        start, end
    )  # between unit vectors: along the same great circles, at another speed
    assert math.isclose(
        path_length(straight, torus=torus, samples=3),
        path_length(geodesic, torus=torus),
        rel_tol=1e-12,
    )


def test_euclidean_lengths():
    """Integers have no length; a Bezier curve approaches the closed form of the arc of a
    parabola."""
    corners = [
        {"w": torch.tensor(w), "v": torch.tensor([0.0]), "count": torch.tensor(7)}
        for w in ([0.0, 0], [1.0, 0], [1.0, 1])
    ]
    assert polygon_length(corners) == 2
    assert path_length(PolygonalPath(corners), samples=5) == 2
    exact = 1 + math.asinh(1) / math.sqrt(2)  # integral of 2 sqrt((1 - t)^2 + t^2)
    errors = [
        exact - float(path_length(BezierPath(corners), samples=samples)) for samples in (17, 33)
    ]
    assert 0 < errors[1] < errors[0] / 3.9 < 1e-3
    chain = [
        {"w": torch.tensor(w)} for w in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 0.0])
    ]
    assert torch.allclose(
        bend_angles(chain), torch.tensor([math.pi / 2, 0, math.pi]).double(), atol=1e-15
    )
    for measure, match in (
        (polygon_length, "the length of a path of 1 points"),
        (bend_angles, "a chain of 1 points"),
    ):
        with pytest.raises(SymgeomError, match=match):
            measure(chain[:1])


def test_weights_of_a_bezier_curve_add_up():
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    for points in (2, 3, 6):
        assert torch.allclose(
            bezier_weights(t, points).sum(0), torch.ones(9, dtype=torch.float64), rtol=1e-14
        )


def test_studies_draw_geodesics_under_their_convention_for_biases():
    for bias_in_norm in (True, False):
        ends = point(0, bias_in_norm=bias_in_norm), point(1, bias_in_norm=bias_in_norm)
        drawn = geodesic_between(Torus(SPEC, bias_in_norm), ends)
        assert same(drawn(0.5), GeodesicPath(SPEC, *ends, bias_in_norm)(0.5))
    ends = point(0), point(1)
    for name in ("2.weight", "2.bias"):
        ends[1][name][1] = -ends[0][name][1]
    assert geodesic_between(Torus(SPEC), ends) is None
