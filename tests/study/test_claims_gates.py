"""Gates: claims that compare arms are judged at equal depth and with headroom, or not at all."""

from dataclasses import replace

import committed
import numpy as np
import pytest
import xarray as xr
from study.test_claims import ARMS, PAIRS, ROLES, judged, stages

from symgeom.study.claims.evaluate import evaluate, judge
from symgeom.study.claims.family import as_family
from symgeom.study.claims.flatness import flatter
from symgeom.study.claims.gates import equal_depth
from symgeom.study.claims.measured import Measured, Tolerances
from symgeom.study.claims.record import Judgement

OF_FLAT_AND_REFERENCE = {
    "H1a",
    "H1a-escape",
    "H2a-reference",
    "H3-loss",
    "H3a-reference",
    "H3a-reference-escape",
    "H3a-reference-relative",
    "H6-star",
}
OF_FLAT_AND_SHARP = {
    "H2a",
    "H3-loss-sharp",
    "H3a",
    "H3a-escape",
    "H3a-relative",
    "H6-margin",
    "H6-star-sharp",
}
OF_REFERENCE_AND_SHARP = {"H1b", "H1b-escape"}


def gated(claims: dict[str, Judgement]) -> set[str]:
    """Return which claims are not judged; none of them has a verdict or is tested."""
    names = {name for name, claim in claims.items() if claim.gated}
    for claim in as_family(claims.values()):
        if claim.identifier in names:
            assert (claim.verdict, claim.family_verdict, claim.family) == (
                *("undecided", "undecided", 0),
            )
    return names


def deeper(study: dict[str, xr.Dataset], arm: str, **values: float) -> dict[str, xr.Dataset]:
    """Set training errors or losses of an arm."""
    for name, value in values.items():
        study["minima"][name].loc[{"arm": arm}] = value
    return study


@pytest.mark.parametrize("hold", [True, False], ids=["claims hold", "the opposite holds"])
@pytest.mark.parametrize(
    ("arm", "values", "concerned", "words"),
    [
        (
            "sgd",
            {"train_error": 0.08},
            OF_FLAT_AND_REFERENCE | OF_REFERENCE_AND_SHARP,
            "minima of flat (rsgd) and reference (sgd) end at training errors of 0.001 and 0.08, "
            "which are not within 0.01",
        ),
        (
            "rsgd",
            {"train_loss": 0.0249},
            OF_FLAT_AND_REFERENCE | OF_FLAT_AND_SHARP,
            "minima of flat (rsgd) and reference (sgd) end at training losses of 0.0249 and 0.01, "
            "which are not within a factor of 2",
        ),
        ("adversarial", {"train_error": 0.0109, "train_loss": 0.0199}, set(), ""),
        ("adam", {"train_error": 0.5}, set(), ""),
    ],
)
def test_arms_at_different_depths_are_not_compared_whatever_the_sign(
    hold: bool, arm: str, values: dict, concerned: set, words: str
):
    before = judged(stages(hold=hold))
    claims = judged(deeper(stages(hold=hold), arm, **values))
    assert gated(before) == set()
    assert gated(claims) == concerned
    if concerned:
        assert claims["H1a"].gated == words
    for name, claim in claims.items():
        if "relative" not in name:
            assert replace(claim, gated="") == before[name]  # the numbers are printed all the same


def test_tolerances_are_those_of_the_study():
    study = deeper(stages(hold=True), "sgd", train_error=0.08, train_loss=0.5)
    tolerant = Measured(study, ROLES, tolerances=Tolerances(error=0.1, loss=100))
    assert {claim.gated for claim in evaluate(tolerant)} == {""}
    strict = Measured(stages(hold=True), ROLES, tolerances=Tolerances(ceiling=0.0))
    assert {claim.identifier for claim in evaluate(strict) if claim.gated} == AT_CEILING


AT_CEILING = {
    "H3-loss",
    "H3-loss-sharp",
    "H3a",
    "H3a-reference",
    "H3a-relative",
    "H3a-reference-relative",
    "H3b",
    "H3b-permutation",
    "H3b-scale",
    "H3b-geodesic",
    "H3-matching",
    "H6-star-sharp",
    "H6-star",
}
"""The claims about barriers whose two sides can end at the error of guessing."""


