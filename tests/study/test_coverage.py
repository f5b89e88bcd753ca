"""Simulated studies: intervals cover the truth, and nothing is supported that is not there.

Every statistic that claims use is simulated with 3, 4, 6 and 12 networks in an arm. Means are
simulated for thousands of studies at once, which are columns of one selection.
"""

import itertools

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.averages import ask_fraction, ask_over_arms, by_arm, over_arms
from symgeom.study.claims.chains import MOST
from symgeom.study.claims.correlation import ask_correlation
from symgeom.study.claims.draws import ask_largest_deviation
from symgeom.study.claims.evaluate import p_value
from symgeom.study.claims.evidence import Fraction, Largest, Student, Throughout
from symgeom.study.claims.family import as_family, holm
from symgeom.study.claims.jackknife import (
    arm_variances,
    leave_one_out,
    mean,
    standard_error,
    student,
)
from symgeom.study.claims.losses import TwoArms
from symgeom.study.claims.question import ask_contrast
from symgeom.study.claims.record import Judgement
from symgeom.study.claims.selection import Selection

NETWORKS = (3, 4, 6, 12)
STUDIES = 3000
LOOPS = 120
TAIL = 0.025


def pairs_of(strata: NDArray, *, across: bool = False) -> NDArray:
    """Return the pairs inside arms, or all pairs."""
    pairs = itertools.combinations(range(len(strata)), 2)
    return np.array([pair for pair in pairs if across or strata[pair[0]] == strata[pair[1]]])


def over_pairs(generator, members: NDArray, shape: tuple, share: float = 0.5) -> NDArray:
    """Return values of pairs, (pair, ...), of which a share is due to the networks they share."""
    networks = generator.normal(size=(members.max() + 1, *shape))
    own = generator.normal(size=(len(members), *shape))
    return np.sqrt(share / 2) * networks[members].sum(1) + np.sqrt(1 - share) * own


def covered(selection: Selection, sides: list[tuple[float, NDArray]], truth: float) -> float:
    """Return the share of studies whose interval covers the truth of a combination of means."""
    counts = leave_one_out(len(selection.strata))
    values = sum(sign * selection.mean_of(units, counts) for sign, units in sides)
    error, freedom = standard_error(*arm_variances(values, selection.strata))
    half = error * scipy.stats.t.ppf(1 - TAIL, freedom)
    return float((np.abs(values[0] - truth) <= half).mean())


def of_seeds(generator, networks: int):
    """One arm (C2, N1)."""
    strata = np.repeat("a", networks)
    values = generator.normal(size=(networks, STUDIES))
    everything = np.ones(networks, dtype=bool)
    members = np.arange(networks)[:, None]
    return Selection(strata, members, values, ()), [(1, everything)], 0.0


def of_two_arms(generator, networks: int):
    """Two arms (H1a, H1b, H6-margin), one of which spreads five times as much."""
    strata = np.repeat(["a", "b"], networks)
    first = strata == "a"
    values = generator.normal(size=(2 * networks, STUDIES)) * np.where(first, 1, 5)[:, None]
    members = np.arange(2 * networks)[:, None]
    return Selection(strata, members, values, ()), [(1, first), (-1, ~first)], 0.0


def of_pairs_of_two_arms(generator, networks: int):
    """Pairs inside two arms (H2a, H3a, K-order), one of which spreads twice as much."""
    strata = np.repeat(["a", "b"], networks)
    members = pairs_of(strata)
    first = strata[members[:, 0]] == "a"
    values = over_pairs(generator, members, (STUDIES,)) * np.where(first, 1, 2)[:, None]
    return Selection(strata, members, values, ()), [(1, first), (-1, ~first)], 0.0


def of_shared_networks(generator, networks: int):
    """Pairs between two arms minus pairs inside one of them (H6-anchor)."""
    strata = np.repeat(["robust", "typical"], networks)
    members = pairs_of(strata, across=True)
    kinds = strata[members]
    mixed = kinds[:, 0] != kinds[:, 1]
    typical = (kinds == "typical").all(1)
    values = over_pairs(generator, members, (STUDIES,), share=0.8)
    return Selection(strata, members, values, ()), [(1, mixed), (-1, typical)], 0.0


