"""Claims of the committed studies: their numbers follow from the committed tables in a few lines.

The lines of this file use no code of the claims. Verdicts and intervals in the tables may be of an
earlier version; estimates whose definition did not change must agree with theirs.
"""

import csv
import itertools

import committed
import numpy as np
import pytest
import scipy.stats
from committed import REFERENCE

from symgeom.study.claims.evaluate import evaluate

with (REFERENCE / "digits/minima.csv").open() as file:
    MINIMA = list(csv.DictReader(file))
ARMS = sorted({row["arm"] for row in MINIMA})
CONTROL = committed.control_of(ARMS)
SEEDS = sorted({int(row["seed"]) for row in MINIMA})


@pytest.fixture(scope="module")
def judged():
    return {claim.identifier: claim for claim in evaluate(committed.measured("digits", "mlp"))}


def of_minima(name: str) -> dict[str, list[float]]:
    """Return the values of each arm, in the order of the seeds."""
    assert all(row["usable"] == "True" for row in MINIMA)
    return {arm: [float(row[name]) for row in MINIMA if row["arm"] == arm] for arm in ARMS}


def of_pairs(name: str) -> dict[frozenset, float]:
    """Return the value of each pair of networks that has one."""
    values = {}
    with (REFERENCE / "digits/pairs.csv").open() as file:
        for row in csv.DictReader(file):
            first = row["first_arm"], int(row["first_seed"])
            second = row["second_arm"], int(row["second_seed"])
            if row[name]:
                values[frozenset((first, second))] = float(row[name])
    return values


def mean_inside(values: dict[frozenset, float], arm: str, without: int | None = None) -> float:
    """Return the mean over the pairs of an arm, or over those without one of its seeds."""
    seeds = [seed for seed in SEEDS if seed != without]
    pairs = itertools.combinations(seeds, 2)
    return np.mean([values[frozenset(((arm, a), (arm, b)))] for a, b in pairs])


@pytest.mark.parametrize(
    ("identifier", "measure", "first", "second"),
    [
        ("H1a", "mean_local_energy", "rsgd", "sgd"),
        ("H1b", "mean_local_energy", "sgd", "adversarial"),
        ("K-budget", "mean_local_energy", "rsgd", CONTROL),
        ("H6-margin", "margin_0.1", "rsgd", "adversarial"),
    ],
)
def test_differences_of_seeds_are_those_of_welch(judged, identifier, measure, first, second):
    values = of_minima(measure)
    welch = scipy.stats.ttest_ind(values[first], values[second], equal_var=False)
    low, high = welch.confidence_interval(0.95)
    claim = judged[identifier]
    assert (claim.low, claim.high, claim.p) == pytest.approx((low, high, welch.pvalue))
    assert claim.estimate == pytest.approx(np.mean(values[first]) - np.mean(values[second]))


def test_the_mean_of_an_arm_has_the_interval_of_student(judged):
    values = of_minima("first_order")["adam"]
    student = scipy.stats.ttest_1samp(values, 0.01)
    low, high = student.confidence_interval(0.95)
    assert (judged["C2"].low, judged["C2"].high) == pytest.approx((low, high))
    assert judged["C2"].p == pytest.approx(student.pvalue)


@pytest.mark.parametrize(
    ("identifier", "measure", "second"),
    [
        ("H2a", "distance aligned", "adversarial"),
        ("H2a-reference", "distance aligned", "sgd"),
        ("H3a", "barrier geodesic both train", "adversarial"),
        ("H3a-reference", "barrier geodesic both train", "sgd"),
        ("K-budget-distance", "distance aligned", CONTROL),
        ("K-budget-barrier", "barrier geodesic both train", CONTROL),
    ],
)
def test_differences_of_pairs_leave_one_network_out(judged, identifier, measure, second):
    values = of_pairs(measure)
    variances = []
    for arm in ("rsgd", second):
        without = [mean_inside(values, arm, seed) for seed in SEEDS]
        variances.append((len(SEEDS) - 1) * np.var(without))
    estimate = mean_inside(values, "rsgd") - mean_inside(values, second)
    freedom = sum(variances) ** 2 / (np.square(variances).sum() / (len(SEEDS) - 1))
    half = scipy.stats.t.ppf(0.975, freedom) * np.sqrt(sum(variances))
    claim = judged[identifier]
    assert claim.estimate == pytest.approx(estimate)
    assert (claim.low, claim.high) == pytest.approx((estimate - half, estimate + half))


