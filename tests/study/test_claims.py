"""Claims: the verdict follows from the interval, which covers the truth; gaps are named."""

import csv
import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import synthetic_study
import xarray as xr
from synthetic_dynamics import noise_models
from synthetic_neighbours import neighbours

from symgeom.ground.checks import SymgeomError
from symgeom.store import write_store
from symgeom.study.claims import noise
from symgeom.study.claims.evaluate import STAGES, evaluate, evaluate_model, judge
from symgeom.study.claims.intervals import barrier_intervals, write_barriers
from symgeom.study.claims.measured import Measured, Tolerances
from symgeom.study.claims.reading import read_cases
from symgeom.study.claims.record import Judgement, read_claims, table, write_claims
from symgeom.study.claims.registry import CLAIMS, CLAIMS_OF_MODELS

ARMS = ("rsgd", "sgd", "adam", "adversarial")
SEEDS = tuple(range(6))
ROLES = {
    "flat": "rsgd",
    "reference": "sgd",
    "sharp": "adversarial",
    "equivariant": ["sgd", "adversarial"],
    "adaptive": "adam",
}
JITTER = 0.004 * np.array(
    [-2.5, 1.5, -0.5, 0.5, -1.5, 2.5]
)  # adds to zero, so that means are known exactly
PAIRS = list(itertools.combinations([(arm, seed) for arm in ARMS for seed in SEEDS], 2))
TERMS = ["weight_decay", "noise", "discretisation", "optimizer"]
TERMS += [f"carried_{cause}" for cause in TERMS]
CHARGED = {"C1", "C2", "N1", "N1-size", "N1-adaptive"}
FORCES = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 4.0])  # the third unit is dead
WORDS = {"statement": "A.", "source": "B", "statistic": "c, 'd'", "unit_of_n": "seeds"}
SEEDED = WORDS | {"seeds": 6}


def over_minima(levels: dict[str, float], jitter: np.ndarray = JITTER) -> xr.DataArray:
    """Return an array over arm and seed: a level per arm, and a jitter per seed of mean zero."""
    values = [[levels[arm] + shift for shift in jitter] for arm in ARMS]
    return xr.DataArray(values, {"arm": list(ARMS), "seed": list(SEEDS)})


def over_pairs(levels: dict[str, float], jitter: np.ndarray = JITTER) -> xr.DataArray:
    """Return an array over all pairs: the mean of the arms' levels, and the mean of the jitters."""
    values = [np.mean([levels[arm] + jitter[seed] for arm, seed in pair]) for pair in PAIRS]
    names = {"first_arm": (0, 0), "first_seed": (0, 1), "second_arm": (1, 0), "second_seed": (1, 1)}
    return xr.DataArray(
        values,
        {
            name: ("pair", [pair[end][part] for pair in PAIRS])
            for name, (end, part) in names.items()
        },
        "pair",
    )


def of_charges(sign: int) -> dict[str, tuple]:
    """Return ledgers in which noise moved charges along the force, or against it, from step 70 on.

    With decay, all charges end at zero; those of the adaptive arm come from the other side.
    """
    terms = np.zeros((len(ARMS), len(SEEDS), 4, len(TERMS), len(FORCES)))
    terms[..., 2:, TERMS.index("noise"), :] = sign * FORCES / 4
    terms[..., 2:, TERMS.index("carried_noise"), :] = sign * FORCES / 2
    terms[..., 3, TERMS.index("carried_weight_decay"), :] = -0.1
    charges = np.zeros((len(ARMS), len(SEEDS), 4, len(FORCES)))
    charges[..., 1, :] = -sign * FORCES
    charges[ARMS.index("adam"), :, 1] *= -1
    along = ("arm", "seed", "step")
    return {
        "term_hidden1": ((*along, "term", "hidden1"), terms),
        "charge_hidden1": ((*along, "hidden1"), charges),
    }


def stages(*, hold: bool) -> dict[str, xr.Dataset]:
    """Return a study in which every claim holds, or in which the opposite of every claim holds."""
    levels = dict(zip(ARMS, (0.1, 0.2, 0.25, 0.4) if hold else (0.4, 0.2, 0.25, 0.1), strict=True))
    energy = over_minima(levels)
    sign = 1 if hold else -1
    pair = over_pairs(levels, sign * JITTER)
    variants = [
        "linear raw",
        "linear normalised",
        "geodesic normalised",
        "linear aligned",
        "geodesic both",
        "geodesic greedy",
        "linear both",
    ]
    train = xr.concat(
        [pair + sign * shift for shift in (0.3, 0.4, 0.2, 0.35, 0, 0.25, 0.15)],
        xr.IndexVariable("variant", variants),
    )
    # Inside arms the loss is in the order of the error; between them it rises less, or more.
    across = train["first_arm"] != train["second_arm"]
    loss = 3 * train - 0.1 * across if hold else 3 - 3 * train + across
    # The chains' worse ends have an error of 0.1.
    ends = xr.concat([0 * pair, 0 * pair + 0.1], "t").expand_dims(split=["train", "test"])
    bent, straight, control = (0.001, 0.2, 0.4) if hold else (0.05, 0.0, -0.4)
    distance_stages = xr.IndexVariable("stage", ["normalised", "aligned"])
    splits = xr.IndexVariable("split", ["train", "test"])
    moments = xr.IndexVariable("moment", ["start", "end"])
    zero = dict.fromkeys(ARMS, 0.0)
    displaced = over_minima(zero, JITTER) + 1.0
    kinds = xr.IndexVariable("control", ["random", "signs"])
    of_kinds = [
        xr.concat([9 + 0 * pair, pair + control + extra], distance_stages)
        for extra in (sign * 0.2, sign * 0.1)
    ]
    consecutive = [one[0] == two[0] and two[1] - one[1] == 1 for one, two in PAIRS]
    controls = xr.concat(of_kinds, kinds).where(xr.DataArray(consecutive, dims="pair"))
    barrier = xr.concat([train, 1 - train], splits)
    escape = (1 - pair).expand_dims(geodesic=["geodesic both"], end=["first", "second"])
    octaves = {"trained": 0, "balanced": 0.3, "noise": -0.5, "flattest": -0.6 if hold else 0.0}
    octaves |= {"shuffled": 0.2, "random": 1.0}
    points = xr.IndexVariable("point", list(octaves))
    valley = xr.concat(
        [
            2 ** (sign * over_minima(dict.fromkeys(ARMS, 0.0), (1 + n) * JITTER) + sign * level)
            for n, level in enumerate(octaves.values())
        ],
        points,
    )
    study = {
        "minima": xr.Dataset({
            "test_error": 0.5 + sign * energy / 2,
            "train_error": 0 * energy + 0.001,
            "train_loss": 0 * energy + 0.01,
            "usable": energy > 0,
        }),
        "flatness": xr.Dataset({
            "local_energy": energy.expand_dims(amplitude=[0.1, 0.3, 0.5]),
            "margin": 1 - energy.expand_dims(quantile=[0.0, 0.1, 0.5]),
            "escape_angle": 1 - energy,
        }, attrs={"escape_rise": 0.05}),
        "distances": xr.Dataset({
            "distance": xr.concat([pair + 0.3, pair], distance_stages),
            "control_distance": controls,
        }, {"control_title": ("control", ["random networks", "shuffled signs"])}),
        "paths": xr.Dataset({
            "barrier": barrier,
            "loss_barrier": xr.concat([loss, 1 - loss], splits),
            "relative_barrier": barrier / 0.9,
            "escape_angle": escape,
            "escape_reached": 0 * escape + 1,
        }, attrs={"escape_rise": 0.05}),
        "chains": xr.Dataset({
            "bend_error": 0.1 + 0 * pair + bent,
            "straight_error": 0.1 + 0 * pair + straight,
            "error": ends,
        }),
        "ledgers": xr.Dataset({
            "closure": 0 * energy + (1e-14 if hold else 1e-6),
            "first_order": 0 * energy + (0.3 if hold else 0.001),
            **of_charges(sign),
        }, {"step": [0, 70, 80, 100], "term": TERMS}),
        "equilibria": xr.Dataset({
            "displacement": xr.concat([displaced, displaced], moments),
            "displacement_hidden1": energy,
            "decay_ratio": 0 * energy + 0.5,
            "force_hidden1": (
                ("arm", "seed", "moment", "hidden1"),
                np.broadcast_to(FORCES, (len(ARMS), len(SEEDS), 2, len(FORCES))),
            ),
        }, {"moment": ["start", "end"]}),
        "orbits": xr.Dataset({"trace": valley, "eigenvalue": 0.1 * valley}),
    }  # fmt: skip
    return {name: dataset.copy(deep=True) for name, dataset in study.items()}


