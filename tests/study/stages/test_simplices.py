"""Errors in the middle of several minima."""

import numpy as np
import pytest
import torch
from tiny_study import TinyStudy

from symgeom.quotient.torus import Torus
from symgeom.study.stages import simplices
from symgeom.symmetry.group import act

OPTIONS = {"sizes": [2, 3], "seeds": 2, "samples": None, "precision": "float64"}
TWO = [("sgd", (0, 1)), ("adam", (0, 1)), ("wild", (0, 1))]


def corners(study: TinyStudy) -> list[dict]:
    """Return two networks of an arm, the second aligned to the first."""
    pair = ("sgd", 0, "sgd", 1)
    first, second = (study.gauges.canonical["sgd", seed] for seed in (0, 1))
    return [first, act(study.spec, study.gauges.elements[pair], second)]


def test_the_middle_of_two_is_that_of_their_geodesic(tiny: TinyStudy):
    first, second = corners(tiny)
    middle = simplices.barycentre(tiny.torus, [first, second])
    geodesic = tiny.torus.geodesic(first, second, 0.5)
    for name in geodesic:
        torch.testing.assert_close(middle[name], geodesic[name].to(middle[name].dtype))


def test_the_middle_does_not_depend_on_the_order_and_lies_on_the_torus(tiny: TinyStudy):
    three = [*corners(tiny), tiny.gauges.canonical["adam", 0]]
    one = simplices.barycentre(tiny.torus, three)
    other = simplices.barycentre(tiny.torus, three[::-1])
    assert float(tiny.torus.distance(one, other)) == pytest.approx(0, abs=1e-7)
    rows = torch.cat([one["0.weight"], one["0.bias"][:, None]], 1)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(rows)).double())
    sums = sum(torch.cat([end["0.weight"], end["0.bias"][:, None]], 1) for end in three)
    torch.testing.assert_close(rows, sums / sums.norm(dim=1, keepdim=True))


def test_the_middle_of_a_network_and_itself_is_it(tiny: TinyStudy):
    network = tiny.gauges.canonical["sgd", 0]
    middle = simplices.barycentre(Torus(tiny.spec), [network] * 4)
    for name in network:
        torch.testing.assert_close(middle[name], network[name].to(middle[name].dtype))


def test_errors_are_those_of_the_middle_and_of_the_vertices(tiny: TinyStudy):
    measured = simplices.measure(tiny.case, tiny.gauges, simplices=TWO, options=OPTIONS)
    problems = tiny.case.problems("float64")
    middle = tiny.torus.geodesic(*corners(tiny), 0.5)
    for split, problem in problems.items():
        of_split = measured.sel(split=split).isel(simplex=0)
        assert of_split["centre_error"].item() == float(problem.error(middle))
        ends = [float(problem.error(tiny.gauges.canonical["sgd", seed])) for seed in (0, 1)]
        assert of_split["vertex_error"].item() == pytest.approx(np.mean(ends))
    wild = measured["simplex_arm"] == "wild"
    assert measured["centre_error"][wild.values].isnull().all()
    assert measured["centre_error"][~wild.values].notnull().all()


def test_simplices_say_what_they_are(tiny: TinyStudy):
    several = [*TWO[:1], ("sgd", (0, 1, 1))]
    measured = simplices.measure(tiny.case, tiny.gauges, simplices=several, options=OPTIONS)
    assert measured["simplex_seed"].values.tolist() == [[0, 1, -1], [0, 1, 1]]
    assert measured["vertices"].values.tolist() == [2, 3]
    assert measured.attrs["samples"] is None
    nothing = simplices.measure(tiny.case, tiny.gauges, simplices=[], options=OPTIONS)
    assert nothing["centre_error"].shape == (0, 2)


def test_networks_of_signs_have_no_middle(signs: TinyStudy):
    measured = simplices.measure(signs.case, signs.gauges, simplices=TWO[:1], options=OPTIONS)
    assert measured["centre_error"].isnull().all()
