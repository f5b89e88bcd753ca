"""Planes through three minima."""

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_study import TinyStudy

from symgeom.study.stages import maps
from symgeom.symmetry.group import act

TRIPLE = (("sgd", 0, "sgd", 1), ("sgd", 0, "adam", 0))
DIVERGED = (("sgd", 0, "sgd", 1), ("sgd", 0, "wild", 0))


def options_of(study: TinyStudy, **changes: object) -> dict:
    return study.options["maps"] | {"precision": "float64", "samples": None, **changes}


@pytest.fixture(scope="module")
def mapped(tiny: TinyStudy) -> xr.Dataset:
    planes = [TRIPLE, DIVERGED]
    return maps.measure(tiny.case, tiny.gauges, planes=planes, options=options_of(tiny))


def corners(study: TinyStudy) -> list[dict[str, torch.Tensor]]:
    """Return the three networks by hand: heads of one length, the others aligned to the first."""
    keys = [("sgd", 0), ("sgd", 1), ("adam", 0)]
    lengths = []
    for arm, seed in keys:
        lengths.append(study.canonical["head_length"].sel(arm=arm, seed=seed).item())
    mean = np.prod(lengths) ** (1 / 3)
    networks = []
    for key in keys:
        network = dict(study.gauges.canonical[key])
        for name in ("4.weight", "4.bias"):
            network[name] = network[name] * mean
        networks.append(network)
    for number, pair in enumerate(TRIPLE, start=1):
        networks[number] = act(study.spec, study.aligned()[pair], networks[number])
    return networks


def test_minima_lie_where_their_distances_put_them(tiny: TinyStudy, mapped):
    first, second, third = corners(tiny)
    to_second = torch.cat([(second[name] - first[name]).flatten() for name in first])
    to_third = torch.cat([(third[name] - first[name]).flatten() for name in first])
    places = mapped["places"].isel(plane=0).values
    np.testing.assert_allclose(places[0], [0, 0], atol=1e-12)
    np.testing.assert_allclose(places[1], [to_second.norm(), 0], atol=1e-9)
    assert places[2, 1] > 0
    along = (to_third @ to_second / to_second.norm()).item()
    assert places[2, 0] == pytest.approx(along, abs=1e-9)
    assert np.linalg.norm(places[2]) == pytest.approx(to_third.norm().item(), rel=1e-9)


def test_the_landscape_is_that_of_the_points_of_the_plane(tiny: TinyStudy, mapped):
    first, second, third = corners(tiny)
    problem = tiny.case.problems("float64")["train"]
    plane = mapped.isel(plane=0)
    (_, (length, _), (along, above)) = plane["places"].values
    for row, column in ((0, 0), (2, 3), (4, 1)):
        b = plane["y"].values[row] / above
        a = (plane["x"].values[column] - b * along) / length
        point = {}
        for name, tensor in first.items():
            point[name] = tensor + a * (second[name] - tensor) + b * (third[name] - tensor)
        assert plane["loss"][row, column].item() == pytest.approx(problem.loss(point).item())
        assert plane["error"][row, column].item() == pytest.approx(problem.error(point).item())


def test_a_plane_through_a_network_that_diverged_is_not_a_number(mapped):
    for array in mapped.data_vars.values():
        assert array.isel(plane=1).isnull().all()
        assert array.isel(plane=0).notnull().all()


def test_vertices_are_named(mapped):
    assert mapped["vertex_arm"].values.tolist() == [["sgd", "sgd", "adam"], ["sgd", "sgd", "wild"]]
    assert mapped["vertex_seed"].values.tolist() == [[0, 1, 0], [0, 1, 0]]


def test_projected_points_have_units_of_length_one(tiny: TinyStudy, mapped):
    """Projection changes what lies between the minima, and not where they lie."""
    options = options_of(tiny, project=True)
    projected = maps.measure(tiny.case, tiny.gauges, planes=[TRIPLE], options=options)
    np.testing.assert_array_equal(projected["places"][0], mapped["places"][0])
    assert not np.allclose(projected["loss"][0], mapped["loss"][0])


def test_binary_networks_are_mapped_by_their_latent_weights(signs: TinyStudy):
    options = options_of(signs, project=True)
    triple = (("sgd", 0, "sgd", 1), ("sgd", 0, "adam", 0))
    mapped = maps.measure(signs.case, signs.gauges, planes=[triple], options=options)
    first = signs.gauges.raw["sgd", 0]
    row = signs.canonical.sel(arm="sgd", seed=0)
    assert np.isfinite(mapped["error"]).all()
    assert first["0.weight"].abs().unique().numel() > 1
    assert set(np.unique(row["sign_hidden1"])) <= {-1.0, 1.0}
    assert mapped["places"].values[0, 1, 0] != pytest.approx(0)


def test_no_planes_are_arrays_without_entries(tiny: TinyStudy):
    empty = maps.measure(tiny.case, tiny.gauges, planes=[], options=options_of(tiny))
    assert set(empty) == set(maps.MAPS)
    assert empty["error"].sizes["plane"] == 0
    assert empty["vertex_arm"].shape == (0, 3)


def test_maps_say_what_they_are(mapped):
    assert mapped["error"].dims == ("plane", "row", "column")
    assert mapped["places"].dims == ("plane", "vertex", "axis")
    assert mapped["loss"].attrs["units"] == "nat"
    assert mapped["x"].attrs["units"] == "weight"
    assert mapped["error"].dtype == np.float64
    assert mapped.attrs["project"] == "False"