def judged(study: dict[str, xr.Dataset], roles: dict = ROLES) -> dict[str, Judgement]:
    """Return the claims by identifier."""
    return {claim.identifier: claim for claim in evaluate(Measured(study, roles))}


@pytest.mark.parametrize(
    ("direction", "low", "high", "verdict"),
    [
        ("below", -2.0, -1.0, "supported"),
        ("below", 1.0, 2.0, "contradicted"),
        ("below", -1.0, 1.0, "undecided"),
        ("above", 1.0, 2.0, "supported"),
        ("above", -2.0, -1.0, "contradicted"),
        ("above", -1.0, 1.0, "undecided"),
        ("above", 0.0, 1.0, "undecided"),
        ("below", -1.0, 0.0, "undecided"),
        ("below", math.nan, math.nan, "undecided"),
        ("above", math.nan, math.nan, "undecided"),
    ],
)
def test_verdict(direction: str, low: float, high: float, verdict: str):
    at_zero = Judgement("X", **SEEDED, threshold=0.0, direction=direction, low=low, high=high)
    assert at_zero.verdict == verdict
    moved = replace(at_zero, threshold=5.0, low=low + 5, high=high + 5)
    assert moved.verdict == verdict
    assert replace(at_zero, seeds=4).verdict == "undecided"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.5, 0.5, "equivalent"),
        (-1.0, 0.5, "undecided"),
        (0.5, 1.5, "undecided"),
        (1.5, 2.5, "contradicted"),
        (-2.5, -1.5, "contradicted"),
        (math.nan, math.nan, "undecided"),
    ],
)
def test_an_equivalence_needs_the_whole_interval_within(low: float, high: float, verdict: str):
    asked = Judgement("X", **SEEDED, threshold=1.0, direction="within", low=low, high=high)
    assert asked.verdict == verdict


def test_a_claim_with_other_words_is_refused():
    with pytest.raises(
        SymgeomError, match="Unknown direction of claim X 'less': choose one of 'above', 'below'"
    ):
        Judgement("X", **WORDS, threshold=0.0, direction="less")
    with pytest.raises(SymgeomError, match="Unknown unit of n of claim X 'networks'"):
        Judgement("X", **(WORDS | {"unit_of_n": "networks"}), threshold=0.0, direction="below")
    with pytest.raises(SymgeomError, match="Unknown kind of claim X 'theorem'"):
        Judgement("X", **WORDS, threshold=0.0, direction="below", kind="theorem")


