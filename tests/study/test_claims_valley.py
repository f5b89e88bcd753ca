"""Claims about charges as coordinates: what they say of studies whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from synthetic_study import case

from symgeom.study.claims.evaluate import judge
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.record import Judgement
from symgeom.study.claims.registry import CLAIMS
from symgeom.study.claims.valley import charge_distance, mean_charge


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