def of_triples(generator, networks: int):
    """Ways over hubs of another arm minus those over hubs of the ends' arm (H6-star).

    Without one of three ends there is no hub of their arm: there are four at least.
    """
    networks = max(networks, 4)
    strata = np.repeat(["hub", "end"], networks)
    members = pairs_of(strata, across=True)
    heights = over_pairs(generator, members, (STUDIES,))
    row_of = {frozenset(pair): row for row, pair in enumerate(members.tolist())}
    triples, over = [], []
    for two in itertools.combinations(range(networks, 2 * networks), 2):
        for hub in set(range(2 * networks)) - set(two):
            over.append(np.maximum(*(heights[row_of[frozenset((hub, end))]] for end in two)))
            triples.append((hub, *two))
    hubs = strata[np.array(triples)[:, 0]] == "hub"
    return Selection(strata, np.array(triples), np.array(over), ()), [(1, hubs), (-1, ~hubs)], 0.0


SIMULATED = (of_seeds, of_two_arms, of_pairs_of_two_arms, of_shared_networks, of_triples)


@pytest.mark.parametrize("networks", NETWORKS)
@pytest.mark.parametrize("simulate", SIMULATED, ids=lambda simulate: simulate.__name__)
def test_intervals_of_means_cover(simulate, networks: int):
    generator = np.random.default_rng(networks)
    assert covered(*simulate(generator, networks)) >= 0.935


