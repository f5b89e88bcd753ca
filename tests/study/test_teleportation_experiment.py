"""Training with and without teleportation: the experiment, its claims and its figure."""

import numpy as np
import pytest
import scipy.stats
import torch
import xarray as xr
from drawn import draw, panel
from synthetic_dynamics import teleportation

from symgeom.neighbours.teleportation import OBJECTIVES
from symgeom.study.claims.evaluate import evaluate_model
from symgeom.study.experiments import teleportation as experiment
from symgeom.study.figures.style import ordered_looks


@pytest.fixture(scope="module")
def run():
    """The experiment with one rate, one bound and two draws, for six epochs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "RATES", (0.2,))
        patch.setattr(experiment, "BOUNDS", (0.5,))
        patch.setattr(experiment, "LEVEL", 1.6)
        return experiment.measure(48, 2)


def test_all_points_train_from_one_function_with_the_same_mini_batches(run):
    arrays, coordinates = run
    loss = arrays["loss"].values
    assert loss.shape == (5, 1, 1, 2, 7)
    before = experiment.EPOCHS_BEFORE
    np.testing.assert_allclose(loss[..., : before + 1], loss[:1, ..., : before + 1].repeat(5, 0))
    assert arrays["change"].values.max() < 1e-12
    assert (np.ptp(loss[..., -1], axis=0) > 1e-3).all()
    assert coordinates["point"].values == ["not moved", *OBJECTIVES, "random corner"]
    assert (arrays["at_bound"].values[-1] == 1).all()
    assert (arrays["at_bound"].values[0] == 0).all()


def test_networks_that_stay_train_as_if_nobody_had_moved_any(run):
    """Draw 1, trained alone, in two stages whose mini-batches are those of its streams."""
    digits = experiment.landscapes()
    start = experiment.start(digits.training, 1)
    stages = [(4, "order"), (2, "further order")]
    losses = []
    params = start
    for epochs, word in stages:
        generator = experiment.stream("teleportation", word, 1)
        result = experiment.trained(digits.training, [params], 0.2, epochs, [generator])
        params = {name: tensor[0] for name, tensor in result.parameters.items()}
        losses += result.loss[0, 1:].tolist()
    np.testing.assert_allclose(run[0]["loss"].values[0, 0, 0, 1, 1:], losses, rtol=1e-9)
    error = float(digits.test.error(params))
    assert run[0]["error"].values[0, 0, 0, 1] == pytest.approx(error)
    trace = experiment.trace(digits.training, params)
    assert run[0]["trace"].values[0, 0, 0, 1] == pytest.approx(trace)


def test_compute_is_epochs_and_search(run):
    arrays, _ = run
    spent = arrays["spent"].values
    batches = experiment.SAMPLES / experiment.SEARCHED
    assert (spent[[0, 4]] == 0).all()
    assert (spent[1] * batches == 1).all()  # one gradient of the searched samples
    assert (spent[2] * batches == 10).all()  # one for each class
    assert (spent[3] * batches > 10).all()
    assert (spent[3] * batches % 2 == 1).all()  # one, and two for each product
    loss = np.array([[3.0, 1.5, 1.0, 0.9, 0.8, 0.3, 0.1], [3.0] * 7, [3.0, 0.1, 1, 1, 1, 1, 1]])
    reached = experiment.reached(loss, np.array([0.5, 0.5, 0.5]))
    np.testing.assert_array_equal(reached, [6.5, np.nan, 1.0])


def test_a_random_corner_has_the_same_signs_at_every_bound():
    spec = experiment.landscapes().spec
    small, large = (experiment.random_corner(spec, bound, 0) for bound in (0.5, 1.0))
    for name, scales in small.scales.items():
        torch.testing.assert_close(scales**2, large.scales[name])
        assert set(scales.log().abs().unique().tolist()) == {0.5}


def interval(values: np.ndarray) -> tuple[float, float, float]:
    student = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return values.mean(), student.low, student.high


@pytest.mark.parametrize(
    ("identifier", "point", "other", "rates", "searched"),
    [
        ("T1", 1, 0, slice(1, 2), True),
        ("T1-rate", 1, 0, slice(None), True),
        ("T1-random", 1, 4, slice(1, 2), True),
        ("T1-straight", 3, 0, slice(None), True),
        ("T1-free", 3, 0, slice(None), False),
    ],
)
def test_compute_is_compared_draw_by_draw(identifier, point, other, rates, searched):
    arrays = teleportation(6)
    reached = arrays["reached"].values - (0 if searched else arrays["spent"].values)
    best = np.nanmin(reached[:, :, rates], axis=2)
    ratios = np.log2(best[point] / best[other]).mean(0)
    claims = {claim.identifier: claim for claim in evaluate_model("teleportation", arrays)}
    claim = claims[identifier]
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(interval(ratios))
    assert claim.unit_of_n == "draws"


def test_ends_are_compared_with_those_of_networks_that_stay():
    arrays = teleportation(6)
    claims = {claim.identifier: claim for claim in evaluate_model("teleportation", arrays)}
    error = 100 * arrays["error"].values.mean((1, 2))
    claim = claims["T2"]
    expected = interval(error[2] - error[0])
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(expected)
    trace = np.log2(arrays["trace"].values.mean(2))
    claim = claims["T2-trace"]
    expected = interval((trace[2] - trace[0]).mean(0))
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(expected)
    assert claims["T-outputs"].verdict == "supported"
    assert claims["T-outputs"].kind == "check"


def test_compute_is_drawn_by_rate_and_not_where_a_draw_does_not_get_there():
    arrays = teleportation()
    figure = draw("noise_teleportation", xr.DataTree.from_dict({"teleportation": arrays}))
    names = arrays["point"].values.tolist()
    axes = [axes for axes in figure.axes if axes.get_ylabel().startswith("compute")]
    axes = [*axes, panel(figure, "bound 1")]
    for number, of_bound in enumerate(axes):
        for row, name in enumerate(names):
            colour = ordered_looks(names)[name].colour
            (drawn,) = [line for line in of_bound.lines if line.get_color() == colour]
            expected = arrays["reached"].values[row, number].mean(1)
            np.testing.assert_allclose(drawn.get_ydata(), expected)
