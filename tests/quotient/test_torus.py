import math

import pytest
import torch
from cases import mlp_spec, network

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import stack
from symgeom.landscape.path import GeodesicPath
from symgeom.quotient.alignment import align
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import (
    Torus,
    shared_entries,
    sphere_coordinates,
    sphere_legs,
    with_sphere_coordinates,
)
from symgeom.symmetry.group import act, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

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
    with pytest.raises(
        SymgeomError, match=r"Group 'hidden1': .*the points of spheres \[0\] are antipodal"
    ):
        CIRCLE.geodesic(single(1.0, 0.0), single(-1.0, 0.0), 0.5)


def test_lengths_in_between_are_geometric_and_a_unit_that_is_zero_at_one_end_grows_linearly():
    head = Torus(SymmetrySpec((UnitGroup("head", 1, (Leg("w", 0),), exact_for="error"),)))
    start, end = single(2.0, 0.0), single(0.0, 18.0)
    middle = head.geodesic(start, end, 0.5)["w"]
    torch.testing.assert_close(middle, torch.tensor([[1.0, 1.0]]).double() * 6 / math.sqrt(2))
    assert torch.equal(head.geodesic(start, end, 0.0)["w"], start["w"])
    assert torch.equal(head.geodesic(single(0.0, 0.0), end, 0.25)["w"], end["w"] / 4)


def test_raw_copies_of_one_network_have_no_distance():
    """A scale of one layer is a factor of single coordinates of the next."""
    raw = network(*WIDTHS)
    exact = SPEC.exact()
    copy = act(exact, random_element(exact, generator=stream("copy"), spread=1.0), raw)
    message = "the second network: units .* of group 'hidden1' have lengths from .* to .*, where"
    for measure in (TORUS.distance, TORUS.group_distances, lambda a, b: TORUS.geodesic(a, b, 0.5)):
        with pytest.raises(SymgeomError, match=message):
            measure(point(0), copy)
    with pytest.raises(SymgeomError, match="the start of the path: units .* canonicalise"):
        GeodesicPath(SPEC, raw, point(0))
    with pytest.raises(SymgeomError, match="the end of the path: units .* canonicalise"):
        GeodesicPath(SPEC, stack([point(0), point(1)]), stack([point(0), raw]), stacked=True)
    turned = canonicalise(SPEC, copy).parameters
    aligned = act(SPEC, align(SPEC, point(0), turned).element, turned)
    assert TORUS.distance(canonicalise(SPEC, raw).parameters, aligned) < 1e-7


def test_tensors_on_no_sphere_are_interpolated_linearly_and_counters_kept():
    ends = [
        single(1.0, 0.0) | {"slope": torch.tensor(a), "steps": torch.tensor(n)}
        for a, n in ((1.0, 3), (3.0, 9))
    ]
    between = CIRCLE.geodesic(*ends, 0.25)
    assert float(between["slope"]) == 1.5
    assert int(between["steps"]) == 3


def test_group_distances_are_the_distances_of_groups_alone():
    found = TORUS.group_distances(point(0), point(1))
    assert list(found) == ["hidden1", "hidden2", "head"]
    for group in SPEC.groups:
        alone = Torus(SymmetrySpec((group,))).distance(point(0), point(1))
        assert math.isclose(found[group.name], alone, rel_tol=1e-14)
    whole = sum(float(found[group.name]) ** 2 * group.size for group in SPEC.groups) / 14
    assert math.isclose(math.sqrt(whole), TORUS.distance(point(0), point(1)), rel_tol=1e-14)


def test_groups_without_any_direction_have_no_distance():
    empty = point(0) | {"0.weight": torch.zeros(7, 5).double(), "0.bias": torch.zeros(7).double()}
    found = TORUS.group_distances(empty, point(1))
    assert found["hidden1"].isnan()
    assert found["hidden2"].isfinite()
    assert Torus(SymmetrySpec(())).distance(empty, point(1)).isnan()


def test_dropped_units_are_left_out_of_the_mean():
    a, b = point(0), point(1)
    b["0.weight"][2] = 0
    b["0.bias"][2] = 0
    angles = TORUS.angles(a, b)["hidden1"]
    assert angles.isnan().nonzero().flatten().tolist() == [2]
    kept = torch.cat(list(TORUS.angles(a, b).values()))
    assert math.isclose(
        float(TORUS.distance(a, b)),
        float(kept[~kept.isnan()].square().mean().sqrt()),
        rel_tol=1e-14,
    )


def test_coordinates_round_trip_and_respect_the_bias_option():
    params = network(*WIDTHS)
    for inside, width in ((True, 6), (False, 5)):
        rows = sphere_coordinates(SPEC, params, bias_in_norm=inside)
        assert rows["hidden1"].shape == (7, width)
        empty = {name: torch.zeros_like(tensor) for name, tensor in params.items()}
        back = with_sphere_coordinates(SPEC, empty, rows, bias_in_norm=inside)
        assert torch.equal(back["0.weight"], params["0.weight"])
        assert torch.equal(back["0.bias"], params["0.bias"]) is inside