def test_claims_table_round_trip(tmp_path: Path):
    undecided = Judgement(
        "N",
        **WORDS,
        threshold=1e-10,
        direction="below",
        note='left out: "sgd/3", sgd/4',
        case="digits-mlp",
    )
    decided = replace(
        undecided,
        identifier="D",
        estimate=-0.1,
        low=-1 / 3,
        high=1e-300,
        level=0.9,
        p=0.01,
        n=6,
        seeds=6,
        kind="check",
        family=3,
        family_p=0.02,
        gated="minima of a and b differ",
    )
    write_claims(tmp_path / "claims.csv", [undecided, decided])
    first, second = read_claims(tmp_path / "claims.csv")
    assert second == decided
    assert math.isnan(first.low)
    numbers = dict.fromkeys(["estimate", "low", "high", "level", "p", "family_p"], 0.0)
    assert replace(first, **numbers) == replace(undecided, **numbers)
    with open(tmp_path / "claims.csv", newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == ["undecided", "undecided"]
    assert replace(second, gated="").verdict == "supported"


def test_a_typed_verdict_is_not_believed(tmp_path: Path):
    path = tmp_path / "claims.csv"
    write_claims(
        path, [Judgement("D", **SEEDED, threshold=0.0, direction="below", low=1.0, high=2.0)]
    )
    path.write_text(path.read_text().replace("contradicted", "supported"))
    assert [row["verdict"] for row in table(read_claims(path))] == ["contradicted"]


def test_a_foreign_table_is_refused(tmp_path: Path):
    (tmp_path / "claims.csv").write_text("name,value\na,1\n")
    with pytest.raises(
        SymgeomError,
        match=r"Cannot read '.*claims.csv' as a claims table: its columns are \['name', 'value'\]",
    ):
        read_claims(tmp_path / "claims.csv")


SHARP = (
    "H1b",
    "H2a",
    "H2b-sharp",
    "H3a",
    "H3a-relative",
    "H1b-escape",
    "H3a-escape",
    "H3-loss-sharp",
    "H6-margin",
    "H6-star-sharp",
    "H6-hubs",
)
"""The claims that ask for sharp minima."""


@pytest.mark.parametrize("failed", [0, 1, 4, 5, 6])
def test_networks_that_memorised_nothing_are_not_sharp(failed: int):
    study = stages(hold=True)
    before = judged(study)
    ended = over_minima(dict.fromkeys(ARMS, 0.0)).astype(str)
    ended[:] = ""
    ended.loc["adversarial"] = ["epoch limit"] * failed + ["reached"] * (len(SEEDS) - failed)
    status = xr.full_like(ended, "reached")
    study["minima"] = study["minima"].assign(status=status, pretraining_status=ended)
    claims = judged(study)
    for name, claim in claims.items():
        concerned = failed > 0 and name in SHARP
        assert (claim != before[name]) == concerned
        for seed in SEEDS:
            left_out = f"adversarial/{seed} (random labels not memorised)"
            assert (left_out in claim.note) == (concerned and seed < failed)
    left = len(SEEDS) - failed
    assert claims["H1b"].n == left
    for name in ("H1b", "H2a"):
        assert claims[name].verdict == ("supported" if left >= 5 else "undecided")
    too_few = "too few data: sharp (adversarial) has"
    assert claims["H1b"].note.startswith(too_few) == (left < 2)


def test_all_claims_of_a_study_in_which_they_hold():
    claims = judged(stages(hold=True))
    verdicts = dict.fromkeys(claims, "supported")
    assert {name: claim.verdict for name, claim in claims.items()} == verdicts
    expected = {
        "H1a": (-0.1, 6),
        "H1b": (-0.2, 6),
        "H1c": (1.0, 24),
        "H2a": (-0.3, 15),
        "H2a-reference": (-0.1, 15),
        "H2b": (-0.5, 20),  # the nearer control, and five consecutive pairs of four arms
        "H2b-sharp": (-0.5, 5),
        "H3a": (-0.3, 15),
        "H3a-reference": (-0.1, 15),
        "H3a-relative": (-0.3 / 0.9, 15),
        "H3a-reference-relative": (-0.1 / 0.9, 15),
        "H3b": (-0.2, 60),
        "H3b-permutation": (-0.2, 60),
        "H3b-scale": (0.1, 60),
        "H3b-geodesic": (-0.15, 60),
        "H1a-escape": (0.1, 6),
        "H1b-escape": (0.2, 6),
        "H3a-escape": (0.3, 15),
        "H3a-reference-escape": (0.1, 15),
        "H3-matching": (-0.25, 60),
        "H3-loss": (0.1 / 0.45, 15),
        "H3-loss-sharp": (0.1 / 0.75, 15),
        "H3-loss-order": (1.0, 60),
        "H6-margin": (0.3, 6),
        "H6-star": (-0.05, 60),  # the smaller side is that of the control hubs
        "H6-star-sharp": (-0.15, 60),
        "H6-hubs": (1.0, 18),
        "H4": (1.0, 276),
        "H4-bend": (0.199, 276),
        "C1": (1e-14, 12),
        "C2": (0.3, 6),
        "N-trace": (1.0, 24),
        "N2-trace": (-0.5, 24),
        "N2-trace-balanced": (-0.8, 24),
        "N2-top": (-0.5, 24),
        "N2-top-balanced": (-0.8, 24),
        "N2-flattest": (0.1, 24),
        "N2-decay": (0.3, 6),
        "N2-shuffled": (0.2, 24),
        "N2-random": (1.0, 24),
        "N1": (0.48, 6),  # 3 of 5 living units are pushed up: by chance 0.52 of them agree
        "N1-size": (1.0, 6),
        "N1-adaptive": (2.0, 6),
    }
    assert {name: (claim.estimate, claim.n) for name, claim in claims.items()} == {
        name: (pytest.approx(estimate), n) for name, (estimate, n) in expected.items()
    }
    assert all(
        claim.low <= claim.estimate <= claim.high or claim.low == pytest.approx(claim.high)
        for claim in claims.values()
    )
    over_arms = {"H1c", "H2b", "H2b-sharp", "H3b", "H3-matching", "H3-loss-order", "H4", "H4-bend"}
    over_arms |= {"H3b-permutation", "H3b-scale", "H3b-geodesic", "N-trace"}
    over_arms |= {name for name in claims if name.startswith("N2-") and name != "N2-decay"}
    with_parts = {"H3-loss", "H3-loss-sharp", "H6-star", "H6-star-sharp", "H6-hubs"}
    with_parts |= {"N1", "N1-adaptive"}
    assert {name for name, claim in claims.items() if claim.note} == over_arms | with_parts
    assert claims["H3-loss"].note == "relative to the arms: error 1, loss 0.778"
    assert claims["H2b"].note == (
        "from random networks -0.6, shuffled signs -0.5; "
        "by arm: adam -0.5, adversarial -0.5, rsgd -0.5, sgd -0.5"
    )
    assert claims["H1c"].note == (
        "within arms: adam 1.00, adversarial 1.00, rsgd 1.00, sgd 1.00; "
        "between the means of 4 arms: 1.00"
    )
    assert claims["H4"].note.startswith("276 of 276 pairs; by arm: adam 1, ")
    assert claims["H4"].note.endswith("between arms 1; mean rise 0.001, largest 0.001")
    assert {claim.seeds for claim in claims.values()} == {6}


def test_imported_minima_are_used_and_said():
    study = stages(hold=True)
    minima = study["minima"]
    status = np.where(minima["arm"] == minima["arm"][0], "imported", "reached")
    study["minima"] = minima.assign(
        status=(("arm", "seed"), np.broadcast_to(status[:, None], minima["usable"].shape))
    )
    name, plain = str(minima["arm"].values[0]), judged(stages(hold=True))
    for identifier, claim in judged(study).items():
        words = f"imported, and used whatever their loss: {name}"
        assert claim.note in (words, f"{plain[identifier].note}; {words}")
        assert (claim.estimate, claim.n) == (plain[identifier].estimate, plain[identifier].n)


def test_all_claims_of_a_study_in_which_the_opposite_holds():
    claims = judged(stages(hold=False))
    assert {name: claim.verdict for name, claim in claims.items()} == dict.fromkeys(
        claims, "contradicted"
    )


def test_all_claims_of_a_study_without_differences_are_undecided():
    """Every measurement is noise about its claim's threshold.

    C1 is a check without an interval.
    """
    study = stages(hold=True)
    generator = np.random.default_rng(5)
    centres = {"test_error": 0.5, "closure": 6e-11, "first_order": 0.01, "control_distance": 0.5}
    for name in study:
        for variable, array in study[name].items():
            if variable not in ("usable", "train_error", "train_loss"):
                centre = centres.get(variable, 0.5)
                noise = generator.normal(size=array.shape)
                values = 2**noise if name == "orbits" else centre * (1 + 0.5 * noise)
                study[name][variable] = (array.dims, values)
    bent = np.arange(len(PAIRS)) % 2 == 0
    study["chains"]["bend_error"] = ("pair", np.where(bent, 0.005, 0.02))
    study["chains"]["error"] = 0 * study["chains"]["error"]
    gain = 0.01 * generator.normal(size=len(PAIRS))
    study["chains"]["straight_error"] = study["chains"]["bend_error"] + gain
    undecided = {name for name, claim in judged(study).items() if claim.verdict == "undecided"}
    assert undecided >= {
        "H1a",
        "H1b",
        "H1c",
        "H2a",
        "H2a-reference",
        "H2b",
        "H3a",
        "H4",
        "H4-bend",
        "C2",
        "N1",
        "N2-trace",
        "N2-top",
        "N2-decay",
    }


def test_equal_studies_give_equal_claims_in_any_order():
    study = stages(hold=True)
    order = np.random.default_rng(0).permutation(len(PAIRS))
    turned = {
        name: dataset.isel(pair=order) if "pair" in dataset.dims else dataset
        for name, dataset in study.items()
    }
    turned["minima"] = turned["minima"].isel(seed=[3, 4, 5, 0, 1, 2], arm=[2, 3, 0, 1])
    turned["flatness"] = (
        turned["flatness"]
        .isel(seed=[5, 4, 3, 2, 1, 0], arm=[3, 1, 0, 2])
        .transpose("seed", ..., "arm")
    )
    for one, other in zip(
        evaluate(Measured(study, ROLES)), evaluate(Measured(turned, ROLES)), strict=True
    ):
        assert (one.estimate, one.low, one.high) == pytest.approx(
            (other.estimate, other.low, other.high), rel=1e-9
        )


def test_what_is_not_usable_is_left_out_by_name():
    """An unusable minimum and a pair without a value change nothing but n and the note."""
    study = stages(hold=True)
    study["minima"]["usable"].loc[{"arm": "sgd", "seed": 3}] = False
    study["flatness"]["local_energy"].loc[{"arm": "sgd", "seed": 3}] = -1e9
    study["flatness"]["local_energy"].loc[{"arm": "rsgd", "seed": 0}] = np.nan
    involved = [("sgd", 3) in pair for pair in PAIRS]
    study["distances"]["distance"][..., involved] = 1e9
    study["distances"]["distance"][:, PAIRS.index((("sgd", 0), ("sgd", 5)))] = np.nan
    claims = judged(study)
    assert claims["H1a"].note == "left out: sgd/3 (not usable), rsgd/0 (no finite value)"
    assert claims["H1a"].n == 5
    assert claims["H1a"].estimate == pytest.approx((0.1 - JITTER[0] / 5) - (0.2 - JITTER[3] / 5))
    assert (
        claims["H2a-reference"].note
        == "left out: sgd/3 (not usable), sgd/0 to sgd/5 (no finite value)"
    )
    assert claims["H2a-reference"].n == 9
    assert claims["H2a"].note == ""  # the reference arm has no part in it
    assert claims["H2b"].n == 20 - 2
    assert claims["H4"].n == 276 - 23
    assert claims["N1"].note == (
        "fraction 1.00, of shuffled units 0.52; in the phase of noise: it moved the charges of a "
        "layer by 7.5 in all, the other by 0.5, finite steps by 0 weight²; left out: sgd/3 (not "
        "usable)"
    )
    assert claims["N1-size"].note == "left out: sgd/3 (not usable)"
    assert {claim.verdict for claim in claims.values()} == {"supported"}


def test_networks_without_charges_are_asked_nothing_about_them():
    study = stages(hold=True)
    study["ledgers"] = study["ledgers"].drop_vars(["charge_hidden1", "term_hidden1"])
    assert not CHARGED & judged(study).keys()


def of_noise(study: dict[str, xr.Dataset], roles: dict = ROLES) -> dict[str, Judgement]:
    """Return the claims about the force of the noise that are asked of a study."""
    measured = Measured(study, roles)
    asked = [claim for claim in noise.CLAIMS if claim.is_asked_of(measured)]
    return {claim.identifier: judge(claim, measured) for claim in asked}


def test_forces_without_ledgers_and_ledgers_without_forces_are_not_asked():
    study = stages(hold=True)
    assert of_noise(study).keys() == {"N1", "N1-size", "N1-adaptive"}
    assert of_noise(study, {"reference": "sgd"}).keys() == {"N1", "N1-size"}
    forceless = study["equilibria"].drop_vars("force_hidden1")
    unseen = study["ledgers"].drop_vars("term_hidden1")
    assert not of_noise(study | {"equilibria": forceless})
    assert not of_noise(study | {"ledgers": unseen})


def test_noise_and_decay_have_phases():
    study = stages(hold=True)
    study["ledgers"]["term_hidden1"].loc[{"term": "weight_decay", "step": 100}] = 2.0
    note = of_noise(study)["N1"].note
    assert "in the phase of decay: it moved the charges of a layer by 9.5 in all" in note
    assert "the other by 7.5" in note


def test_a_network_without_a_known_force_is_left_out():
    study = stages(hold=True)
    study["equilibria"]["force_hidden1"].loc[{"arm": "sgd", "seed": 2}] = np.nan
    claims = of_noise(study)
    assert claims["N1-size"].note == "left out: sgd/2 (no finite value)"
    assert claims["N1"].n == 5


def test_controls_are_asked_of_studies_that_have_their_arms():
    roles = dict.fromkeys(("unregularised", "same_order", "equal_budget"), "adam")
    asked = judged(stages(hold=True), ROLES | roles)
    found = {
        name: (claim.estimate, claim.verdict)
        for name, claim in asked.items()
        if name.startswith("K-")
    }
    for name in ("K-budget", "K-budget-distance", "K-budget-barrier"):
        assert asked[name].statement.startswith("At equal compute, though not at equal depth, ")
        assert asked[name].note == "mean training loss: rsgd 0.01, adam 0.01"
    assert found == {
        "K-budget": (pytest.approx(0.1 - 0.25), "supported"),
        "K-budget-distance": (pytest.approx(0.1 - 0.25), "supported"),
        "K-budget-barrier": (pytest.approx(0.1 - 0.25), "supported"),
        "K-regularisation": (pytest.approx(0.1 - 0.25), "supported"),
        "K-regularisation-distance": (pytest.approx(0.1 - 0.25), "supported"),
        "K-order": (pytest.approx(0.2 - 0.25), "contradicted"),
    }


def test_equal_spreads_are_equivalent_within_the_spread():
    study = stages(hold=True)
    pairs = [pair for pair in PAIRS if pair[0][0] == pair[1][0] == "sgd"]
    values = study["distances"]["distance"].sel(stage="aligned")
    spread = np.std([values.values[PAIRS.index(pair)] for pair in pairs], ddof=1)
    nearer = judged(study, ROLES | {"same_order": "rsgd"})["K-order"]  # by a tenth of a radian
    assert (nearer.estimate, nearer.verdict) == (pytest.approx(0.1), "contradicted")
    assert nearer.threshold == pytest.approx(spread)
    for stage, shift in (("aligned", 0.0), ("normalised", 0.0)):
        distance = study["distances"]["distance"]
        for first, second in pairs:
            there = PAIRS.index((("rsgd", first[1]), ("rsgd", second[1])))
            here = distance.sel(stage=stage).values[PAIRS.index((first, second))]
            distance.loc[{"stage": stage, "pair": there}] = here + shift
    same = judged(study, ROLES | {"same_order": "rsgd"})["K-order"]
    assert same.estimate == pytest.approx(0)
    assert -same.low == pytest.approx(same.high)
    inside = same.high < spread
    assert same.verdict == ("equivalent" if inside else "undecided")


def test_triples_need_all_three_barriers_and_different_seeds():
    study = stages(hold=True)
    hub, other = ("rsgd", 2), ("sgd", 5)
    study["paths"]["barrier"][..., PAIRS.index((hub, other))] = np.nan
    claims = judged(study)
    # The triples of this hub with sgd/5 and any other are missing.
    assert claims["H6-star"].note.startswith("over flat (rsgd) 0.152, over another of reference")
    assert f"lower than directly in {90 - 5} of {90 - 5}" in claims["H6-star"].note
    matched = [first[1] == second[1] or first[0] == second[0] for first, second in PAIRS]
    study["paths"] = study["paths"].isel(pair=np.flatnonzero(matched))
    assert not {"H6-star", "H6-star-sharp", "H6-hubs"} & judged(study).keys()


def test_hubs_are_compared_over_the_same_ends():
    study = stages(hold=True)
    hubs = [("rsgd", seed) for seed in SEEDS]
    for hub in hubs:
        study["paths"]["barrier"][..., PAIRS.index((hub, ("sgd", 0)))] = np.nan
    claim = judged(study)["H6-star"]
    assert claim.n == 10 * 4  # no ends with sgd/0, which remains a hub between others
    assert f"of {10 * 6}" in claim.note
    lone = study["paths"].isel(pair=[pair[0][0] == "rsgd" for pair in PAIRS])
    assert judged(study | {"paths": lone})["H6-star"].note.startswith("too few data: over flat")


@pytest.mark.parametrize(("name", "ends"), [("H6-star", "sgd"), ("H6-star-sharp", "adversarial")])
def test_barriers_over_hubs_are_counted_triple_by_triple(name: str, ends: str):
    study = stages(hold=True)
    heights = np.random.default_rng(3).uniform(size=len(PAIRS))
    study["paths"]["barrier"].loc[{"split": "train", "variant": "geodesic both"}] = heights
    height = {frozenset(pair): value for pair, value in zip(PAIRS, heights, strict=True)}
    over = {"rsgd": [], ends: []}
    for two in itertools.combinations([(ends, seed) for seed in SEEDS], 2):
        for hub in itertools.product(over, SEEDS):
            if hub not in two:
                over[hub[0]].append(max(height[frozenset((hub, end))] for end in two))
    claim = judged(study)[name]
    assert claim.estimate == pytest.approx(np.mean(over["rsgd"]) - np.mean(over[ends]))
    assert claim.low < claim.estimate < claim.high


def test_flat_hubs_are_ranked_arm_by_arm():
    study = stages(hold=True)
    generator = np.random.default_rng(4)
    heights = generator.uniform(size=len(PAIRS))
    study["paths"]["barrier"].loc[{"split": "train", "variant": "geodesic both"}] = heights
    shuffled = generator.permuted(np.tile(JITTER, (len(ARMS), 1)), axis=1)
    energy = xr.DataArray(shuffled, {"arm": list(ARMS), "seed": list(SEEDS)})
    study["flatness"] = xr.Dataset({"local_energy": energy.expand_dims(amplitude=[0.3])})
    height = {frozenset(pair): value for pair, value in zip(PAIRS, heights, strict=True)}
    ends = list(itertools.combinations([("adversarial", seed) for seed in SEEDS], 2))
    coefficients = []
    for row, arm in enumerate(ARMS[:3]):
        over = [
            np.mean([max(height[frozenset(((arm, seed), end))] for end in two) for two in ends])
            for seed in SEEDS
        ]
        coefficients.append(scipy.stats.spearmanr(shuffled[row], over).statistic)
    assert judged(study)["H6-hubs"].estimate == pytest.approx(np.mean(coefficients))


def with_middles(rises: dict[tuple, float]) -> dict[str, xr.Dataset]:
    """Return a study with errors in the middle of minima, which are 0.1 themselves."""
    seeds = np.array([(*vertices, -1)[:3] for _, vertices in rises])
    labels = {
        "simplex_arm": ("simplex", [arm for arm, _ in rises]),
        "vertices": ("simplex", [len(vertices) for _, vertices in rises]),
        "simplex_seed": (("simplex", "vertex"), seeds),
        "split": ["train"],
    }
    rise = np.array(list(rises.values()))[:, None]
    variables = {"centre_error": 0.1 + rise, "vertex_error": 0 * rise + 0.1}
    dims = ("simplex", "split")
    arrays = xr.Dataset({name: (dims, values) for name, values in variables.items()}, labels)
    return stages(hold=True) | {"simplices": arrays}


def test_middles_of_three_minima_are_compared():
    generator = np.random.default_rng(6)
    rises = {}
    for row, arm in enumerate(ARMS):
        for size in (2, 3):
            for vertices in itertools.combinations(SEEDS, size):
                rises[arm, vertices] = row + generator.uniform()
    claims = judged(with_middles(rises))
    means = {
        arm: np.mean([rise for (name, seeds), rise in rises.items() if name == arm and seeds[2:]])
        for arm in ARMS
    }
    for name, arm in (("H6-simplex", "sgd"), ("H6-simplex-sharp", "adversarial")):
        assert claims[name].estimate == pytest.approx(means["rsgd"] - means[arm])
        assert (claims[name].n, claims[name].verdict) == (20, "supported")
    study = with_middles(rises)
    study["minima"]["usable"].loc[{"arm": "sgd", "seed": 0}] = False
    some = judged(study)["H6-simplex"]
    assert (some.n, some.seeds, some.note) == (10, 5, "left out: sgd/0 (not usable)")


def test_middles_are_asked_for_where_they_were_measured():
    nowhere = judged(with_middles({("rsgd", (0, 1)): 0.1, ("sgd", (0, 1)): 0.1}))
    of_signs = judged(with_middles({("rsgd", (0, 1, 2)): np.nan, ("sgd", (0, 1, 2)): np.nan}))
    alone = judged(with_middles({("rsgd", (0, 1, 2)): 0.1, ("adam", (0, 1, 2)): 0.1}))
    for claims in (nowhere, of_signs, alone, judged(stages(hold=True))):
        assert not {"H6-simplex", "H6-simplex-sharp"} & claims.keys()


def test_the_nearest_control_is_that_of_the_lowest_mean():
    study = stages(hold=True)
    generator = np.random.default_rng(5)
    inside = [one[0] == two[0] and two[1] - one[1] == 1 for one, two in PAIRS]
    trained, random, signs = generator.uniform(size=(3, len(PAIRS)))
    distances = study["distances"]
    distances["distance"].loc[{"stage": "aligned"}] = trained
    for kind, values in (("random", random), ("signs", signs)):
        of_kind = {"stage": "aligned", "control": kind}
        distances["control_distance"].loc[of_kind] = np.where(inside, values, np.nan)
    claims = judged(study)
    means = {}
    for arm in ARMS:
        rows = [row for row, pair in enumerate(PAIRS) if inside[row] and pair[0][0] == arm]
        means[arm] = [np.mean(values[rows]) for values in (trained, random, signs)]
    differences = np.array(
        [(first - second, first - third) for first, second, third in means.values()]
    )
    assert claims["H2b"].estimate == pytest.approx(differences.mean(0).max())
    assert claims["H2b-sharp"].estimate == pytest.approx(differences[-1].max())


def test_losses_are_asked_for_where_they_were_measured():
    """Between two arms, and at all."""
    study = stages(hold=True)
    first, second = (study["paths"][f"{end}_arm"].values for end in ("first", "second"))
    one_is_sharp = (first == "adversarial") != (second == "adversarial")
    study["paths"] = study["paths"].isel(pair=np.flatnonzero(~one_is_sharp))
    assert {name for name in judged(study) if "loss" in name} == {"H3-loss", "H3-loss-order"}
    study["paths"] = study["paths"].drop_vars("loss_barrier")
    assert not [name for name in judged(study) if "loss" in name]


def test_barriers_inside_arms_that_are_zero_are_no_measure():
    study = stages(hold=True)
    same = study["paths"]["first_arm"] == study["paths"]["second_arm"]
    study["paths"]["barrier"] = study["paths"]["barrier"].where(~same, 0.0)
    claim = judged(study)["H3-loss"]
    assert np.isnan(claim.estimate)
    assert claim.verdict == "undecided"


def test_barriers_have_an_interval_for_every_two_arms_and_kind_of_path(tmp_path: Path):
    study = stages(hold=True)
    rows = barrier_intervals(study["paths"], study["minima"], case="tiny")
    assert len(rows) == 10 * 7 * 2  # pairs of arms, kinds of paths, parts of the data
    own = next(
        row
        for row in rows
        if (row["first_arm"], row["second_arm"], row["variant"]) == ("sgd", "sgd", "geodesic both")
    )
    assert (own["mean"], own["pairs"], own["split"]) == (pytest.approx(0.2), 15, "train")
    assert own["low"] < 0.2 < own["high"]
    assert own["loss_mean"] == pytest.approx(0.6)
    assert own["loss_high"] - own["loss_low"] == pytest.approx(3 * (own["high"] - own["low"]))
    claim = judged(study)["H2a-reference"]
    assert own["high"] - own["low"] < claim.high - claim.low + 0.01
    write_barriers(tmp_path / "barriers.csv", rows)
    with open(tmp_path / "barriers.csv", newline="") as file:
        assert [float(row["mean"]) for row in csv.DictReader(file)] == [row["mean"] for row in rows]


def test_kinds_of_paths_that_are_measured_within_arms_only_do_not_hide_the_others():
    study = stages(hold=True)
    across = study["paths"]["first_arm"] != study["paths"]["second_arm"]
    apart = study["paths"]["variant"] != "geodesic both"
    wanted = [
        row
        for row in barrier_intervals(study["paths"], study["minima"])
        if row["variant"] == "geodesic both"
    ]
    study["paths"]["barrier"] = study["paths"]["barrier"].where(~(across & apart))
    found = [
        row
        for row in barrier_intervals(study["paths"], study["minima"])
        if row["variant"] == "geodesic both"
    ]
    assert len(found) == 10 * 2
    assert found == wanted
    assert "left out" not in judged(study)["H3b"].note


def test_one_pair_has_a_barrier_without_an_interval():
    study = stages(hold=True)
    one = study["paths"].isel(pair=[PAIRS.index((("sgd", 0), ("sgd", 1)))])
    (row, *_) = barrier_intervals(one, study["minima"])
    assert row["pairs"] == 1
    assert np.isfinite(row["mean"])
    assert np.isnan([row["low"], row["high"]]).all()
    one["loss_barrier"][:] = np.nan
    (row, *_) = barrier_intervals(one, study["minima"])
    assert np.isfinite(row["mean"])
    assert np.isnan([row["loss_mean"], row["loss_low"], row["loss_high"]]).all()


def test_binary_networks_have_their_own_variant_with_all_symmetries_removed():
    study = stages(hold=True)
    named = {"linear raw": "hamming raw", "geodesic both": "hamming aligned"}
    kept = study["paths"].sel(variant=list(named))
    study["paths"] = kept.assign_coords(variant=list(named.values()))
    claims = judged(study)
    assert claims["H3a"].estimate == pytest.approx(-0.3)
    assert claims["H3b"].estimate == pytest.approx(-0.3)
    assert claims["H3a"].statement.startswith("Along paths that flip signs in random order, with")
    assert not {"H3b-permutation", "H3b-scale", "H3b-geodesic"} & claims.keys()
    assert "'hamming raw'" in claims["H3b"].statistic
    study["flatness"].attrs["noise"] = "flips"
    binary = judged(study)
    assert binary["H5-H3a"].estimate == claims["H3a"].estimate
    assert binary["H5-H1a"].statement.startswith(
        "With binary weights and activations, minima of flat (rsgd)"
    )
    others = {name for name in binary if not name.startswith(("H5-", "N2-"))}
    assert others == CHARGED | {"N-trace"}


def test_too_few_data_leave_a_claim_undecided():
    study = stages(hold=True)
    study["minima"]["usable"].loc[{"arm": "adversarial", "seed": [0, 1, 2, 3, 4]}] = False
    claims = judged(study, {"flat": "rsgd", "sharp": "adversarial", "reference": "lbfgs"})
    few = {
        "H1a": "reference (lbfgs) has 0 seeds",
        "H1b": "reference (lbfgs) has 0 seeds, sharp (adversarial) has 1 seed",
        "H2a": "sharp (adversarial) has 0 pairs",
        "H2a-reference": "reference (lbfgs) has 0 pairs",
        "H2b-sharp": "sharp (adversarial) has 0 pairs",
        "H3a": "sharp (adversarial) has 0 pairs",
        "H3a-reference": "reference (lbfgs) has 0 pairs",
        "H3-loss-sharp": "sharp (adversarial) has 0 pairs",
        "H3a-relative": "sharp (adversarial) has 0 pairs",
        "H3a-reference-relative": "reference (lbfgs) has 0 pairs",
        "H1a-escape": "reference (lbfgs) has 0 seeds",
        "H1b-escape": "reference (lbfgs) has 0 seeds, sharp (adversarial) has 1 seed",
        "H3a-escape": "sharp (adversarial) has 0 pairs",
        "H3a-reference-escape": "reference (lbfgs) has 0 pairs",
        "H6-margin": "sharp (adversarial) has 1 seed",
        "H6-star-sharp": "over flat (rsgd) has 0 triples, over another of sharp",
        "H6-hubs": "the study has 0 minima",
        "C1": "equivariant (no arm) has 0 minima",
        "C2": "adaptive (no arm) has 0 seeds",
        "N1": "reference (lbfgs) has 0 seeds",
        "N2-decay": "reference (lbfgs) has 0 seeds",
        "N1-size": "reference (lbfgs) has 0 seeds",
    }
    for name, words in few.items():
        assert claims[name].verdict == "undecided"
        assert np.isnan([claims[name].estimate, claims[name].low, claims[name].high]).all()
        assert claims[name].note.startswith(f"too few data: {words}")
        assert claims[name].n < 2
    others = claims.keys() - few.keys()
    assert {claims[name].verdict for name in others} == {"supported"}


def test_one_seed_per_arm_decides_nothing():
    study = stages(hold=True)
    study["minima"]["usable"].loc[{"seed": [1, 2, 3, 4, 5]}] = False
    claims = judged(study)
    assert {claim.verdict for claim in claims.values()} == {"undecided"}
    assert claims["H1c"].note.startswith(
        "too few data: no arm has two networks; left out: adam/1 (not usable), "
    )


NOTHING = {
    "no minimum can be used": {},
    "one arm": {"arm": ["sgd"]},
    "one seed": {"seed": [2]},
    "one network": {"arm": ["sgd"], "seed": [2]},
}


@pytest.mark.parametrize("case", NOTHING)
def test_studies_of_little_or_nothing_are_judged_and_written(case: str, tmp_path: Path):
    kept = NOTHING[case]
    study = stages(hold=True)
    status = np.full((len(ARMS), len(SEEDS)), "reached", dtype="U12")
    if not kept:
        study["minima"]["usable"][:] = False
        status[:] = "diverged"
        status[1, 0] = "epoch limit"
    study["minima"]["status"] = (("arm", "seed"), status)
    inside = np.full(len(PAIRS), True)
    for name, labels in kept.items():
        for end in ("first", "second"):
            inside &= np.isin(study["paths"][f"{end}_{name}"], labels)
    for name, dataset in study.items():
        of_pairs = {"pair": np.flatnonzero(inside)} if "pair" in dataset.dims else {}
        of_minima = kept if "arm" in dataset.dims else {}
        study[name] = dataset.isel(of_pairs).sel(of_minima)
    claims = judged(study)
    if case != "one arm":
        assert {claim.verdict for claim in claims.values()} == {"undecided"}
        assert all(claim.note.startswith("too few data: ") for claim in claims.values())
    if not kept:
        assert "sgd/1 (diverged)" in claims["H1a"].note
        assert f"{ARMS[1]}/0 (epoch limit)" in claims["H1a"].note
    write_claims(tmp_path / "claims.csv", claims.values())
    assert [claim.identifier for claim in read_claims(tmp_path / "claims.csv")] == list(claims)
    rows = barrier_intervals(study["paths"], study["minima"])
    assert bool(rows) == (case in ("one arm", "one seed"))
    write_barriers(tmp_path / "barriers.csv", rows)


def test_measurements_that_are_missing_leave_a_claim_undecided():
    study = stages(hold=True)
    study["distances"] = study["distances"].drop_vars("control_distance")
    study["paths"] = study["paths"].drop_sel(variant="linear aligned")
    study["minima"]["test_error"][:] = 0.5
    claims = judged(study)
    assert {name for name, claim in claims.items() if claim.verdict == "undecided"} == {
        "H1c",
        "H3b",
    }
    assert "H2b" not in claims


def test_many_pairs_of_one_network_do_not_prove_that_most_pairs_are_connected():
    study = stages(hold=True)
    study["chains"] = study["chains"].isel(pair=slice(20))
    claim = judged(study)["H4"]
    assert (claim.estimate, claim.verdict) == (1.0, "undecided")


def test_local_energy_is_the_area_under_its_curve():
    """A square curve, unevenly sampled: trapezia by hand; of one amplitude: its value."""
    study = stages(hold=True)
    amplitude = [0.4, 0.0, 0.1]
    curve = xr.ones_like(study["ledgers"]["closure"]) * xr.DataArray(
        [0.16, 0.0, 0.01], {"amplitude": amplitude}
    )
    sharp = xr.where(curve["arm"] == "sgd", 2.0, 1.0)
    study["flatness"] = study["flatness"].drop_dims("amplitude")
    study["flatness"]["local_energy"] = curve * sharp
    by_hand = (0.1 * 0.01 / 2 + 0.3 * (0.01 + 0.16) / 2) / 0.4
    assert judged(study)["H1a"].estimate == pytest.approx(-by_hand)
    study["flatness"] = study["flatness"].sel(amplitude=[0.4])
    assert judged(study)["H1a"].estimate == pytest.approx(-0.16)


def test_a_missing_stage_is_named():
    study = stages(hold=True)
    del study["chains"]
    with pytest.raises(
        SymgeomError,
        match=r"the stages \['chains'\] are missing, found \['distances', .*Give all of them",
    ):
        evaluate(Measured(study, ROLES))


def test_case_and_level_are_written_into_every_claim():
    wide, narrow = (
        evaluate(Measured(stages(hold=True), ROLES), case="mlp", level=level)
        for level in (0.99, 0.8)
    )
    assert {(claim.case, claim.level) for claim in wide} == {("mlp", 0.99)}
    assert all(
        one.high - one.low >= other.high - other.low
        for one, other in zip(wide, narrow, strict=True)
    )
    assert wide[0].high - wide[0].low > 1.5 * (narrow[0].high - narrow[0].low)


def solutions_of(draws: int) -> xr.Dataset:
    """Return pairs of solutions in several draws, which differ by a jitter."""
    kinds = ["robust-robust", "robust-typical", "typical-typical", "typical-typical"]
    barriers = [[0.0, 0.005 + JITTER[draw], 0.01, 0.03] for draw in range(draws)]
    return xr.Dataset(
        {
            "barrier": ("pair", np.concatenate(barriers)),
            "kind": ("pair", kinds * draws),
            "draw": ("pair", np.repeat(np.arange(draws), 4)),
        },
        attrs={"dimension": 1000, "density": 3.0, "threshold": -0.5},
    )


def test_the_perceptron_is_judged_draw_by_draw():
    (claim,) = evaluate_model("solutions", solutions_of(6))
    assert (claim.identifier, claim.case) == ("H6-anchor", "perceptron")
    assert (claim.verdict, claim.n, claim.unit_of_n) == ("supported", 6, "draws")
    by_hand = scipy.stats.ttest_1samp(0.005 + JITTER - 0.02, 0).confidence_interval(0.95)
    assert claim.estimate == pytest.approx(-0.015)
    assert (claim.low, claim.high) == pytest.approx((by_hand.low, by_hand.high))
    assert "the same in all studies of this size" in claim.statistic
    unsolved = solutions_of(6)
    unsolved["barrier"][:12] = np.nan
    (claim,) = evaluate_model("solutions", unsolved)
    assert (claim.verdict, claim.seeds, claim.n) == ("undecided", 3, 3)
    assert claim.note == (
        "no verdict below 5 draws: perceptron has 3; "
        "left out: draw 0 (unsolved), draw 1 (unsolved), draw 2 (unsolved)"
    )


def test_claims_have_names_of_their_own():
    identifiers = [claim.identifier for claim in CLAIMS]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.identifier)
