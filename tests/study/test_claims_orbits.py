"""Claims about points of an orbit: each follows from the made-up arrays in a few lines."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from references import one_sample
from synthetic_study import case

from symgeom.study.claims.evaluate import evaluate, judge
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.orbits import CLAIMS, NEAR
from symgeom.study.claims.record import Judgement

ROLES = {"reference": "rsgd"}
OF_ALL = {
    "N2-trace": ("trace", "noise", "trained"),
    "N2-trace-balanced": ("trace", "noise", "balanced"),
    "N2-top": ("eigenvalue", "noise", "trained"),
    "N2-top-balanced": ("eigenvalue", "noise", "balanced"),
    "N2-flattest": ("trace", "noise", "flattest"),
    "N2-shuffled": ("trace", "shuffled", "trained"),
    "N2-random": ("trace", "random", "trained"),
}


@pytest.fixture
def study() -> dict[str, xr.Dataset]:
    return {name: node.to_dataset() for name, node in case(["minima", "orbits"]).items()}


def judged(study: dict[str, xr.Dataset]) -> dict[str, Judgement]:
    """Return the judgements, of three seeds as if they were enough for a verdict."""
    measured = Measured(study, ROLES)
    return {claim.identifier: replace(judge(claim, measured), seeds=6) for claim in CLAIMS}


def octaves(study: dict[str, xr.Dataset], variable: str, point: str, other: str) -> xr.DataArray:
    values = study["orbits"][variable]
    return np.log2(values.sel(point=point, drop=True)) - np.log2(values.sel(point=other, drop=True))


def test_points_are_compared_minimum_by_minimum_and_arm_by_arm(study):
    claims = judged(study)
    usable = study["minima"]["usable"].transpose("arm", "seed")
    for identifier, where in OF_ALL.items():
        claim = claims[identifier]
        expected = one_sample(octaves(study, *where), usable)
        assert (claim.estimate, claim.low, claim.high) == pytest.approx(expected)
        assert claim.verdict == "supported"
        assert claim.note.startswith(("no verdict", "by arm"))
        assert claim.n == (12 if where[0] == "trace" else 13)
    of_reference = octaves(study, "trace", "balanced", "trained").sel(arm="rsgd").values
    assert claims["N2-decay"].estimate == pytest.approx(of_reference.mean())
    assert claims["N2-decay"].n == 3
    assert claims["N2-flattest"].threshold == NEAR
    assert {name for name, claim in claims.items() if claim.kind == "check"} == {"N2-random"}


def test_an_equilibrium_that_is_no_flat_point_contradicts_them(study):
    orbits = study["orbits"].copy(deep=True)
    trained = study["orbits"].sel(point="trained")
    for name in ("trace", "eigenvalue"):
        orbits[name].loc[{"point": "noise"}] = 1.5 * trained[name]
    claims = judged(study | {"orbits": orbits})
    contradicted = [name for name, claim in claims.items() if claim.verdict == "contradicted"]
    assert contradicted == list(OF_ALL)[:5]


def test_the_sentences_name_the_matrix(study):
    smooth = study["orbits"].assign_attrs(matrix="Gauss-Newton matrix")
    claims = judged(study | {"orbits": smooth})
    assert "trace of the Gauss-Newton matrix at the noise" in claims["N2-trace"].statistic
    assert "trace of the Hessian at the noise" in judged(study)["N2-trace"].statistic


def test_networks_without_orbits_are_asked_nothing_about_them():
    study = {name: node.to_dataset() for name, node in case().items()}
    study["orbits"] = study["orbits"].drop_vars(list(study["orbits"]))
    asked = {claim.identifier for claim in evaluate(Measured(study, ROLES))}
    assert not [name for name in asked if name.startswith("N2-")]
