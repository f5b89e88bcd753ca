import math

import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import cast, ravel
from symgeom.landscape.plane import Plane, error_map
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, sphere_coordinates

WIDTHS = (5, 7, 6, 3)
SPEC = mlp_spec(*WIDTHS)


def three(dtype=torch.float64):
    return [cast(network(*WIDTHS, seed=seed), dtype) for seed in range(3)]


class Bowl(nn.Module):
    """The squared distance from a place: as loss, and wrong outside of radius 1."""

    def __init__(self, place):
        super().__init__()
        self.v, self.w = (nn.Parameter(torch.zeros_like(part)) for part in (place[:2], place[2:]))
        self.place = place

    def forward(self, inputs):
        squared = (torch.cat([self.v, self.w]) - self.place).square().sum()
        return torch.stack([squared - 1, torch.zeros_like(squared)]).expand(len(inputs), 2)


def bowl(place, loss=lambda outputs, _: outputs[:, 0] + 1):
    return Problem(
        Bowl(place),
        torch.zeros(2, 1, dtype=torch.float64),
        torch.ones(2, dtype=torch.int64),
        sample_loss=loss,
    )


CORNERS = torch.tensor(
    [[1.0, 2.0, 0.5, -1.0], [4.0, 2.5, 0.0, 1.0], [-1.0, 0.0, 3.0, 0.25]], dtype=torch.float64
)


def corners():
    return [{"v": corner[:2], "w": corner[2:]} for corner in CORNERS]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_three_networks_are_at_their_places_exactly(dtype):
    networks = three(dtype)
    plane = Plane(*networks)
    for place, expected in zip(plane.places.tolist(), networks, strict=True):
        found = plane(*place)
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_coordinates_are_displacements():
    networks = three()
    plane, a = Plane(*networks), ravel(networks[0])
    axes = [ravel(plane(*place)) - a for place in ((1.0, 0.0), (0.0, 1.0))]
    gram = torch.stack(axes) @ torch.stack(axes).T
    assert torch.allclose(gram, torch.eye(2).double(), rtol=0, atol=1e-13)
    towards = ravel(networks[1]) - a
    assert torch.allclose(axes[0], towards / towards.norm(), rtol=0, atol=1e-14)
    assert axes[1] @ (ravel(networks[2]) - a) > 0
    for x, y in ((0.3, -2.0), (5.0, 1.0)):
        assert torch.allclose(ravel(plane(x, y)) - a, x * axes[0] + y * axes[1], rtol=0, atol=1e-13)


@pytest.mark.parametrize("lowest", [0, 1, 2, None])
def test_a_quadratic_is_a_quadratic_of_the_coordinates_column_by_column(lowest):
    """Around each of the three, and around a place off the plane."""
    place = (
        CORNERS[lowest]
        if lowest is not None
        else torch.tensor([0.2, 1.0, 0.7, 2.0], dtype=torch.float64)
    )
    plane = Plane(*corners())
    found = error_map(bowl(place), plane, points=7, margin=0.3)
    a, b, c = CORNERS
    first = (b - a) / (b - a).norm()
    second = torch.linalg.qr(torch.stack([b - a, c - a], dim=1)).Q[:, 1]
    second = second * torch.sign(second @ (c - a))
    x0, y0 = float((place - a) @ first), float((place - a) @ second)
    off = float((place - a).square().sum()) - x0**2 - y0**2
    for row, y in enumerate(found.y.tolist()):
        for column, x in enumerate(found.x.tolist()):
            squared = (x - x0) ** 2 + (y - y0) ** 2 + off
            assert math.isclose(found.loss[row, column], squared, rel_tol=1e-12, abs_tol=1e-12)
            assert found.error[row, column] == (squared >= 1)
    corner = [float((corner - place).square().sum()) for corner in CORNERS]
    assert found.place_loss.tolist() == pytest.approx(corner, rel=1e-14)
    assert torch.equal(found.place_error, (found.place_loss >= 1).double())
    if lowest is not None:
        assert found.place_loss[lowest] == 0
        nearest = [
            (axis - at).abs().argmin()
            for axis, at in zip((found.y, found.x), (y0, x0), strict=True)
        ]
        assert found.loss[tuple(nearest)] == found.loss.min()


def test_the_grid_reaches_beyond_the_networks_on_every_side():
    plane = Plane(*corners())
    found = error_map(bowl(CORNERS[0]), plane, points=5, margin=0.5)
    for axis, column in ((found.x, 0), (found.y, 1)):
        low, high = float(plane.places[:, column].min()), float(plane.places[:, column].max())
        assert axis.tolist() == pytest.approx(
            torch.linspace(1.5 * low - 0.5 * high, 1.5 * high - 0.5 * low, 5).tolist(), rel=1e-6
        )