def test_a_claim_reads_only_the_stages_that_it_names(claim):
    """The statistic, the words and the condition are computed from these stages alone."""
    triples = itertools.product(ARMS, itertools.combinations(SEEDS, 3))
    study = {**with_middles(dict.fromkeys(triples, 0.1)), **valleys_and_solutions()}
    study |= {name: stage.to_dataset() for name, stage in noise_models().children.items()}
    study["neighbours"] = neighbours(np.random.default_rng(0), len(SEEDS), arms=list(ARMS))
    controls = dict.fromkeys(("unregularised", "same_order", "equal_budget"), "adam")
    roles = ROLES | controls
    measured = Measured({name: study[name] for name in claim.stages}, roles)
    assert claim.is_asked_of(measured)
    question = claim.ask(measured)
    assert min(question.sizes.values()) >= 2
    for sentence in claim.about(measured):
        assert not set("{}") & set(sentence)
    one_stage_less = Measured({name: study[name] for name in claim.stages[1:]}, roles)
    assert not claim.is_asked_of(one_stage_less)


def valleys_and_solutions() -> dict[str, xr.Dataset]:
    """Return the stages that only some studies have, of the same minima and of a model."""
    walked = over_minima(dict.fromkeys(ARMS, 1.0)).expand_dims(
        moment=["start", "end"], imbalance=[-1.0, 0.0, 0.5, 1.0]
    )
    valleys = dict.fromkeys(("eigenvalue", "rate"), walked)
    at_ends = walked.isel(imbalance=0, drop=True)
    valleys["own_eigenvalue"] = at_ends
    valleys["charge_hidden1"] = at_ends.expand_dims(hidden1=3, axis=-1)
    return {"valleys": xr.Dataset(valleys), "solutions": solutions_of(6)}


