"""Claims about nonlinear models of noise, and printed constants, in a few other lines."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from synthetic_dynamics import noise_models

from symgeom.study.claims.evaluate import evaluate_model
from symgeom.study.figures.noise_printed import STAGES
from symgeom.study.printed import CONSTANTS, Values, measured_constants, verdict


def arrays_of(stage):
    return noise_models()[stage].to_dataset()


def judged(stage, arrays=None):
    judgements = evaluate_model(stage, arrays_of(stage) if arrays is None else arrays)
    return {claim.identifier: claim for claim in judgements}


def largest(deviations):
    """The largest mean over draws, which come first."""
    return np.abs(deviations.reshape(len(deviations), -1).mean(0)).max()


def rows(array, *names):
    return array.transpose("draw", *names).values


def test_the_decay_of_the_charge_is_compared_with_its_closed_form():
    decay = arrays_of("charge_decay")
    claims = judged("charge_decay")
    slope, predicted = rows(decay["slope"], "recipe"), rows(decay["predicted"], "recipe")
    assert claims["M1"].estimate == pytest.approx(largest(slope / predicted - 1))
    of_one_temperature = slope[:, [4, 5, 6]] / slope[:, [0]] - 1
    assert claims["M1-recipes"].estimate == pytest.approx(largest(of_one_temperature))


def test_the_law_and_the_growth_are_compared_with_theirs():
    collapse = arrays_of("collapse")
    claims = judged("collapse")
    moments = [collapse[name] / collapse[f"{name}_theory"] - 1 for name in ("mean", "deviation")]
    assert claims["M2"].estimate == pytest.approx(largest(np.stack(moments, 1)))
    quantiles = rows(collapse["quantile"], "probability") / collapse["quantile_theory"].values
    assert claims["M2-quantiles"].estimate == pytest.approx(largest(quantiles - 1))
    growth = rows(collapse["growth"], "data", "temperature")
    exact = growth - collapse["growth_exact"].values
    assert claims["M3-exact"].estimate == pytest.approx(largest(exact))
    assert claims["M3-strong"].estimate == pytest.approx(growth[:, 1, -1].mean())
    collapsed = rows(collapse["collapsed"], "temperature")
    assert claims["M3"].estimate == pytest.approx((collapsed[:, 4] - collapsed[:, 1]).mean())


def test_the_critical_temperature_is_where_growth_is_zero():
    """Growth of 1 - t on made-up draws, shifted: zero at 1 + shift."""
    collapse = arrays_of("collapse")
    temperatures = collapse["temperature"].values
    shifts = np.array([0.01, 0.02, 0.06])
    lines = 1 + shifts - temperatures[:, None]
    shape = ("data", "temperature", "draw")
    collapse["growth"] = (shape, np.stack([lines, lines]))
    assert judged("collapse", collapse)["M3-critical"].estimate == pytest.approx(0.03)
    lines[:, 0] = 1
    collapse["growth"] = (shape, np.stack([lines, lines]))
    without_one = judged("collapse", collapse)["M3-critical"]
    assert (without_one.estimate, without_one.n) == (pytest.approx(0.04), 2)


def test_warm_up_helps_in_draws_that_end_with_it_alone():
    warm_up = arrays_of("warm_up")
    ends = warm_up["sharpness"].copy(deep=True)
    ends.loc[{"arm": "Kaiming", "draw": [0, 1], "record": 8}] = np.nan
    ends.loc[{"arm": "Kaiming", "draw": 2}] = 5.0
    ends.loc[{"arm": "Kaiming, warm-up"}] = 210.0
    ends.loc[{"arm": "Kaiming, warm-up", "draw": 1, "record": 8}] = np.nan
    ends.loc[{"arm": "Kaiming, balanced first"}] = 210.0
    ends.loc[{"arm": "Xavier"}] = 210.0
    ends.loc[{"arm": "Xavier as printed"}] = 190.0
    claims = judged("warm_up", warm_up.assign(sharpness=ends))
    assert claims["M4"].estimate == pytest.approx(1 / 3)
    assert claims["M4-balanced"].estimate == pytest.approx(2 / 3)
    high = scipy.stats.beta.ppf(0.975, 2, 2)
    assert claims["M4"].high == pytest.approx(high)
    assert claims["M4-end"].estimate == pytest.approx(0.05)
    assert claims["M4-end"].n == 2
    without = rows(warm_up["sharpness"].sel(arm="Kaiming, no noise"), "record")[:, 4:].mean(1)
    assert claims["M4-descent"].estimate == pytest.approx(np.log(without / 200).mean())


def test_lengths_are_compared_with_their_closed_forms():
    free = arrays_of("free_lengths")
    claims = judged("free_lengths")
    powers = rows(free["fourth_power"], "regression", "record")
    predicted = rows(free["predicted"], "regression")
    slope = (powers[:, 0, -1] - powers[:, 0, 4]) / 4
    assert claims["M5"].estimate == pytest.approx(largest(slope / predicted[:, 0] - 1))
    late = powers[:, 1:, 4:].mean(-1)
    assert claims["M5-decay"].estimate == pytest.approx(largest(late / predicted[:, 1:] - 1))
    totals = rows(free["length"].sel(part="total"), "descent", "network", "network_record")
    growth = np.log(totals[..., -1] / totals[..., 0]).mean(-1)
    assert claims["M5-descent"].estimate == pytest.approx((growth[:, 0] - growth[:, 1]).mean())


def test_activations_are_compared_with_descent_without_noise():
    ends = arrays_of("activations")["off_diagonal"].sel(moment="end")
    likeness = rows(ends, "descent", "activation")[:, :, 1:].mean(-1)
    claims = judged("activations")
    assert claims["M6-aligned"].estimate == pytest.approx(likeness[:, 0].mean())
    assert claims["M6"].estimate == pytest.approx((likeness[:, 0] - likeness[:, 1]).mean())


def test_constants_say_which_value_is_measured():
    values = Values(printed=2.0, corrected=1.0, measured=np.ones(3))
    verdicts = {
        (1.92, 1.95): "printed",
        (1.0, 1.05): "corrected",
        (0.8, 0.89): "neither",
        (0.5, 3.0): "undecided",
    }
    assert {ends: verdict(values, *ends) for ends in verdicts} == verdicts
    flipped = Values(printed=-1.0, corrected=1.0, measured=np.ones(3))
    assert verdict(flipped, -1.1, -0.9) == "printed"


def test_constants_have_the_interval_of_their_draws():
    """Made-up experiments in which every constant is the corrected or the printed one."""
    stages = {name: stage.to_dataset() for name, stage in noise_models().children.items()}
    by_name = {one.name: one for one in measured_constants(stages)}
    assert list(by_name) == [constant.name for constant in CONSTANTS]
    assert by_name["trace of the Hessian"].verdict == "corrected"
    decay = stages["charge_decay"]
    ratio = rows(decay["slope"], "recipe")[:, 0] / rows(decay["predicted"], "recipe")[:, 0]
    noise = by_name["noise in the flow of a charge"]
    student = scipy.stats.ttest_1samp(ratio, 0).confidence_interval(0.95)
    assert (noise.low, noise.high) == pytest.approx(student)
    assert noise.relative(noise.printed) == pytest.approx(1)
    rates = xr.DataArray([0.005, 0.01, 0.02], {"recipe": ["0.005", "0.01", "0.02"]}, "recipe")
    of_theory = (4 * rates**2).expand_dims(draw=3)
    made_up = decay.sel(recipe=rates["recipe"]).assign(slope=of_theory, predicted=2 * of_theory)
    by_name = {one.name: one for one in measured_constants({"charge_decay": made_up})}
    assert by_name["noise in the flow of a charge"].verdict == "printed"
    time = by_name["power of noise in the time to balance"]
    assert time.measured == pytest.approx(-1)
    assert (time.verdict, time.draws) == ("corrected", 3)


@pytest.mark.parametrize(
    ("name", "printed", "corrected"),
    [
        ("sharpness of Kaiming's start", 10 * 20 * 10 * (0.1 + 1), 300.0),
        ("decay in the balance of two layers", 2 * 4 * 0.005 / 8, 4.0),
        ("change of sharpness from Xavier's", np.log(1.5), np.log(0.75)),
    ],
)
def test_printed_and_corrected_values_of_linear_networks(name, printed, corrected):
    stages = {stage: arrays_of(stage) for stage in ("sharpening", "decay_constant")}
    by_name = {one.name: one for one in measured_constants(stages)}
    assert by_name[name].printed == pytest.approx(printed)
    assert by_name[name].corrected == pytest.approx(corrected)


def test_the_figure_has_the_experiments_of_all_constants():
    assert {constant.stage for constant in CONSTANTS} == set(STAGES)
