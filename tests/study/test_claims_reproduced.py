"""Claims of the committed studies: their numbers follow from the committed tables in a few lines.

The lines of this file use no code of the claims. Verdicts and intervals in the tables may be of an
earlier version; estimates whose definition did not change must agree with theirs.
"""

import csv
import itertools
from collections.abc import Callable
from functools import partial

import committed
import numpy as np
import pytest
import scipy.stats
import xarray as xr
from committed import REFERENCE
from synthetic_neighbours import neighbours
from synthetic_study import case

from symgeom.study.claims import ensembles, noise, robustness
from symgeom.study.claims.evaluate import evaluate, judge
from symgeom.study.claims.measured import Measured
from symgeom.study.summary import ensembles_table

with (REFERENCE / "digits/minima.csv").open() as file:
    MINIMA = list(csv.DictReader(file))
ARMS = sorted({row["arm"] for row in MINIMA})
OF_ENSEMBLES = (*ensembles.CLAIMS, *robustness.CLAIMS)
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
        ("H1a-escape", "escape_angle", "rsgd", "sgd"),
        ("H1b-escape", "escape_angle", "sgd", "adversarial"),
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
    interval = of_combination(of_pairs(measure), {"rsgd": 1, second: -1})
    claim = judged[identifier]
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(interval)


def of_combination(values: dict[frozenset, float], factors: dict[str, float]) -> tuple:
    """Return a combination of the means over the pairs of some arms, and its interval."""
    estimate = sum(factor * mean_inside(values, arm) for arm, factor in factors.items())
    without = []
    for arm, factor in factors.items():
        without.append([factor * mean_inside(values, arm, seed) for seed in SEEDS])
    return with_interval(estimate, [(len(SEEDS) - 1) * np.var(of_arm) for of_arm in without])


def with_interval(estimate: float, variances: list[float], level: float = 0.95) -> tuple:
    """Return an estimate with its interval, from what each arm adds to its variance."""
    freedom = sum(variances) ** 2 / (np.square(variances).sum() / (len(SEEDS) - 1))
    half = scipy.stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(sum(variances))
    return estimate, estimate - half, estimate + half


def left_out(statistic: Callable[[tuple], float], arms: tuple[str, ...]) -> tuple:
    """Return a statistic that can leave a network of some arms out, with its interval."""
    variances = []
    for arm in arms:
        without = [statistic((arm, seed)) for seed in SEEDS]
        variances.append((len(SEEDS) - 1) * np.var(without))
    return with_interval(statistic(("", -1)), variances)


def whichever_arm_is_left_out(arms: list[str]) -> list[tuple[str, ...]]:
    """Return all arms, then all but one where there are several."""
    fewer = itertools.combinations(arms, len(arms) - 1) if len(arms) > 1 else ()
    return [tuple(arms), *fewer]


@pytest.mark.parametrize(
    ("identifier", "first", "second"),
    [
        ("H3b-permutation", "geodesic both", "geodesic normalised"),
        ("H3b-scale", "linear normalised", "linear raw"),
        ("H3b-geodesic", "geodesic both", "linear both"),
        ("H3-matching", "geodesic both", "geodesic greedy"),
    ],
)
def test_kinds_of_paths_are_compared_pair_by_pair(judged, identifier, first, second):
    minuend, subtrahend = of_pairs(f"barrier {first} train"), of_pairs(f"barrier {second} train")
    values = {pair: minuend[pair] - height for pair, height in subtrahend.items()}
    ways = whichever_arm_is_left_out(ARMS)
    intervals = [of_combination(values, dict.fromkeys(way, 1 / len(way))) for way in ways]
    claim = judged[identifier]
    assert claim.estimate == pytest.approx(intervals[0][0])
    assert claim.low == pytest.approx(min(low for _, low, _ in intervals))
    assert claim.high == pytest.approx(max(high for _, _, high in intervals))