@pytest.mark.parametrize("hold", [True, False], ids=["claims hold", "the opposite holds"])
def test_barriers_at_the_ceiling_on_both_sides_are_not_compared(hold: bool):
    study = stages(hold=hold)
    inside = {arm: [a[0] == b[0] == arm for a, b in PAIRS] for arm in ARMS}
    relative = study["paths"]["relative_barrier"]
    relative[..., inside["adversarial"]] = 0.95
    claims = judged(study)
    assert gated(claims) == set()  # one side has headroom
    seven = np.flatnonzero(inside["rsgd"])[:7]
    relative[..., seven] = 0.95
    assert gated(judged(study)) == set()  # 7 of 15
    relative[..., np.flatnonzero(inside["rsgd"])[:9]] = 0.95
    claims = judged(study)
    assert gated(claims) == {"H3-loss-sharp", "H3a", "H3a-relative", "H6-star-sharp"}
    assert claims["H3a"].gated == (
        "60% of the barriers inside flat (rsgd) and 100% inside sharp (adversarial) take 90% of "
        "the headroom or more"
    )
    relative[:] = 0.95
    claims = judged(study)
    assert gated(claims) == AT_CEILING
    assert claims["H3b-scale"].gated == (
        "with every kind of path that is compared, the barriers of 100% of the pairs take 90% of "
        "the headroom or more"
    )
    assert claims["H3a-escape"].verdict == ("supported" if hold else "contradicted")


def test_an_arm_of_equal_compute_is_compared_at_any_depth():
    study = deeper(stages(hold=True), "adam", train_error=0.5)
    measured = Measured(study, ROLES | {"equal_budget": "adam"})
    at_equal_depth = flatter("X", "flat", "adaptive")
    at_equal_compute = replace(at_equal_depth, gates=equal_depth("flat", "equal_budget"))
    assert judge(at_equal_depth, measured).verdict == "undecided"
    assert judge(at_equal_compute, measured).verdict == "supported"


def test_committed_networks_are_gated_where_ends_or_barriers_leave_no_room():
    """Sharp LeNets end at another error, and most barriers of residual networks at the ceiling."""
    lenet = judged_of("cifar10", "lenet")
    assert lenet["H3a"].estimate == pytest.approx(-0.2338, abs=1e-4)
    assert lenet["H3a"].gated.startswith(
        "minima of flat (rsgd) and sharp (adversarial) end at training errors of 0.00558 and 0.0189"
    )
    assert lenet["H3a-reference"].gated == ""
    residual = judged_of("cifar10", "resnet8")
    assert residual["H3b-scale"].gated.startswith("with every kind of path that is compared")
    assert residual["H3a"].gated == ""
    assert gated(judged_of("digits", "mlp")) == set()
    assert gated(judged_of("mnist", "mlp_biased")) == set()


def judged_of(study: str, case: str) -> dict[str, Judgement]:
    """Return the claims about a committed case by identifier."""
    return {claim.identifier: claim for claim in evaluate(committed.measured(study, case))}


def test_escapes_are_compared_up_to_the_smallest_lower_bound():
    """By hand: where the error does not rise so far, the distance of the minima is a bound."""
    study = stages(hold=True)
    ends = study["paths"]["escape_angle"].sel(geodesic="geodesic both")
    inside = {arm: [a[0] == b[0] == arm for a, b in PAIRS] for arm in ("rsgd", "sgd")}
    for arm, angle in (("rsgd", 1.0), ("sgd", 1.2)):
        ends[..., inside[arm]] = angle
    study["paths"]["escape_reached"][..., inside["rsgd"]] = 0
    claims = judged(study)
    claim = claims["H3a-reference-escape"]
    assert (claim.estimate, claim.verdict) == (0.0, "undecided")  # both go on to 1 rad at least
    assert claim.note == "up to 1 rad, because some errors do not rise so far between two minima"
    ends[0, inside["sgd"]] = 0.4
    claim = judged(study)["H3a-reference-escape"]
    assert claim.estimate == pytest.approx(1.0 - (0.4 + 1.0) / 2)
    assert claim.verdict == "supported"
    study["paths"]["escape_reached"][:] = 1
    claim = judged(study)["H3a-reference-escape"]
    assert (claim.estimate, claim.note) == (pytest.approx(1.0 - (0.4 + 1.2) / 2), "")
