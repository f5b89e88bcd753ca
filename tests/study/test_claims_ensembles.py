"""Claims about ensembles: their numbers follow from made-up arrays, and all of them can fail."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from synthetic_neighbours import KINDS, neighbours

from symgeom.study.claims import ensembles, robustness
from symgeom.study.claims.ensemble_table import SCORES, ensemble_intervals
from symgeom.study.claims.evaluate import judge
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.record import Judgement
from symgeom.study.pairs import ring_runs

CLAIMS = (*ensembles.CLAIMS, *robustness.CLAIMS)
ARMS = ["sgd", "swa"]
SEEDS = 6


def study(*, hold: bool = True, seeds: int = SEEDS, kinds: dict = KINDS) -> dict[str, xr.Dataset]:
    labels = {"arm": ARMS, "seed": list(range(seeds))}
    usable = xr.DataArray(np.ones((2, seeds), bool), labels, ("arm", "seed"))
    random = np.random.default_rng(0)
    measured = neighbours(random, seeds, arms=ARMS, hold=hold, kinds=kinds)
    return {"minima": xr.Dataset({"usable": usable}), "neighbours": measured}


def judged(stages: dict[str, xr.Dataset]) -> dict[str, Judgement]:
    measured = Measured(stages, {"reference": "sgd"})
    asked = [claim for claim in CLAIMS if claim.is_asked_of(measured)]
    return {claim.identifier: judge(claim, measured) for claim in asked}


@pytest.mark.parametrize(("hold", "verdict"), [(True, "supported"), (False, "contradicted")])
def test_all_claims_can_hold_and_fail(hold, verdict):
    claims = judged(study(hold=hold))
    assert {name: claim.verdict for name, claim in claims.items()} == dict.fromkeys(
        [claim.identifier for claim in CLAIMS], verdict
    )
    assert {name for name, claim in claims.items() if claim.kind == "check"} == {"R-hidden"}


def test_ensembles_of_one_minimum_are_compared_seed_by_seed():
    stages = study()
    claims = judged(stages)
    arrays = stages["neighbours"].sel(arm="sgd", scale=0.1)
    above = (arrays["error"].sel(kind="orbit") - arrays["error"].sel(kind="perturbation")).values
    student = scipy.stats.ttest_1samp(above, 0)
    claim = claims["E1-perturbation"]
    interval = student.confidence_interval(0.95)
    assert (claim.estimate, claim.low, claim.high) == pytest.approx((above.mean(), *interval))
    assert (claim.n, claim.seeds) == (SEEDS, SEEDS)
    assert claim.note.startswith("orbit 0.2, perturbation 0.26")
    assert "2 members, scale 0.1" in claim.statistic


@pytest.mark.parametrize(("kind", "lost"), [("simplex", None), ("chain", None), ("chain", 2)])
def test_ensembles_of_several_minima_leave_a_network_out_with_all_its_runs(kind, lost):
    stages = study()
    if lost is not None:
        stages["minima"]["usable"].loc["sgd", lost] = False
    claim = judged(stages)[f"E3-{kind}"]
    error = stages["neighbours"]["error"].sel(arm="sgd", scale=0.1)
    runs = ring_runs(range(SEEDS), KINDS[kind][0])
    runs = {run: first for first, run in runs.items() if lost not in run}
    value = {}
    for run, first in runs.items():
        single = np.mean([float(error.sel(kind="single", seed=seed)) for seed in run])
        value[run] = float(error.sel(kind=kind, seed=first)) - single
    networks = [seed for seed in range(SEEDS) if seed != lost]
    without = [np.mean([value[run] for run in runs if seed not in run]) for seed in networks]
    assert claim.estimate == pytest.approx(np.mean(list(value.values())))
    freedom = len(networks) - 1
    half = scipy.stats.t.ppf(0.975, freedom) * np.sqrt(freedom * np.var(without))
    assert claim.high - claim.estimate == pytest.approx(half)
    assert claim.n == len(runs)
    assert ("sgd/2" in claim.note) == (lost is not None)


def test_a_gain_against_a_transferred_attack_alone_is_no_robustness():
    stages = study()
    robust = stages["neighbours"]["robust_error"]
    robust.loc[{"kind": "orbit", "aim": "aimed"}] += 0.3
    robust.loc[{"kind": "orbit", "aim": "either"}] += 0.3
    claims = judged(stages)
    assert claims["R1-transferred"].verdict == "supported"
    assert claims["R1"].verdict == claims["R1-aimed"].verdict == "contradicted"
    assert "on the same inputs as they are: orbit 0.2, single 0.3" in claims["R1"].note


def test_a_hidden_gradient_is_seen():
    stages = study()
    robust = stages["neighbours"]["robust_error"]
    robust.loc[{"kind": "orbit", "aim": "aimed"}] -= 0.1
    claims = judged(stages)
    assert claims["R-hidden"].verdict == "contradicted"
    assert claims["R-hidden"].note.startswith("aimed 0.32, transferred 0.4")


def test_corruptions_are_averaged_and_budgets_are_those_that_claims_are_about():
    stages = study()
    arrays = stages["neighbours"].sel(arm="sgd")
    mean = arrays["corrupted_error"].mean(("corruption", "severity"))
    claims = judged(stages)
    expected = (mean.sel(kind="orbit") - mean.sel(kind="single")).mean()
    assert claims["R4"].estimate == pytest.approx(float(expected))
    attacked = arrays["robust_error"].sel(attack="pgd", budget=0.1, aim="either")
    expected = (attacked.sel(kind="orbit") - attacked.sel(kind="perturbation")).mean()
    assert claims["R1-perturbation"].estimate == pytest.approx(float(expected))
    assert "pgd within 0.1 of the range" in claims["R1-perturbation"].statistic


def test_a_study_is_asked_about_the_kinds_that_it_has():
    few = {name: KINDS[name] for name in ("single", "orbit", "perturbation")}
    claims = judged(study(kinds=few))
    assert {"E1", "E1-perturbation", "R1", "R4-perturbation"} <= set(claims)
    assert not {"E2", "E1-inverse", "E3-chain", "R2"} & set(claims)
    stages = study(kinds=few)
    stages["neighbours"] = stages["neighbours"].drop_vars(["robust_error", "corrupted_error"])
    assert not [name for name in judged(stages) if name.startswith("R")]
    stages["neighbours"] = stages["neighbours"].where(stages["neighbours"]["arm"] != "sgd")
    assert judged(stages) == {}
    assert judged(study(seeds=2, kinds=few))["E1"].verdict == "undecided"


def test_where_no_run_is_left_there_is_no_interval():
    claims = judged(study(seeds=3))
    assert (claims["E3-simplex"].n, claims["E3-simplex"].seeds) == (3, 3)
    assert np.isnan(claims["E3-simplex"].low)


def test_the_table_has_means_and_differences_from_one_minimum():
    stages = study()
    rows = ensemble_intervals(Measured(stages), case="tiny")
    by_labels = {(row["arm"], row["kind"], row["score"]): row for row in rows}
    assert len(rows) == len(KINDS) * len(SCORES) + len(SCORES)
    assert {row["kind"] for row in rows if row["arm"] == "swa"} == {"single"}
    claim = judged(stages)["E3-chain"]
    row = by_labels["sgd", "chain", "error"]
    bounds = (row["difference"], row["difference_low"], row["difference_high"])
    assert bounds == pytest.approx((claim.estimate, claim.low, claim.high))
    assert (row["minima"], row["members"], row["title"]) == (2, 2, "the chain")
    single = by_labels["sgd", "single", "loss"]
    assert (single["members"], single["difference"]) == (1, 0)
    values = stages["neighbours"]["loss"].sel(arm="sgd", kind="single", scale=0.1).values
    assert single["mean"] == pytest.approx(values.mean())
    interval = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (single["low"], single["high"]) == pytest.approx(tuple(interval))
    stages["neighbours"] = stages["neighbours"].drop_vars("robust_error")
    scores = {row["score"] for row in ensemble_intervals(Measured(stages))}
    assert not any(name.startswith("robust") for name in scores)
    assert ensemble_intervals(Measured({"minima": stages["minima"]})) == []


def test_the_words_of_a_claim_name_the_arm():
    claim = judged(study())["E1"]
    assert "reference (sgd)" in claim.statement
    assert replace(claim, seeds=4).verdict == "undecided"