@pytest.mark.parametrize(
    ("identifier", "measure", "point", "other"),
    [
        ("N2-trace", "trace", "noise", "trained"),
        ("N2-trace-balanced", "trace", "noise", "balanced"),
        ("N2-top", "eigenvalue", "noise", "trained"),
        ("N2-top-balanced", "eigenvalue", "noise", "balanced"),
        ("N2-flattest", "trace", "noise", "flattest"),
        ("N2-shuffled", "trace", "shuffled", "trained"),
        ("N2-random", "trace", "random", "trained"),
    ],
)
def test_points_of_an_orbit_are_compared_arm_by_arm(judged, identifier, measure, point, other):
    above, below = of_minima(f"{measure} {point}"), of_minima(f"{measure} {other}")
    octaves = {arm: np.log2(above[arm]) - np.log2(below[arm]) for arm in ARMS}
    ways = [ARMS, *itertools.combinations(ARMS, len(ARMS) - 1)]
    lows, highs = [], []
    for way in ways:
        mean = np.mean([octaves[arm].mean() for arm in way])
        variances = np.array([octaves[arm].var(ddof=1) for arm in way])
        freedom = variances.sum() ** 2 / (np.square(variances).sum() / (len(SEEDS) - 1))
        error = np.sqrt(variances.sum() / len(SEEDS)) / len(way)
        half = scipy.stats.t.ppf(0.975, freedom) * error
        lows.append(mean - half)
        highs.append(mean + half)
    claim = judged[identifier]
    assert claim.n == 36
    assert claim.estimate == pytest.approx(np.mean([octaves[arm].mean() for arm in ARMS]))
    assert (claim.low, claim.high) == pytest.approx((min(lows), max(highs)))


def test_balancing_minima_of_the_reference_has_the_interval_of_student(judged):
    above, below = of_minima("trace balanced")["sgd"], of_minima("trace trained")["sgd"]
    student = scipy.stats.ttest_1samp(np.log2(above) - np.log2(below), 0.0)
    claim = judged["N2-decay"]
    assert (claim.low, claim.high) == pytest.approx(tuple(student.confidence_interval(0.95)))
    assert claim.estimate > 0


def test_escapes_along_geodesics_are_cut_at_a_common_angle(judged):
    ends = [of_pairs(f"escape_angle geodesic both {end}") for end in ("first", "second")]
    reached = [of_pairs(f"escape_reached geodesic both {end}") for end in ("first", "second")]
    inside = [
        frozenset(((arm, a), (arm, b)))
        for arm in ("rsgd", "adversarial")
        for a, b in itertools.combinations(SEEDS, 2)
    ]
    bounds = [ends[end][pair] for end in (0, 1) for pair in inside if not reached[end][pair]]
    values = {pair: sum(min(end[pair], *bounds) for end in ends) / 2 for pair in inside}
    interval = of_combination(values, {"rsgd": 1, "adversarial": -1})
    claim = judged["H3a-escape"]
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(interval)
    assert claim.note.startswith(f"up to {min(bounds):.3g} rad")
    uncut = judged["H3a-reference-escape"]  # no error rises so far inside the arms of both
    assert (uncut.estimate, uncut.low, uncut.high) == (0, 0, 0)


def test_connected_pairs_are_counted_arm_by_arm(judged):
    rises = of_pairs("bend_error")  # all minima have no training error
    inside = [[rises[pair] for pair in rises if {arm for arm, _ in pair} == {one}] for one in ARMS]
    fractions = [np.mean(np.array(values) <= 0.005) for values in inside]
    claim = judged["H4"]
    assert claim.estimate == pytest.approx(np.mean(fractions))
    assert claim.n == sum(map(len, inside)) == 90
    assert claim.note.startswith(f"{sum(fractions) * 15:.0f} of 90 pairs; by arm: adam 1, ")
    assert f"mean rise {np.mean(inside):.2g}, largest {np.max(inside):.2g}" in claim.note
    # Without the adversarial arm, all of 15 pairs without common networks are connected.
    assert 0.5 < claim.low < 0.025 ** (1 / 15) < claim.estimate < claim.high


def test_arms_of_the_default_study_are_equally_deep(judged):
    loss, error = of_minima("train_loss"), of_minima("train_error")
    for one, other in itertools.permutations(("rsgd", "sgd", "adversarial"), 2):
        assert np.mean(loss[one]) < 2 * np.mean(loss[other])
        assert np.mean(error[one]) == np.mean(error[other]) == 0
    assert {claim.gated for claim in judged.values()} == {""}


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
    claim = judged["H1c"]
    interval = correlated({arm: [energy[arm], error[arm]] for arm in ARMS})
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(interval)
    words = ", ".join(f"{arm} {value:.2f}" for arm, value in zip(ARMS, inside, strict=True))
    of_means = f"between the means of {len(ARMS)} arms: {between:.2f}"
    assert claim.note == f"within arms: {words}; {of_means}"


