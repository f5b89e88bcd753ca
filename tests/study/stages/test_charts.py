"""Charts of the valley: one loss along every orbit, and traces that are those of the networks."""

import numpy as np
import pytest
import torch
import xarray as xr
from references import dense_hessian
from tiny_study import TinyStudy, real_study

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre import move_to_point, unsigned, walk_fibre
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import cast
from symgeom.landscape.path import GeodesicPath
from symgeom.study.pairs import Pair
from symgeom.study.stages import charts

OPTIONS = {"imbalances": [-1, 0, 2], "chart_points": 3, "samples": 40}
PAIR = ("sgd", 0, "sgd", 1)
LOST = ("wild", 0, "wild", 1)


def chart(study: TinyStudy, pairs: list[Pair]) -> xr.Dataset:
    return charts.measure(study.case, study.gauges, pairs=pairs, options=OPTIONS)


@pytest.fixture(scope="module")
def charted(tiny: TinyStudy) -> xr.Dataset:
    return chart(tiny, [PAIR, LOST])


def trace_of(tiny: TinyStudy, network: dict[str, torch.Tensor]) -> float:
    """Return the trace of the Hessian, which is written out."""
    problem = tiny.case.problems("float64", samples=40)["train"]
    return float(torch.trace(dense_hessian(problem.loss, network)))


def test_along_the_imbalance_the_function_does_not_change(charted):
    of_pair = charted.isel(pair=0)
    loss, error = of_pair["loss"], of_pair["error"]
    np.testing.assert_allclose(loss, loss.isel(imbalance=[0] * 3).values, rtol=1e-13)
    np.testing.assert_array_equal(error, error.isel(imbalance=[0] * 3).values)
    assert float(loss.isel(imbalance=0).std()) > 1e-3
    assert float(of_pair["trace"].std("imbalance").min()) > 1e-3


@pytest.mark.parametrize(("row", "column"), [(0, 2), (1, 0), (2, 1)])
def test_traces_are_those_of_the_networks_that_were_moved_there(tiny, charted, row, column):
    ends = tiny.gauges.ends_as_trained(PAIR)
    path = GeodesicPath(tiny.spec, *ends)
    where = charted.isel(pair=0, t=row, imbalance=column)
    (moved,) = walk_fibre(tiny.spec, path(float(where["t"])), [float(where["imbalance"])])
    assert float(where["trace"]) == pytest.approx(trace_of(tiny, moved), rel=1e-9)


def test_the_ends_are_the_networks_that_were_trained(tiny, charted):
    problem = tiny.case.problems("float64", samples=40)["train"]
    for end, seed in ((0, 0), (-1, 1)):
        network = cast(tiny.minima.networks["sgd", seed], torch.float64)
        here = charted.isel(pair=0, t=end)
        loss = float(problem.loss(network))
        np.testing.assert_allclose(here["loss"], loss, rtol=1e-12)
        trained = here.sel(point="trained")
        assert float(trained["point_trace"]) == pytest.approx(trace_of(tiny, network), rel=1e-9)
        flattest, _ = move_to_point(tiny.spec, problem, network, "flattest")
        least = float(here["point_trace"].sel(point="flattest"))
        assert least == pytest.approx(trace_of(tiny, flattest), rel=1e-9)
        (balanced,) = walk_fibre(tiny.spec, network, [0.0])
        sizes = torch.cat(list(charges(unsigned(tiny.spec), balanced).values()))
        of_units = torch.cat(list(charges(tiny.spec, network).values())) / sizes
        middle = float(of_units.median())
        assert float(trained["point_imbalance"]) == pytest.approx(middle, rel=1e-9)


def test_points_are_where_their_names_say(charted):
    of_pair = charted.isel(pair=0)
    traces = of_pair["point_trace"]
    assert (traces.sel(point="flattest") <= traces * (1 + 1e-12)).all()
    assert (traces.sel(point="flattest") < of_pair["trace"].min("imbalance")).all()
    balanced = of_pair.sel(point="balanced")
    np.testing.assert_allclose(balanced["point_imbalance"], 0, atol=1e-12)


def test_charts_say_what_they_are(charted):
    assert list(charted) == list(charts.MEASURES)
    assert charted["trace"].dims == ("pair", "t", "imbalance")
    assert charted["trace"].attrs["long_name"] == "trace of the Hessian of the training loss"
    np.testing.assert_allclose(charted["imbalance"][[0, -1]], [-1, 2])
    assert charted["point"].values.tolist() == ["trained", "balanced", "noise", "flattest"]
    assert charted.attrs["undefined"] == []
    for array in charted.data_vars.values():
        assert array.isel(pair=1).isnull().all()


def test_networks_without_positive_scales_have_no_chart(signs: TinyStudy, tmp_path):
    for study in (signs, real_study(tmp_path, "tanh")):
        assert list(chart(study, [PAIR])) == []


def test_a_pair_that_cannot_be_moved_is_named(tiny: TinyStudy, monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object) -> None:
        raise SymgeomError("no scales lead there")

    monkeypatch.setattr(charts, "walk_elements", refuse)
    assert chart(tiny, [PAIR]).attrs["undefined"] == ["sgd/0 to sgd/1"]


def test_a_pair_without_a_geodesic_is_named(tiny: TinyStudy):
    canonical = dict(tiny.gauges.canonical)
    turned = {name: tensor.clone() for name, tensor in canonical["sgd", 0].items()}
    for name in ("0.weight", "0.bias"):
        turned[name][0] *= -1
    canonical["sgd", 1] = turned
    gauges = tiny.gauges_of(canonical)
    dataset = charts.measure(tiny.case, gauges, pairs=[PAIR], options=OPTIONS)
    assert dataset.attrs["undefined"] == ["sgd/0 to sgd/1"]
    assert dataset["trace"].isnull().all()