def test_models_are_asked_their_own_claims_only():
    solutions = valleys_and_solutions()["solutions"]
    judgements = evaluate_model("solutions", solutions)
    of_solutions = [claim for claim in CLAIMS_OF_MODELS if claim.stages == ("solutions",)]
    asked = [judgement.identifier for judgement in judgements]
    assert asked == [claim.identifier for claim in of_solutions]
    assert evaluate_model("descents", solutions) == []


def test_stages_are_read_from_stores_with_the_arms_that_commute(tmp_path: Path):
    study = synthetic_study.case([*STAGES])
    stores = {}
    for stage in STAGES:
        arrays = study[stage].to_dataset()
        if stage == "ledgers":
            commutes = arrays["arm"].values != "adam"
            meaning = {"units": "1", "long_name": "whether it commutes"}
            arrays["equivariant"] = ("arm", commutes, meaning)
        path = tmp_path / stage / "mlp" / "all.zarr.zip"
        write_store(path, arrays, config_digest="0", seeds=[0, 1, 2])
        stores[stage] = [str(path)]
    stores["valleys"] = []  # this study walked along no valley
    measured = read_cases(
        tmp_path, stores, ["mlp"], roles=ROLES, bend_threshold=0.1, tolerances=Tolerances(loss=3)
    )["mlp"]
    assert set(measured.stages) == {*STAGES} - {"valleys"}
    assert measured.arms("equivariant") == ("adversarial", "rsgd", "sam", "sgd")
    assert measured.arms("flat") == ("rsgd",)
    assert evaluate(measured, case="mlp")


def test_an_arm_is_not_compared_with_itself():
    study = stages(hold=True)
    one_arm = judged(study, ROLES | {"flat": "sgd"})
    assert not {"H1a", "H2a-reference", "H3a-reference"} & one_arm.keys()
    assert {"H1b", "H2a", "H3a"} <= one_arm.keys()