def test_traces_are_correlated_with_displacements_arm_by_arm(judged):
    displaced, trace = of_minima("displacement end"), of_minima("trace trained")
    inside = [scipy.stats.spearmanr(displaced[arm], trace[arm]).statistic for arm in ARMS]
    claim = judged["N-trace"]
    assert claim.estimate == pytest.approx(np.mean(inside))
    assert (claim.n, claim.unit_of_n) == (len(MINIMA), "minima")
    # The interval is at least as wide as that of ranks without any correlation, of all arms.
    freedom = len(ARMS) * (len(SEEDS) - 1)
    least = scipy.stats.t.ppf(0.975, freedom) / np.sqrt(freedom)
    assert claim.low < claim.estimate - least
    assert claim.verdict == "undecided"


def test_barriers_with_and_without_symmetries_are_compared_arm_by_arm(judged):
    variants = ("linear raw", "linear normalised", "geodesic normalised", "linear aligned")
    tables = [of_pairs(f"barrier {name} train") for name in ("geodesic both", *variants)]
    means = np.array([[mean_inside(table, arm) for arm in ARMS] for table in tables])
    assert judged["H3b"].estimate == pytest.approx(means[0].mean() - means[1:].mean(1).min())
    in_arms = means[0] - means[1:].min(0)
    words = ", ".join(f"{arm} {value:.3g}" for arm, value in zip(ARMS, in_arms, strict=True))
    assert judged["H3b"].note == f"by arm: {words}"


def mean_between(values: dict[frozenset, float], arms: set, without: tuple | None = None) -> float:
    """Return the mean over the pairs of two arms, or over those without a network."""
    mixed = {pair: value for pair, value in values.items() if {arm for arm, _ in pair} == arms}
    return np.mean([value for pair, value in mixed.items() if without not in pair])


def relative(values: dict[frozenset, float], second: str, without: tuple = ("", -1)) -> float:
    """Return the mean barrier between an arm and the flat one over the mean inside both."""
    inside = []
    for arm in ("rsgd", second):
        inside.append(mean_inside(values, arm, without[1] if without[0] == arm else None))
    return mean_between(values, {"rsgd", second}, without) / np.mean(inside)


@pytest.mark.parametrize(
    ("identifier", "second", "pairs"),
    [("H3-loss", "sgd", 15), ("H3-loss-sharp", "adversarial", 15)],
)
def test_the_loss_hides_barriers_between_arms(judged, identifier, second, pairs):
    tables = [of_pairs(f"{name} geodesic both train") for name in ("barrier", "loss_barrier")]
    error, loss = (relative(table, second) for table in tables)
    interval = left_out(
        lambda without: np.subtract(*(relative(table, second, without) for table in tables)),
        ("rsgd", second),
    )
    claim = judged[identifier]
    assert claim.n == pairs
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(interval)
    assert claim.note.startswith(f"relative to the arms: error {error:.3g}, loss {loss:.3g}")


def test_error_and_loss_rank_pairs_arm_by_arm(judged):
    tables = [of_pairs(f"{name} geodesic both train") for name in ("barrier", "loss_barrier")]
    inside = []
    for arm in ARMS:
        pairs = [frozenset(((arm, a), (arm, b))) for a, b in itertools.combinations(SEEDS, 2)]
        columns = [[table[pair] for pair in pairs] for table in tables]
        inside.append(scipy.stats.spearmanr(*columns).statistic)
    assert judged["H3-loss-order"].estimate == pytest.approx(np.mean(inside))


def test_bending_is_averaged_arm_by_arm(judged):
    straight, bent = of_pairs("straight_error"), of_pairs("bend_error")
    gains = [mean_inside(straight, arm) - mean_inside(bent, arm) for arm in ARMS]
    assert judged["H4-bend"].estimate == pytest.approx(np.mean(gains))
    without_the_largest = np.mean([gain for gain in gains if gain < max(gains)])
    assert judged["H4-bend"].low < without_the_largest < judged["H4-bend"].estimate