def test_controls_at_equal_compute_name_the_depths(judged):
    losses = of_minima("train_loss")
    words = ", ".join(f"{arm} {np.mean(losses[arm]):.2g}" for arm in ("rsgd", CONTROL))
    for name in ("K-budget", "K-budget-distance", "K-budget-barrier"):
        assert judged[name].note.startswith(f"mean training loss: {words}")


def test_flatness_and_test_error_are_correlated_arm_by_arm(judged):
    energy, error = of_minima("mean_local_energy"), of_minima("test_error")
    inside = [scipy.stats.spearmanr(energy[arm], error[arm]).statistic for arm in ARMS]
    means = [[np.mean(values[arm]) for arm in ARMS] for values in (energy, error)]
    between = scipy.stats.spearmanr(*means).statistic
    assert judged["H1c"].estimate == pytest.approx(np.mean(inside))
    words = ", ".join(f"{arm} {value:.2f}" for arm, value in zip(ARMS, inside, strict=True))
    of_means = f"between the means of {len(ARMS)} arms: {between:.2f}"
    assert judged["H1c"].note == f"within arms: {words}; {of_means}"


def test_barriers_with_and_without_symmetries_are_compared_arm_by_arm(judged):
    variants = ("linear raw", "linear normalised", "geodesic normalised", "linear aligned")
    tables = [of_pairs(f"barrier {name} train") for name in ("geodesic both", *variants)]
    means = np.array([[mean_inside(table, arm) for arm in ARMS] for table in tables])
    assert judged["H3b"].estimate == pytest.approx(means[0].mean() - means[1:].mean(1).min())
    in_arms = means[0] - means[1:].min(0)
    words = ", ".join(f"{arm} {value:.3g}" for arm, value in zip(ARMS, in_arms, strict=True))
    assert judged["H3b"].note == f"by arm: {words}"


def test_bending_is_averaged_arm_by_arm(judged):
    straight, bent = of_pairs("straight_error"), of_pairs("bend_error")
    gains = [mean_inside(straight, arm) - mean_inside(bent, arm) for arm in ARMS]
    assert judged["H4-bend"].estimate == pytest.approx(np.mean(gains))
    without_the_largest = np.mean([gain for gain in gains if gain < max(gains)])
    assert judged["H4-bend"].low < without_the_largest < judged["H4-bend"].estimate


def test_detours_over_flat_minima_are_counted_triple_by_triple(judged):
    barrier = of_pairs("barrier geodesic both train")
    detours = []
    for hub, (end, other) in itertools.product(SEEDS, itertools.combinations(SEEDS, 2)):
        ways = [
            barrier.get(frozenset((("rsgd", hub), ("sgd", far))), np.nan) for far in (end, other)
        ]
        detours.append(max(ways) - barrier[frozenset((("sgd", end), ("sgd", other)))])
    assert judged["H6-star"].n == len(detours)
    assert judged["H6-star"].estimate == pytest.approx(np.mean(detours))


def test_estimates_are_those_of_the_committed_claims(judged):
    with (REFERENCE / "digits/claims.csv").open() as file:
        before = {row["identifier"]: float(row["estimate"]) for row in csv.DictReader(file)}
    changed = {"H1c"}  # over all arms together before
    not_in_tables = {"H2b", "N1", "H6-anchor"}
    compared = before.keys() & judged.keys() - changed - not_in_tables
    assert compared >= {"H1a", "H1b", "H2a", "H3a", "H3b", "H4", "H4-bend", "H6-star", "C1", "C2"}
    now = {name: judged[name].estimate for name in compared}
    assert now == {name: pytest.approx(before[name], rel=1e-4) for name in compared}