@pytest.mark.parametrize("draws", [5, 12])
@pytest.mark.parametrize("alike", [False, True])
def test_the_largest_deviation_is_rarely_decided_wrongly(draws: int, alike: bool):
    """Of six settings one, or all, deviate by just the threshold (L1 to L5)."""
    generator = np.random.default_rng(draws)
    truth = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    truth[1:] *= alike
    decided = np.zeros(2)
    for _ in range(STUDIES // 3):
        values = xr.DataArray(truth + generator.normal(size=(draws, 6)), dims=("draw", "setting"))
        evidence = ask_largest_deviation(values).answer().evidence
        decided += [evidence.high(TAIL) < 1, evidence.low(TAIL) > 1]
    assert (decided / (STUDIES // 3) <= 0.04).all()


@pytest.mark.parametrize("networks", NETWORKS)
def test_intervals_of_relative_barriers_cover(networks: int):
    """Between two arms over inside them, error minus loss (H3-loss); one arm is five times higher.

    Error and loss are noisy copies of the same positive heights, so that the truth is zero.
    """
    generator = np.random.default_rng(networks)
    strata = np.repeat(["a", "b"], networks)
    members = pairs_of(strata, across=True)
    logs = [over_pairs(generator, members, (STUDIES,)) for _ in range(3)]
    scale = np.where(strata == "b", 5, 1)[members].mean(1)[:, None]
    heights = [scale * np.exp(0.4 * logs[0] + 0.2 * log) for log in logs[1:]]
    selection = Selection(strata, members, np.concatenate(heights, axis=1), ())
    ratios = TwoArms.of(selection, ["a"], ["b"]).ratios(leave_one_out(len(strata)))
    of_error, of_loss = np.split(ratios, 2, axis=1)
    error, freedom = standard_error(*arm_variances(of_error - of_loss, strata))
    half = error * scipy.stats.t.ppf(1 - TAIL, freedom)
    difference = of_error[0] - of_loss[0]
    assert (np.abs(difference) <= half).mean() >= 0.935
    assert (difference > half).mean() <= 0.035


def held(questions, truth: float) -> float:
    """Return the share of studies whose interval covers the truth."""
    hits = []
    for question in questions:
        evidence = question.answer().evidence
        hits.append(evidence.low(TAIL) <= truth <= evidence.high(TAIL))
    return float(np.mean(hits))


@pytest.mark.parametrize("networks", NETWORKS)
@pytest.mark.parametrize("arms", [1, 4])
def test_intervals_of_averages_over_arms_cover(arms: int, networks: int):
    """Pairs (H2b, H3b, H4-bend) whose arms spread differently."""
    generator = np.random.default_rng(networks)
    strata = np.repeat(list("abcd")[:arms], networks)
    members = pairs_of(strata)
    scale = 1 + members[:, 0] // networks
    questions = []
    for _ in range(LOOPS):
        values = over_pairs(generator, members, (1,)) * scale[:, None]
        questions.append(ask_over_arms(Selection(strata, members, values, ()), "pairs"))
    assert held(questions, 0.0) >= 0.93


@pytest.mark.parametrize("networks", NETWORKS)
@pytest.mark.parametrize("shifts", [(0.0, 0.0, 0.0), (0.0, 0.5, 3.0)], ids=["ties", "one lowest"])
def test_intervals_of_the_lowest_variant_cover(shifts: tuple[float, ...], networks: int):
    """One variant of a path beside the lowest of three others (H3b), in three arms."""
    generator = np.random.default_rng(networks)
    strata = np.repeat(list("abc"), networks)
    members = pairs_of(strata)
    hits = []
    for _ in range(LOOPS):
        values = over_pairs(generator, members, (4,)) + np.array([0.0, *shifts])
        sorted_units = by_arm(Selection(strata, members, values, ()))
        means = sorted_units.means(leave_one_out(len(strata)))
        evidence = Largest(
            [over_arms(means[..., 0] - means[..., row], strata) for row in (1, 2, 3)]
        )
        hits.append(evidence.low(TAIL) <= 0 <= evidence.high(TAIL))
    assert np.mean(hits) >= 0.93


@pytest.mark.parametrize("networks", [6, 12])
def test_what_differs_by_the_margin_is_not_equivalent(networks: int):
    """Pairs of two arms (K-order) whose means are one standard deviation apart."""
    generator = np.random.default_rng(networks)
    strata = np.repeat(["a", "b"], networks)
    members = pairs_of(strata)
    first = strata[members[:, 0]] == "a"
    verdicts = []
    for _ in range(LOOPS):
        values = over_pairs(generator, members, (1,), share=0.9) + first[:, None]
        selection = Selection(strata, members, values, ())
        evidence = ask_contrast(selection, {"a": first, "b": ~first}).answer().evidence
        verdicts.append(p_value(evidence, float(values[first].std(ddof=1)), "within") < 0.05)
    assert np.mean(verdicts) <= 0.05


@pytest.mark.parametrize("networks", NETWORKS)
@pytest.mark.parametrize("arms", [1, 5])
@pytest.mark.parametrize("kind", ["every pair for itself", "networks that spoil all their pairs"])
def test_intervals_of_fractions_cover(kind: str, arms: int, networks: int):
    generator = np.random.default_rng(networks)
    strata = np.repeat(list("abcde")[:arms], networks)
    members = pairs_of(strata)
    questions = []
    for _ in range(LOOPS):
        if kind == "every pair for itself":
            connected = generator.random(len(members)) < 0.9
        else:
            connected = (generator.random(len(strata)) < np.sqrt(0.9))[members].all(1)
        selection = Selection(strata, members, connected[:, None].astype(float), ())
        questions.append(ask_fraction(selection, "pairs"))
    assert held(questions, 0.9) >= 0.93


def connections(generator, strata: NDArray, share: float, *, spoilt: bool) -> Selection:
    """Return which pairs are connected: every pair for itself, or unless a network spoils it."""
    members = pairs_of(strata)
    if spoilt:
        connected = (generator.random(len(strata)) < np.sqrt(share))[members].all(1)
    else:
        connected = generator.random(len(members)) < share
    return Selection(strata, members, connected[:, None].astype(float), ())


def verdicts_on_most(generator, arms: int, share: float, *, spoilt: bool) -> tuple[float, float]:
    """Return in which share of studies most pairs of six networks an arm are connected, or not."""
    strata = np.repeat(list("abcde")[:arms], 6)
    verdicts = []
    for _ in range(LOOPS):
        selection = connections(generator, strata, share, spoilt=spoilt)
        evidence = ask_fraction(selection, "pairs").answer().evidence
        verdicts.append((evidence.low(TAIL) > MOST, evidence.high(TAIL) < MOST))
    supported, contradicted = np.mean(verdicts, axis=0)
    return float(supported), float(contradicted)


@pytest.mark.parametrize("arms", [3, 5])
@pytest.mark.parametrize("spoilt", [False, True], ids=["every pair for itself", "spoilt"])
def test_six_networks_decide_whether_most_pairs_are_connected(spoilt: bool, arms: int):
    """H4 can be supported and contradicted, and is neither where half of the pairs are."""
    generator = np.random.default_rng(arms)
    supported, contradicted = verdicts_on_most(generator, arms, MOST, spoilt=spoilt)
    assert max(supported, contradicted) <= 0.025
    often = {3: 0.5, 5: 0.9}[arms]
    assert verdicts_on_most(generator, arms, 0.99, spoilt=spoilt)[0] >= often
    assert verdicts_on_most(generator, arms, 0.01, spoilt=spoilt)[1] >= often


def test_a_mean_over_pairs_does_not_see_rare_failures():
    """Why H4 counts pairs: one of thirty rises by 0.3, which is 0.01 on average."""
    generator = np.random.default_rng(0)
    strata = np.repeat(list("abcde"), 6)
    below = []
    for _ in range(LOOPS):
        fails = connections(generator, strata, 1 / 30, spoilt=True)
        rises = Selection(strata, fails.members, 0.3 * fails.values, ())
        below.append(ask_over_arms(rises, "pairs").answer().evidence.high(TAIL) < 0.01)
    assert np.mean(below) > 0.1  # where 0.025 is promised


def correlated(generator, arms: int, networks: int, strength: float, *, pairs: bool, between=0.0):
    """Return two measures of the minima, or the pairs, of some arms."""
    strata = np.repeat(list("abcdef")[:arms], networks)
    x, y = generator.normal(size=(2, len(strata)))
    y = strength * x + np.sqrt(1 - strength**2) * y
    effects = between * generator.normal(size=(2, arms)).repeat(networks, axis=1)
    members = pairs_of(strata) if pairs else np.arange(len(strata))[:, None]
    columns = np.array([x, y])[:, members].sum(-1) + effects[:, members[:, 0]]
    return Selection(strata, members, columns.T, ())


@pytest.mark.parametrize("networks", NETWORKS)
@pytest.mark.parametrize("arms", [1, 4])
@pytest.mark.parametrize("strength", [0.0, 0.7])
@pytest.mark.parametrize("pairs", [False, True], ids=["minima", "pairs"])
def test_intervals_of_correlations_cover(pairs: bool, strength: float, arms: int, networks: int):
    """H1c and C5 of minima, C6 of pairs."""
    generator = np.random.default_rng(networks)
    questions = []
    for _ in range(LOOPS):
        selection = correlated(generator, arms, networks, strength, pairs=pairs)
        questions.append(ask_correlation(selection, "units"))
    truth = 6 / np.pi * np.arcsin(strength / 2)  # Spearman's coefficient of normal variables
    assert held(questions, truth) >= 0.93


@pytest.mark.parametrize("pairs", [False, True], ids=["minima", "pairs"])
def test_effects_of_arms_support_no_correlation(pairs: bool):
    """Arms differ in both measures, which have nothing to do with each other."""
    generator = np.random.default_rng(0)
    supported, pooled = [], []
    for _ in range(250):
        selection = correlated(generator, 5, 6, 0.0, pairs=pairs, between=3.0)
        evidence = ask_correlation(selection, "units").answer().evidence
        supported.append(evidence.low(TAIL) > 0)
        pooled.append(scipy.stats.spearmanr(*selection.values.T).pvalue < 0.05)
    assert np.mean(supported) <= 0.025
    assert np.mean(pooled) > 0.4  # what it would be over all units together


def test_an_effect_of_one_arm_is_not_one_of_all_arms():
    generator = np.random.default_rng(0)
    strata = np.repeat(list("abcde"), 6)
    members = pairs_of(strata)
    supported = []
    for effect in (np.array([0, 0, 0, 0, 9]), np.full(5, 2)):
        lows = []
        for _ in range(100):
            values = over_pairs(generator, members, (1,)) + effect[members[:, :1] // 6]
            answer = ask_over_arms(Selection(strata, members, values, ()), "pairs").answer()
            assert answer.evidence.estimate == pytest.approx(effect.mean(), abs=1.5)
            lows.append(answer.evidence.low(TAIL))
        supported.append(float((np.array(lows) > 0).mean()))
    assert supported[0] <= 0.025
    assert supported[1] >= 0.95
    assert answer.remark.startswith("by arm: a ")


def test_a_difference_of_means_is_that_of_welch():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=5), 1 + 4 * generator.normal(size=7)
    strata = np.repeat(["a", "b"], [5, 7])
    members = np.arange(12)[:, None]
    selection = Selection(strata, members, np.concatenate([first, second])[:, None], ())
    sides = {"a": strata == "a", "b": strata == "b"}
    evidence = ask_contrast(selection, sides).answer().evidence
    welch = scipy.stats.ttest_ind(first, second, equal_var=False)
    expected = welch.confidence_interval(0.95)
    assert [evidence.low(TAIL), evidence.high(TAIL)] == pytest.approx([expected.low, expected.high])
    assert 2 * min(evidence.above(0), evidence.below(0)) == pytest.approx(welch.pvalue)


def test_a_network_is_left_out_with_all_its_pairs():
    """The jackknife of a mean over pairs, written out."""
    values = np.array([1.0, 2.0, 6.0, 4.0, 8.0, 3.0])
    members = np.array(list(itertools.combinations(range(4), 2)))
    counts = leave_one_out(4)
    evidence = student(mean(values, counts[:, members].prod(-1)), ["a"] * 4)
    without = [np.mean(values[(members != network).all(1)]) for network in range(4)]
    assert evidence.estimate == values.mean()
    assert evidence.error == pytest.approx(np.sqrt(3 * np.var(without)))
    assert evidence.freedom == 3


def test_arms_that_are_too_small_are_left_out_by_name():
    strata = np.repeat(["a", "b", "c"], [6, 5, 4])
    members = np.arange(15)[:, None]
    values = np.arange(15.0)[:, None]
    question = ask_over_arms(Selection(strata, members, values, ("c/9 (diverged)",)), "all")
    assert question.left_out == ("c/9 (diverged)", "c (has 4 networks)")
    assert question.sizes == {"all": 11}
    assert question.answer().evidence.estimate == (2.5 + 8) / 2
    few = Selection(strata[7:], members[:8], values[7:], ())
    assert ask_over_arms(few, "all").sizes == {"all": 8}


EVIDENCE = {
    "a mean": Student(0.3, 0.2, 7),
    "a fraction": Fraction(0.7, 11.5),
    "in several ways": Throughout(0.3, [Student(0.3, 0.2, 7), Student(0.5, 0.1, 3)]),
    "the largest": Largest([Student(0.3, 0.2, 7), Student(0.5, 0.1, 3)]),
}


@pytest.mark.parametrize("tail", [0.01, 0.025, 0.2])
@pytest.mark.parametrize("evidence", EVIDENCE.values(), ids=EVIDENCE)
def test_intervals_and_p_values_agree(evidence, tail: float):
    assert evidence.above(evidence.low(tail)) == pytest.approx(tail)
    assert evidence.below(evidence.high(tail)) == pytest.approx(tail)
    assert evidence.low(tail) < evidence.estimate < evidence.high(tail)


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (3, 5), (5, 5), (70, 75)])
def test_a_fraction_has_the_interval_of_clopper_and_pearson(successes: int, n: int):
    expected = scipy.stats.binomtest(successes, n).proportion_ci(0.95, method="exact")
    fraction = Fraction(successes / n, n)
    assert [fraction.low(TAIL), fraction.high(TAIL)] == pytest.approx([expected.low, expected.high])


def test_the_largest_of_several_is_below_only_if_all_are():
    low, high = Student(-1.0, 0.1, 10), Student(0.0, 0.1, 10)
    assert Largest([low, high]).below(0.5) == high.below(0.5)
    assert Largest([low, high]).above(-0.5) == 2 * high.above(-0.5)


def test_holm_is_the_step_by_step_procedure():
    generator = np.random.default_rng(0)
    for _ in range(50):
        p_values = generator.random(8) ** 4
        rejected = set()
        for step, index in enumerate(np.argsort(p_values)):
            if p_values[index] >= 0.05 / (8 - step):
                break
            rejected.add(int(index))
        assert set(np.flatnonzero(holm(p_values) < 0.05).tolist()) == rejected
    assert len(holm([])) == 0


def test_what_has_no_verdict_is_not_counted_in_the_family():
    words = {"statement": "A.", "source": "B", "statistic": "c", "unit_of_n": "seeds"}
    words |= {"threshold": 0.0, "direction": "above", "level": 0.95, "estimate": 1.0}
    shown = {"low": 0.1, "high": 2.0, "seeds": 6}
    claims = [
        Judgement("A", **words, **shown, p=0.02),
        Judgement("B", **words, **shown, p=0.03),
        Judgement("C", **words, **(shown | {"seeds": 4}), p=0.001),
        Judgement("D", **words, **shown, p=0.001, kind="check"),
        Judgement("E", **words, seeds=6),
        Judgement("F", **words, **shown, p=0.001),
    ]
    family = as_family(claims)
    assert [claim.family for claim in family] == [3, 3, 0, 0, 0, 3]
    adjusted = [claim.family_p for claim in family]
    assert adjusted == pytest.approx([0.04, 0.04, np.nan, np.nan, np.nan, 0.003], nan_ok=True)
    assert [claim.family_verdict for claim in family] == [
        *("supported", "supported", "undecided", "", "undecided", "supported")
    ]
