"""Claims about charges as coordinates: what they say of studies whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from references import one_sample
from synthetic_study import case

from symgeom.study.claims.evaluate import judge
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.record import Judgement
from symgeom.study.claims.registry import CLAIMS
from symgeom.study.claims.valley import charge_distance, lowest_position, mean_charge


def judged(identifier: str, study: dict[str, xr.Dataset]) -> Judgement:
    """Return the judgement of one claim."""
    (claim,) = [claim for claim in CLAIMS if claim.identifier == identifier]
    return judge(claim, Measured(study))


def with_seeds(judgement: Judgement) -> Judgement:
    """Return a judgement of three seeds as if they were enough for a verdict."""
    assert judgement.verdict == "undecided"
    assert judgement.note.startswith("no verdict below 5 seeds: adam has ")
    return replace(judgement, seeds=6)


@pytest.fixture
def study():
    return {
        name: node.to_dataset() for name, node in case(["minima", "valleys", "distances"]).items()
    }


def test_walks_are_compared_with_the_balanced_network(study):
    sharper = judged("C3", study)
    faster = judged("C4", study)
    assert (sharper.estimate, faster.estimate) == (pytest.approx(1), pytest.approx(np.log2(1.5)))
    verdicts = [with_seeds(claim).verdict for claim in (sharper, faster)]
    assert verdicts == ["supported", "supported"]
    assert "by arm: adam 1, " in sharper.note
    assert "at the imbalances -4 and 4" in sharper.statistic
    assert sharper.kind == faster.kind == "check"
    assert "sgd/0 (no finite value)" in sharper.note
    assert sharper.n == 12


def test_a_walk_without_effect_is_contradicted(study):
    valleys = study["valleys"].copy(deep=True)
    valleys["eigenvalue"][:] = 1.0 / (1 + abs(valleys["imbalance"]))
    assert with_seeds(judged("C3", study | {"valleys": valleys})).verdict == "contradicted"


@pytest.fixture
def tilted(study):
    """The same walks, lowest where each network has its own imbalance, about 0.6."""
    valleys, random = study["valleys"].copy(deep=True), np.random.default_rng(5)
    lowest = random.normal(0.6, 0.1, valleys["own_eigenvalue"].sel(moment="end").shape)
    positions = np.arcsinh(valleys["imbalance"].values)
    heights = 3 * (positions - np.arcsinh(lowest[..., None])) ** 2 - 1
    for name, moment in (("eigenvalue", "end"), ("rate", "start")):
        old = valleys[name].sel(moment=moment)
        valleys[name].loc[{"moment": moment}] = np.where(old.notnull(), 2**heights, np.nan)
    walked = valleys["eigenvalue"].sel(moment="end", imbalance=0.0)
    return study | {"valleys": valleys}, walked.copy(data=lowest).where(walked.notnull())


def test_the_flattest_imbalance_is_the_vertex_of_a_parabola(tilted):
    study, lowest = tilted
    claim = judged("C3-minimum", study)
    expected = one_sample(lowest, study["minima"]["usable"].transpose("arm", "seed"))
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(expected)
    assert with_seeds(claim).verdict == "supported"
    assert claim.kind == "claim"
    assert "the lowest of -4, -1, 0, 1, 4 and its neighbours" in claim.statistic


def test_the_slowest_start_is_asked_beside_balance(tilted):
    study, _ = tilted
    claim = judged("C4-slow", study)
    rate = study["valleys"]["rate"].sel(moment="start")
    beside = np.log2(rate.sel(imbalance=1.0, drop=True) / rate.sel(imbalance=0.0, drop=True))
    expected = one_sample(beside, study["minima"]["usable"].transpose("arm", "seed"))
    assert (claim.estimate, claim.low, claim.high) == pytest.approx(expected)
    assert with_seeds(claim).verdict == "supported"
    assert "(imbalance 1)" in claim.statement


def test_a_valley_that_is_lowest_in_balance_does_not_support_another_place(study):
    assert judged("C3-minimum", study).estimate == pytest.approx(0, abs=1e-12)
    assert with_seeds(judged("C4-slow", study)).verdict == "contradicted"


def test_where_a_curve_is_lowest():
    """Between the points as polynomials of numpy say; at an end, where it ends."""
    positions = np.array([-2.0, -1.0, 0.0, 0.5, 2.0])
    heights = np.random.default_rng(3).normal(size=(40, 5))
    found = lowest_position(positions, heights)
    for curve, position in zip(heights, found, strict=True):
        lowest = int(np.argmin(curve))
        expected = positions[lowest]
        if 0 < lowest < 4:
            near = slice(lowest - 1, lowest + 2)
            square, linear, _ = np.polyfit(positions[near], curve[near], 2)
            expected = -linear / (2 * square)
        assert position == pytest.approx(expected)
    assert np.isnan(lowest_position(positions, heights[0] + np.array([0, 0, np.nan, 0, 0])))


def test_walks_to_the_outermost_imbalances_alone_do_not_tell_where_it_is_lowest(study):
    few = {"valleys": study["valleys"].sel(imbalance=[-4.0, 0.0, 4.0])}
    for identifier in ("C3-minimum", "C4-slow"):
        (claim,) = [claim for claim in CLAIMS if claim.identifier == identifier]
        assert claim.is_asked_of(Measured(study))
        assert not claim.is_asked_of(Measured(study | few))


def test_the_mean_charge_is_over_the_units_of_all_groups(study):
    ends = study["valleys"].sel(moment="end")
    by_hand = np.concatenate(
        [ends["charge_hidden1"].values, ends["charge_hidden2"].values], axis=-1
    )
    np.testing.assert_allclose(mean_charge(study["valleys"]).values, np.abs(by_hand).mean(-1))


def test_the_difference_of_charges_is_blind_to_the_order_of_units(study):
    apart = charge_distance(study["valleys"], study["distances"])
    shuffled = study["valleys"].copy(deep=True)
    shuffled["charge_hidden1"] = shuffled["charge_hidden1"].isel(
        hidden1=np.random.default_rng(0).permutation(12)
    )
    xr.testing.assert_allclose(charge_distance(shuffled, study["distances"]), apart)
    pair = {
        end: (
            str(study["distances"][f"{end}_arm"].values[3]),
            int(study["distances"][f"{end}_seed"].values[3]),
        )
        for end in ("first", "second")
    }
    sides = [study["valleys"].sel(arm=arm, seed=seed, moment="end") for arm, seed in pair.values()]
    differences = [
        np.abs(np.sort(sides[0][name]) - np.sort(sides[1][name]))
        for name in ("charge_hidden1", "charge_hidden2")
    ]
    assert float(apart[3]) == pytest.approx(np.concatenate(differences).mean())


@pytest.mark.parametrize("sign", [1, -1])
def test_correlations_have_the_sign_of_the_study(study, sign):
    valleys, distances = study["valleys"].copy(deep=True), study["distances"].copy(deep=True)
    valleys["own_eigenvalue"].loc[{"moment": "end"}] = 10 + sign * mean_charge(valleys)
    distances["distance"].loc[{"stage": "aligned"}] = 2 + sign * charge_distance(valleys, distances)
    sharp = judged("C5", study | {"valleys": valleys})
    apart = judged("C6", study | {"valleys": valleys, "distances": distances})
    for claim in (sharp, apart):
        assert claim.estimate == pytest.approx(sign)
        assert f"adversarial {sign:.2f}, rsgd {sign:.2f}, " in claim.note
        assert "between the means of 5 arms: " in claim.note
    assert apart.unit_of_n == "pairs"