def test_an_entry_that_two_groups_scale_is_a_coordinate_of_the_later_one():
    """The bias of a depthwise filter: it follows the scales before and after the filter."""
    groups = (
        UnitGroup("hidden1", 2, (Leg("0.weight", 0), Leg("2.bias", 0), Leg("4.weight", 1, -1))),
        UnitGroup(
            "hidden1.scale1",
            2,
            (Leg("2.weight", 0), Leg("2.bias", 0), Leg("4.weight", 1, -1)),
            permute=False,
        ),
    )
    params = {
        "0.weight": torch.ones(2, 3),
        "2.weight": torch.ones(2, 4),
        "2.bias": torch.ones(2),
        "4.weight": torch.ones(1, 2),
    }
    legs = sphere_legs(SymmetrySpec(groups), params)
    assert {name: [leg.tensor for leg in found] for name, found in legs.items()} == {
        "hidden1": ["0.weight"],
        "hidden1.scale1": ["2.weight", "2.bias"],
    }


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (Leg("w", 1), True),
        (Leg("v", 0), False),
        (Leg("w", 0, start=5), True),
        (Leg("w", 0, start=6), False),
        (Leg("w", 1, region=((0, 6, 9),)), False),
        (Leg("w", 1, region=((0, 5, 9),)), True),
        (Leg("w", 0, region=((1, 4, 8),)), False),
    ],
)
def test_shared_entries(other, shared):
    """Against a leg of the entries 0 to 5 of the first axis and 0 to 3 of the second."""
    leg = Leg("w", 0, block=2, region=((1, 0, 4),))
    assert shared_entries(leg, 3, other, 2) is shared
    assert shared_entries(other, 2, leg, 3) is shared


def test_a_bias_counts_where_there_is_nothing_else_and_a_norm_weight_always():
    norm = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("1.weight", 0), Leg("1.bias", 0))),))
    params = {"1.weight": torch.ones(2), "1.bias": torch.zeros(2)}
    assert [leg.tensor for leg in sphere_legs(norm, params, bias_in_norm=False)["hidden1"]] == [
        "1.weight"
    ]
    bare = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("1.bias", 0),)),))
    assert [leg.tensor for leg in sphere_legs(bare, params, bias_in_norm=False)["hidden1"]] == [
        "1.bias"
    ]


def test_random_points_sit_at_right_angles_on_average():
    torus = Torus(SymmetrySpec((UnitGroup("hidden1", 400, (Leg("w", 0),)),)))
    like = {"w": torch.ones(400, 50)}
    a, b = (torus.random_point(like, generator=stream("point", seed)) for seed in range(2))
    angles = torus.angles(a, b)["hidden1"]
    # The angle of two random directions in d dimensions has mean pi/2 and standard deviation close
    # to 1/sqrt(d-1).
    assert abs(float(angles.mean()) - math.pi / 2) < 4 / math.sqrt(49 * 400)
    assert abs(float(angles.std()) * 7 - 1) < 0.15


def test_random_points_have_the_idle_units_of_the_network_that_they_stand_for():
    """In its place a control has as few units to be matched; other points stay what they were."""
    like = point(0)
    drawn = TORUS.random_point(like, generator=stream("idle"))
    for name, axis in (("0.weight", 0), ("0.bias", 0), ("2.weight", 1)):
        like[name] = like[name].clone()
        like[name].select(axis, 2).zero_()
    control = TORUS.random_point(like, generator=stream("idle"))
    others = torch.arange(like["0.bias"].numel()) != 2
    assert not control["0.weight"][2].any()
    assert not control["0.bias"][2].any()
    assert not control["2.weight"][:, 2].any()
    assert torch.equal(control["0.weight"][others], drawn["0.weight"][others])
    read = torch.cat([drawn["2.weight"][:, others], drawn["2.bias"].unsqueeze(1)], 1)
    expected = read[:, :-1] / read.norm(dim=1, keepdim=True)
    torch.testing.assert_close(control["2.weight"][:, others], expected, rtol=1e-12, atol=0)


def test_unknown_kind_and_other_architecture_are_refused():
    with pytest.raises(SymgeomError, match="Unknown kind of distance 'euclidean'"):
        TORUS.distance(point(0), point(1), kind="euclidean")
    for measure in (TORUS.distance, TORUS.group_distances, lambda a, b: TORUS.geodesic(a, b, 0.5)):
        with pytest.raises(SymgeomError, match="tensor '0.weight' has shape"):
            measure(point(0), network(5, 8, 6, 3))


def test_distances_of_stacked_networks_are_those_of_each():
    networks = stack([point(0), point(1)])
    other = point(2)
    together = torch.vmap(lambda network: TORUS.distance(network, other))(networks)
    alone = [TORUS.distance(point(seed), other) for seed in (0, 1)]
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-14, atol=0)
