import math

import pytest
import torch
from cases import mlp_spec, network

from symgeom.checks import SymgeomError
from symgeom.gauge import canonicalise
from symgeom.randomness import stream
from symgeom.spec import Leg, SymmetrySpec, UnitGroup
from symgeom.torus import Torus, sphere_coordinates, with_sphere_coordinates

WIDTHS = (5, 7, 6, 3)
SPEC = mlp_spec(*WIDTHS)
TORUS = Torus(SPEC)


def point(seed):
    return canonicalise(SPEC, network(*WIDTHS, seed=seed)).parameters


def single(*coordinates):
    """One unit on one sphere, and the torus it lives on."""
    return {"w": torch.tensor([coordinates], dtype=torch.float64)}


CIRCLE = Torus(SymmetrySpec((UnitGroup("hidden1", 1, (Leg("w", 0),)),)))


@pytest.mark.parametrize("theta", [0.0, 1e-9, 1e-4, 0.3, math.pi / 2, 3.0, math.pi - 1e-5, math.pi])
def test_angles_are_exact_from_coincident_to_antipodal(theta):
    measured = CIRCLE.distance(single(1.0, 0.0), single(math.cos(theta), math.sin(theta)))
    assert abs(float(measured) - theta) < 1e-15 + 1e-15 * theta + 2e-16 * (theta > 3)


def test_kinds_of_distance():
    angles = torch.cat(list(TORUS.angles(point(0), point(1)).values()))
    assert len(angles) == 7 + 6 + 1
    riemannian = TORUS.distance(point(0), point(1), kind="riemannian")
    assert math.isclose(riemannian, math.sqrt(sum(a**2 for a in angles.tolist())), rel_tol=1e-14)
    rms = TORUS.distance(point(0), point(1))
    assert math.isclose(rms, riemannian / math.sqrt(14), rel_tol=1e-14)


def test_metric_axioms():
    a, b, c = (point(seed) for seed in range(3))
    for kind in ("rms", "riemannian"):
        ab, bc, ac = (float(TORUS.distance(u, v, kind=kind)) for u, v in ((a, b), (b, c), (a, c)))
        assert float(TORUS.distance(b, a, kind=kind)) == ab
        assert float(TORUS.distance(a, a, kind=kind)) == 0
        assert ac <= ab + bc


def test_the_midpoint_is_equidistant_and_speed_constant():
    a, b = point(0), point(1)
    total = float(TORUS.distance(a, b))
    for t in (0.25, 0.5):
        between = TORUS.geodesic(a, b, t)
        assert math.isclose(float(TORUS.distance(a, between)), t * total, rel_tol=1e-12)
        assert math.isclose(float(TORUS.distance(between, b)), (1 - t) * total, rel_tol=1e-12)


def test_antipodal_points_have_no_geodesic():
    with pytest.raises(SymgeomError, match=r"Group 'hidden1': Cannot draw a geodesic.*spheres \[0\] are antipodal"):
        CIRCLE.geodesic(single(1.0, 0.0), single(-1.0, 0.0), 0.5)


def test_dropped_units_are_left_out_of_the_mean():
    a, b = point(0), point(1)
    b["0.weight"][2] = 0
    b["0.bias"][2] = 0
    angles = TORUS.angles(a, b)["hidden1"]
    assert angles.isnan().nonzero().flatten().tolist() == [2]
    kept = torch.cat(list(TORUS.angles(a, b).values()))
    assert math.isclose(float(TORUS.distance(a, b)), float(kept[~kept.isnan()].square().mean().sqrt()), rel_tol=1e-14)


def test_coordinates_round_trip_and_respect_the_bias_option():
    params = network(*WIDTHS)
    for inside, width in ((True, 6), (False, 5)):
        rows = sphere_coordinates(SPEC, params, bias_in_norm=inside)
        assert rows["hidden1"].shape == (7, width)
        empty = {name: torch.zeros_like(tensor) for name, tensor in params.items()}
        back = with_sphere_coordinates(SPEC, empty, rows, bias_in_norm=inside)
        assert torch.equal(back["0.weight"], params["0.weight"])
        assert torch.equal(back["0.bias"], params["0.bias"]) is inside


def test_random_points_sit_at_right_angles_on_average():
    torus = Torus(SymmetrySpec((UnitGroup("hidden1", 400, (Leg("w", 0),)),)))
    like = {"w": torch.ones(400, 50)}
    a, b = (torus.random_point(like, generator=stream("point", seed)) for seed in range(2))
    angles = torus.angles(a, b)["hidden1"]
    # The angle of two random directions in d dimensions has mean pi/2 and standard deviation close to 1/sqrt(d-1).
    assert abs(float(angles.mean()) - math.pi / 2) < 4 / math.sqrt(49 * 400)
    assert abs(float(angles.std()) * 7 - 1) < 0.15


def test_unknown_kind_and_other_architecture_are_refused():
    with pytest.raises(SymgeomError, match="Unknown kind of distance 'euclidean'"):
        TORUS.distance(point(0), point(1), kind="euclidean")
    with pytest.raises(SymgeomError, match="tensor '0.weight' has shape"):
        TORUS.distance(point(0), network(5, 8, 6, 3))