def test_what_is_not_a_number_stays_so_and_nothing_is_added():
    def loss(outputs, _):
        return (4 - outputs[:, 0]).log()  # defined within a radius

    first, again = (
        error_map(bowl(CORNERS[0], loss), Plane(*corners()), points=9) for _ in range(2)
    )
    squared = error_map(bowl(CORNERS[0]), Plane(*corners()), points=9).loss
    assert torch.equal(first.loss.isnan(), squared > 5)
    assert torch.equal(first.error.isnan(), squared > 5)
    assert 0 < first.loss.isnan().sum() < 81
    for name in ("loss", "error", "x", "y", "place_loss"):
        assert torch.equal(getattr(first, name).nan_to_num(7), getattr(again, name).nan_to_num(7))


def test_a_map_is_the_landscape_of_the_networks():
    problem, plane = Problem(mlp(*WIDTHS), *batch(31, 5, 3)), Plane(*three())
    found = error_map(problem, plane, points=4)
    for row, y in enumerate(found.y.tolist()):
        for column, x in enumerate(found.x.tolist()):
            assert found.loss[row, column] == problem.loss(plane(x, y))
            assert found.error[row, column] == problem.error(plane(x, y))
    assert found.place_error.tolist() == [problem.error(network) for network in three()]
    assert found.batch_norm is None


def test_buffers_are_combined_but_not_measured():
    networks = [
        corner | {"mean": torch.full((1,), float(k)), "count": torch.tensor(k)}
        for k, corner in enumerate(corners())
    ]
    plane = Plane(*networks, tensors=("v", "w"))
    assert torch.equal(plane.places, Plane(*corners()).places)
    middle = plane.places.mean(0)
    assert torch.allclose(plane(*middle.tolist())["mean"], torch.tensor([1.0]))
    assert plane(*middle.tolist())["count"] == 0


def test_units_put_back_on_their_spheres():
    """Directions of the flat plane; unit length, the geometric mean for heads of different
    lengths; dropped units stay zero."""
    networks = []
    for seed, length in ((0, 1.0), (1, 2.0), (2, 4.0)):
        params = network(*WIDTHS, seed=seed)
        for name, axis in (("0.weight", 0), ("0.bias", 0), ("2.weight", 1)):
            params[name].select(axis, 3).zero_()
        params = canonicalise(SPEC, params, dead_units="drop").parameters
        networks.append(params | {name: length * params[name] for name in ("4.weight", "4.bias")})
    flat, plane = Plane(*networks), Plane(*networks, torus=Torus(SPEC))
    middle = plane.places.mean(0).tolist()
    for name, rows in sphere_coordinates(SPEC, plane(*middle)).items():
        length = torch.full((len(rows),), 2.0 if name == "head" else 1.0, dtype=torch.float64)
        if name == "hidden1":
            length[3] = 0
        assert torch.allclose(rows.norm(dim=1), length, rtol=1e-12)
        straight = sphere_coordinates(SPEC, flat(*middle))[name]
        assert torch.allclose(
            rows * straight.norm(dim=1, keepdim=True),
            straight * length.unsqueeze(1),
            rtol=0,
            atol=1e-14,
        )
    for place, expected in zip(plane.places.tolist(), networks, strict=True):
        assert torch.allclose(ravel(plane(*place)), ravel(expected), rtol=0, atol=1e-14)


def test_mistakes():
    a, b, c = corners()
    for third in (a, b, {name: 0.25 * a[name] + 0.75 * b[name] for name in a}):
        with pytest.raises(
            SymgeomError, match="Cannot draw a plane through three networks on a line"
        ):
            Plane(a, b, third)
    with pytest.raises(SymgeomError, match="Cannot draw a plane through three networks on a line"):
        Plane(a, a, c)
    with pytest.raises(
        SymgeomError, match="the third network of the plane with its reference: tensors missing"
    ):
        Plane(a, b, {"v": c["v"]})
    with pytest.raises(
        SymgeomError, match="the second network of the plane: tensor 'v' holds 2 values"
    ):
        Plane(a, b | {"v": b["v"] * math.nan}, c)
    with pytest.raises(SymgeomError, match="a map with 1 points per axis and a margin of 0.2"):
        error_map(bowl(CORNERS[0]), Plane(a, b, c), points=1)
    with pytest.raises(SymgeomError, match="a margin of -1"):
        error_map(bowl(CORNERS[0]), Plane(a, b, c), margin=-1)