def over_hubs(barrier: dict[frozenset, float], ends: str, without: tuple = ()) -> dict:
    """Return the barriers over each hub, of every two minima of an arm, without a network."""
    over = {(arm, seed): [] for arm in ARMS for seed in SEEDS if (arm, seed) != without}
    for two in itertools.combinations([network for network in over if network[0] == ends], 2):
        for hub in over:
            ways = [frozenset((hub, end)) for end in two]
            if hub not in two and barrier.keys() >= set(ways):
                over[hub].append(max(barrier[way] for way in ways))
    return over


@pytest.mark.parametrize(
    ("identifier", "ends"), [("H6-star", "sgd"), ("H6-star-sharp", "adversarial")]
)
def test_hubs_are_compared_triple_by_triple(judged, identifier, ends):
    barrier = of_pairs("barrier geodesic both train")

    def over(arm: str, without: tuple = ()) -> np.ndarray:
        hubs = over_hubs(barrier, ends, without).items()
        return np.concatenate([heights for (of_arm, _), heights in hubs if of_arm == arm])

    interval = left_out(
        lambda without: over("rsgd", without).mean() - over(ends, without).mean(), ("rsgd", ends)
    )
    claim = judged[identifier]
    assert claim.n == len(over(ends)) == 15 * 4
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(interval)
    assert claim.note.startswith(f"over flat (rsgd) {over('rsgd').mean():.3g}, over another of ")
    assert f" ({ends}) {over(ends).mean():.3g}, directly " in claim.note


def correlated(columns: dict[str, list]) -> tuple:
    """Return the mean over arms of the rank correlations of two columns, and its interval.

    An arm adds to the variance at least what it would without any correlation.
    """
    inside = {}
    for arm, (first, second) in columns.items():
        without = []
        for seed in SEEDS:
            fewer = np.delete(first, seed), np.delete(second, seed)
            without.append(scipy.stats.spearmanr(*fewer).statistic)
        variance = max((len(SEEDS) - 1) * np.var(without), 1 / (len(SEEDS) - 1))
        inside[arm] = scipy.stats.spearmanr(first, second).statistic, variance
    intervals = []
    for way in whichever_arm_is_left_out(list(columns)):
        estimates, variances = np.transpose([inside[arm] for arm in way])
        intervals.append(with_interval(estimates.mean(), variances / len(way) ** 2))
    low = max(-1, min(low for _, low, _ in intervals))
    high = min(1, max(high for _, _, high in intervals))
    return intervals[0][0], low, high


def test_flatter_hubs_are_ranked_arm_by_arm(judged):
    over = over_hubs(of_pairs("barrier geodesic both train"), "adversarial")
    energy = of_minima("mean_local_energy")
    columns = {}
    for arm in ARMS:
        heights = [np.mean(over[arm, seed]) for seed in SEEDS]
        columns[arm] = [energy[arm], heights]
    means = ", ".join(
        f"{arm} {np.mean(columns[arm][1]):.3g}" for arm in ARMS if arm != "adversarial"
    )
    del columns["adversarial"]
    claim = judged["H6-hubs"]
    assert claim.n == 6 * len(columns)
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(correlated(columns))
    assert f"barriers over hubs: {means}, adversarial " in claim.note


@pytest.mark.parametrize(
    ("identifier", "second"), [("H6-simplex", "sgd"), ("H6-simplex-sharp", "adversarial")]
)
def test_middles_of_three_minima_are_compared(judged, identifier, second):
    rises = {}
    with (REFERENCE / "digits/simplices.csv").open() as file:
        for row in csv.DictReader(file):
            corners = frozenset((row["arm"], int(seed)) for seed in row["seeds"].split())
            rises[corners] = float(row["centre_error train"]) - float(row["vertex_error train"])

    def mean_rise(arm: str, without: tuple) -> float:
        seeds = [seed for seed in SEEDS if (arm, seed) != without]
        threes = itertools.combinations([(arm, seed) for seed in seeds], 3)
        return np.mean([rises[frozenset(three)] for three in threes])

    interval = left_out(
        lambda without: mean_rise("rsgd", without) - mean_rise(second, without), ("rsgd", second)
    )
    claim = judged[identifier]
    assert claim.n == 20
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(interval)


