"""Claims about paths of charges and points of orbits: their numbers follow from made-up arrays."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from symgeom.study.claims.evaluate import evaluate_model
from symgeom.study.claims.record import Judgement

DESCENTS = ["SGD", "SGD, decay", "full batches", "SGD, no label noise", "Adam"]
CAUSES = ["weight_decay", "noise", "discretisation", "optimizer"]
POINTS = ["fresh", "equal lengths", "noise equilibrium", "smallest trace", "after warm-up"]
DRAWS = 6
RANDOM = np.random.default_rng(3)


def judged(stage: str, arrays: xr.Dataset) -> dict[str, Judgement]:
    return {claim.identifier: claim for claim in evaluate_model(stage, arrays)}


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean of the draws, and Student's interval."""
    student = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return values.mean(), student.low, student.high


def numbers(claim: Judgement) -> tuple[float, float, float]:
    return claim.estimate, claim.low, claim.high


def flow() -> xr.Dataset:
    """Measured changes are 1.05 times the predicted ones; full batches and clean labels rest."""
    shape = (len(DESCENTS), DRAWS, 3, len(CAUSES), 4)
    booked = RANDOM.normal(size=shape).cumsum(2)
    booked[:, :, 0] = 0.0
    booked[2:4] *= 1e-3
    booked[:4, ..., 3, :] = 0.0
    booked[4, ..., :3, :] *= 0.1
    charge = booked.sum(3) + RANDOM.normal(size=(5, DRAWS, 1, 4))
    predicted = booked / (1.05 + 0.01 * RANDOM.normal(size=(5, DRAWS, 1, 1, 1)))
    predicted[4] = np.nan
    path = charge + 0.3 * RANDOM.normal(size=charge.shape)
    displacement = RANDOM.normal(size=charge.shape) * np.array([1.0, 0.5, 0.1])[:, None]
    displacement[0, 0, :, 0] = np.nan
    along = ("descent", "draw", "record")
    return xr.Dataset(
        {
            "charge": ((*along, "unit"), charge),
            "path": ((*along, "unit"), path),
            "booked": ((*along, "cause", "unit"), booked),
            "predicted": ((*along, "cause", "unit"), predicted),
            "displacement": ((*along, "unit"), displacement),
        },
        {"descent": DESCENTS, "cause": CAUSES},
    )


def test_paths_are_compared_draw_by_draw():
    arrays = flow()
    claims = judged("relu_flow", arrays)
    deviations = []
    for number in (0, 1):
        predicted = arrays["predicted"].values[number, :, -1].sum(1)
        change = arrays["booked"].values[number, :, -1].sum(1)
        slopes = [np.dot(p, c) / np.dot(p, p) for p, c in zip(predicted, change, strict=True)]
        deviations.append(abs(np.mean(slopes) - 1))
    assert claims["P1"].estimate == pytest.approx(max(deviations))
    assert claims["P1"].verdict == "supported"
    charge, path = arrays["charge"].values[0], arrays["path"].values[0]
    change = charge[:, -1] - charge[:, 0]
    error = charge[:, -1] - path[:, -1]
    share = 1 - np.square(error).sum(1) / np.square(change).sum(1)
    assert numbers(claims["P1-once"]) == pytest.approx(interval(share))
    distance = np.nanmedian(np.abs(arrays["displacement"].values[0]), -1)
    nearer = np.log(distance[:, -1] / distance[:, 0])
    assert numbers(claims["P1-equilibrium"]) == pytest.approx(interval(nearer))


def test_controls_are_compared_with_sgd():
    arrays = flow()
    claims = judged("relu_flow", arrays)
    moved = np.abs(arrays["charge"].values[:, :, -1] - arrays["charge"].values[:, :, 0]).sum(-1)
    for name, number in (("P1-batches", 2), ("P1-labels", 3)):
        expected = interval(np.log(moved[number] / moved[0]))
        assert numbers(claims[name]) == pytest.approx(expected)
        assert claims[name].verdict == "supported"
    booked = np.abs(arrays["booked"].values[4, :, -1]).sum(-1)
    share = booked[:, 3] / booked.sum(1)
    assert numbers(claims["P1-adaptive"]) == pytest.approx(interval(share))
    assert claims["P1-adaptive"].verdict == "supported"


@pytest.mark.parametrize(
    ("identifier", "first", "second"),
    [("P2", 4, 0), ("P2-equilibrium", 2, 0), ("P2-lengths", 2, 1), ("P2-trace", 3, 2)],
)
def test_learning_rates_are_counted(identifier, first, second):
    survived = RANDOM.random((2, 5, 10, DRAWS)) < np.linspace(0.9, 0.1, 10)[:, None]
    axes = ("size", "point", "rate", "draw")
    arrays = xr.Dataset({"survived": (axes, survived)}, {"point": POINTS})
    counts = survived.sum(2).mean(0)
    claim = judged("large_rates", arrays)[identifier]
    assert numbers(claim) == pytest.approx(interval(counts[first] - counts[second]))
    assert claim.unit_of_n == "draws"


def test_traces_are_compared_at_the_end():
    points = ["as trained", "equal lengths", "noise equilibrium"]
    trace = RANDOM.uniform(5, 10, (3, DRAWS, 3))
    arrays = xr.Dataset({"trace": (("point", "draw", "record"), trace)}, {"point": points})
    claims = judged("training_on", arrays)
    for name, number in (("P3", 2), ("P3-lengths", 1)):
        ratio = np.log2(trace[number, :, -1] / trace[0, :, -1])
        assert numbers(claims[name]) == pytest.approx(interval(ratio))