def mean_gain(gains: dict[frozenset, float], arms: tuple[str, ...], without: tuple) -> float:
    """Return the mean over arms of the mean over consecutive seeds, without a network."""
    means = []
    for arm in arms:
        consecutive = [frozenset(((arm, seed), (arm, seed + 1))) for seed in SEEDS[:-1]]
        means.append(np.mean([gains[pair] for pair in consecutive if without not in pair]))
    return np.mean(means)


@pytest.mark.parametrize(
    ("identifier", "arms"), [("H2b", ARMS), ("H2b-sharp", ["adversarial"])], ids=["all", "sharp"]
)
def test_pairs_are_nearer_than_the_nearest_control(judged, identifier, arms):
    distance = of_pairs("distance aligned")
    estimates = {}
    highs = []
    for kind in ("random", "signs", "columns"):
        control = of_pairs(f"control_distance {kind} aligned")
        gains = {pair: distance[pair] - control[pair] for pair in control}
        intervals = []
        for way in whichever_arm_is_left_out(arms):
            intervals.append(left_out(partial(mean_gain, gains, way), way))
        estimates[kind] = intervals[0][0]
        highs += [high for _, _, high in intervals]
    claim = judged[identifier]
    assert claim.n == 5 * len(arms)
    assert (claim.estimate, claim.high) == pytest.approx((max(estimates.values()), max(highs)))
    words = ", ".join(f"{kind} {estimate:.3g}" for kind, estimate in estimates.items())
    assert claim.note.startswith(f"from {words}; by arm: ")


def test_the_largest_defect_of_a_ledger_is_that_of_a_minimum(judged):
    closure = of_minima("closure")
    largest = max(max(closure[arm]) for arm in ("sgd", "adversarial", CONTROL))
    assert judged["C1"].estimate == largest < 1e-10
    assert judged["C1"].n == 18


def test_estimates_are_those_of_the_committed_claims(judged):
    with (REFERENCE / "digits/claims.csv").open() as file:
        before = {row["identifier"]: float(row["estimate"]) for row in csv.DictReader(file)}
    not_in_tables = {"N1", "N1-size", "N1-adaptive", "H6-anchor"}
    compared = before.keys() & judged.keys() - not_in_tables
    assert len(compared) == len(before) - len(not_in_tables)
    now = {name: judged[name].estimate for name in compared}
    # The committed tables have six digits; differences of ensembles are small.
    assert now == {name: pytest.approx(before[name], rel=1e-4, abs=1e-6) for name in compared}


ENSEMBLES = {
    "E1": ("error 0.1", "orbit", "single"),
    "E1-loss": ("loss 0.1", "orbit", "single"),
    "E1-perturbation": ("error 0.1", "orbit", "perturbation"),
    "E2": ("error 0.1", "independent", "single"),
    "E2-orbit": ("error 0.1", "orbit", "independent"),
    "E3-simplex": ("error 0.1", "simplex", "single"),
    "E4": ("disagreement 0.1", "orbit", "independent"),
    "R1": ("robust_error pgd 0.1 either", "orbit", "single"),
    "R1-transferred": ("robust_error pgd 0.1 transferred", "orbit", "single"),
    "R1-shuffled": ("robust_error pgd 0.1 either", "orbit", "shuffled"),
    "R2": ("robust_error pgd 0.1 either", "independent", "single"),
}
"""The column of the table of ensembles and the two kinds that a claim compares."""


@pytest.fixture(scope="module")
def of_ensembles():
    """The table of ensembles of a made-up study, as it would be kept, and its claims."""
    arrays = {"neighbours": neighbours(np.random.default_rng(3), 6, arms=["sgd"])}
    labels = {"arm": ["sgd"], "seed": SEEDS}
    usable = xr.DataArray(np.ones((1, 6), bool), labels, ("arm", "seed"))
    arrays["minima"] = xr.Dataset({"usable": usable})
    claims = evaluate_ensembles(Measured(arrays, {"reference": "sgd"}))
    return ensembles_table("mlp", {"neighbours": arrays["neighbours"]}), claims


@pytest.mark.parametrize("identifier", ENSEMBLES)
def test_ensembles_are_compared_run_by_run(of_ensembles, identifier):
    """Every kind is averaged over its ensembles inside a run of as many seeds as the larger of
    both has; an interval leaves a seed out with all runs that it is part of."""
    table, claims = of_ensembles
    column, *kinds = ENSEMBLES[identifier]
    value = {(row["kind"], row["seed"]): row[column] for row in table}
    size = {row["kind"]: row["minima"] for row in table}
    length = max(size[kind] for kind in kinds)
    gain = {}
    for first in SEEDS:
        run = tuple((first + step) % 6 for step in range(length))
        means = []
        for kind in kinds:
            inside = run[: length - size[kind] + 1]
            means.append(np.mean([value[kind, seed] for seed in inside]))
        gain[run] = means[0] - means[1]

    def statistic(without: tuple) -> float:
        return np.mean([gain[run] for run in gain if without[1] not in run])

    claim = claims[identifier]
    expected = left_out(statistic, ("sgd",))
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(expected)


def evaluate_ensembles(measured: Measured) -> dict:
    """Return the claims about ensembles."""
    return {claim.identifier: judge(claim, measured) for claim in OF_ENSEMBLES}


def last_quarter(study, arm: str, seed: int, group: str) -> dict[str, np.ndarray]:
    """Return what the arrays of a study say of the units of a layer from step 368 to step 500."""
    network = {"arm": arm, "seed": seed}
    ledger, equilibrium = study["ledgers"].sel(network), study["equilibria"].sel(network)
    assert ledger["step"].values[14:15].tolist() == [368]
    assert 368 <= 375 < ledger["step"][15]
    booked, charge = ledger[f"term_{group}"], ledger[f"charge_{group}"]
    both = booked.sel(term="noise") + booked.sel(term="carried_noise")
    force = equilibrium[f"force_{group}"].sel(moment="end")
    alive = force.values != 0
    units = {
        "force": force,
        "pull": force - 0.02 * charge.sel(step=500),
        "noise": both.sel(step=500) - both.sel(step=368),
        "change": charge.sel(step=500) - charge.sel(step=368),
    }
    return {name: array.values[alive] for name, array in units.items()}


def usable_seeds(study, arm: str) -> list[int]:
    usable = study["minima"]["usable"].sel(arm=arm)
    return [int(seed) for seed in usable["seed"] if usable.sel(seed=seed)]


def test_forces_and_ledgers_are_compared_unit_by_unit():
    """The made-up study has no more than three seeds: estimates are compared, not verdicts."""
    study = case(["minima", "ledgers", "equilibria"])
    roles = {"reference": "sgd", "adaptive": "adam"}
    stages = {name: node.to_dataset() for name, node in study.children.items()}
    measured = Measured(stages, roles)
    claims = {claim.identifier: judge(claim, measured) for claim in noise.CLAIMS}
    orders = {"noise": {}, "change": {}}
    excess, shuffler = [], np.random.default_rng(0)
    for arm in ("sgd", "adam"):
        of_arm = {"noise": [], "change": []}
        for seed in usable_seeds(study, arm):
            for group in ("hidden1", "hidden2"):
                units = last_quarter(study, arm, seed, group)
                signs = np.sign(units["force"])
                of_arm["noise"].append(scipy.stats.spearmanr(units["force"], units["noise"])[0])
                of_arm["change"].append(scipy.stats.spearmanr(units["pull"], units["change"])[0])
                agree = np.mean(signs == np.sign(units["noise"]))
                shuffled = [
                    np.mean(shuffler.permutation(signs) == np.sign(units["noise"]))
                    for _ in range(2000)
                ]
                excess += [agree - np.mean(shuffled)] * (arm == "sgd")
        for name, values in of_arm.items():
            orders[name][arm] = np.mean(values)
    assert claims["N1"].estimate == pytest.approx(np.mean(excess), abs=0.01)
    assert claims["N1-size"].estimate == pytest.approx(orders["noise"]["sgd"])
    difference = orders["change"]["sgd"] - orders["change"]["adam"]
    assert claims["N1-adaptive"].estimate == pytest.approx(difference)
