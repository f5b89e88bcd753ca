"""Claims about models of noise: their numbers follow from the arrays in a few other lines."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import xarray as xr
from synthetic_dynamics import noise_models

from symgeom.study.claims.evaluate import evaluate_model
from symgeom.study.claims.record import Judgement


def judged(stage: str, arrays: xr.Dataset | None = None) -> dict[str, Judgement]:
    """The claims about an experiment."""
    if arrays is None:
        arrays = arrays_of(stage)
    return {claim.identifier: claim for claim in evaluate_model(stage, arrays)}


def arrays_of(stage: str) -> xr.Dataset:
    return noise_models()[stage].to_dataset()


def late(array: xr.DataArray) -> np.ndarray:
    """The mean over the second half of nine records; draws come first."""
    middle = array.sizes["record"] // 2
    rows = array.transpose("draw", ..., "record").values[..., middle:]
    return rows.mean(-1)


def largest(deviations: np.ndarray) -> tuple[float, float]:
    """The largest mean over draws, and the largest upper end of the intervals of its size."""
    rows = deviations.reshape(len(deviations), -1)
    size = np.abs(rows.mean(0))
    reach = scipy.stats.t.ppf(0.975, len(rows) - 1) * rows.std(0, ddof=1) / np.sqrt(len(rows))
    return size.max(), (size + reach).max()


def relative(stage: str, quantity: str, theory: str, descent: str = "SGD") -> np.ndarray:
    """Deviations from a closed form, draws first."""
    arrays = arrays_of(stage).sel(descent=descent)
    predicted = arrays[theory].values
    measured = late(arrays[quantity])
    shape = (1,) * (measured.ndim - 1 - predicted.ndim)
    return measured / predicted.reshape(*predicted.shape, *shape) - 1


@pytest.mark.parametrize(
    ("identifier", "stage", "quantity", "theory", "descent"),
    [
        ("L1", "label_noise", "ratio", "ratio_theory", "SGD"),
        ("L3-ratio", "split_inputs", "ratio", "ratio_theory", "SGD"),
        ("L3-decay", "split_inputs", "ratio", "ratio_theory", "SGD with decay"),
        ("L3-sharpness", "split_inputs", "sharpness", "sharpness_theory", "SGD"),
        ("L3-robust", "robustness", "ratio", "ratio_theory", "SGD"),
        ("L5", "sharpening", "sharpness", "end_theory", "SGD"),
    ],
)
def test_deviations_from_closed_forms(identifier, stage, quantity, theory, descent):
    claim = judged(stage)[identifier]
    expected = largest(relative(stage, quantity, theory, descent))
    assert (claim.estimate, claim.high) == pytest.approx(expected)
    assert (claim.n, claim.unit_of_n, claim.case) == (3, "draws", "noise_models")
    assert claim.note == "no verdict below 5 draws: noise_models has 3"


def test_starts_and_methods_are_compared():
    arrays = arrays_of("label_noise")
    first, second = np.moveaxis(late(arrays["ratio"].sel(descent="SGD")), 2, 0)
    claims = judged("label_noise")
    expected = largest(np.log(first / second))
    assert (claims["L1-start"].estimate, claims["L1-start"].high) == pytest.approx(expected)
    sgd, gd = np.moveaxis(late(arrays["imbalance"]), 1, 0)
    assert claims["L1-descent"].estimate == pytest.approx(np.log(gd / sgd).mean())


def test_the_constant_of_decay_is_the_one_that_would_bring_about_the_ratio():
    arrays = arrays_of("decay_constant")
    ratio = late(arrays["ratio"])[:, 1:]
    constants = arrays["constant"].values[1:]
    fitted = np.array([scipy.optimize.brentq(_misfit, -1.9, 1e6, args=(r,)) for r in ratio.ravel()])
    claim = judged("decay_constant")["L2"]
    expected = largest(fitted.reshape(ratio.shape) / constants - 1)
    assert (claim.estimate, claim.high) == pytest.approx(expected)
    decay = 0.005 / 8 * arrays["constant"]
    printed = (8 + 2 * decay) / (2 + 2 * decay)
    expected = largest(late(arrays["ratio"]) / printed.values - 1)
    assert judged("decay_constant")["L2-printed"].estimate == pytest.approx(expected[0])


def _misfit(constant: float, ratio: float) -> float:
    return (8 + constant) / (2 + constant) - ratio


def test_settings_relax_in_their_own_time():
    arrays = arrays_of("robustness").sel(descent="SGD")
    ratio = arrays["ratio"].transpose("draw", "setting", "record").values
    late_ratio = ratio[..., 4:].mean(-1)
    excess = np.log(ratio[..., :3] / late_ratio[..., None]).mean(-1)
    expected = largest(np.log(excess[:, 1:5] / excess[:, :1]))
    claim = judged("robustness")["L3-rate"]
    assert (claim.estimate, claim.high) == pytest.approx(expected)


def test_layers_are_compared_with_both_forms():
    arrays = arrays_of("layer_norms")
    claims = judged("layer_norms")
    norms = late(arrays["squared_norm"].sel(descent="SGD"))  # draw, depth, start, layer
    for form in ("corrected", "printed"):
        theory = arrays["squared_norm_theory"].sel(form=form).transpose("draw", "depth", "layer")
        deviations = (norms / theory.values[:, :, None] - 1).reshape(3, -1)
        real = np.isfinite(deviations[0])
        expected = largest(deviations[:, real])
        assert claims[f"L4-{form}"].estimate == pytest.approx(expected[0])
    middle = np.log(norms[:, 1, :, 1] / norms[:, 1, :, 2])
    assert claims["L4-middle"].estimate == pytest.approx(largest(middle)[0])
    forces = arrays["net_force"].sel(descent="SGD").transpose("draw", ...).values.reshape(3, -1)
    expected = largest(forces[:, np.isfinite(forces[0])])
    assert claims["L4-force"].estimate == pytest.approx(expected[0])


def test_layers_that_learn_pictures_are_compared_with_both_predictions():
    arrays = arrays_of("picture_layers")
    claims = judged("picture_layers")
    norms = late(arrays["squared_norm"].sel(descent="SGD"))  # draw, start, layer
    for form, identifier in (("measured", "L6-balance"), ("independent", "L6-independent")):
        theory = arrays["squared_norm_theory"].sel(form=form).transpose("draw", "start", "layer")
        assert claims[identifier].estimate == pytest.approx(largest(norms / theory.values - 1)[0])
    middle = np.log(norms[..., 1] / norms[..., 2])
    assert claims["L6-middle"].estimate == pytest.approx(largest(middle)[0])
    apart = np.log(norms[:, 0] / norms[:, 1])
    assert claims["L6-start"].estimate == pytest.approx(largest(apart)[0])
    unmoved = late(arrays["squared_norm"].sel(descent="GD", start="unequal norms"))
    expected = np.log(unmoved[:, 1] / unmoved[:, 2]).mean()
    assert claims["L6-descent"].estimate == pytest.approx(expected)
    forces = arrays["net_force"].sel(descent="SGD").transpose("draw", ...).values
    assert claims["L6-force"].estimate == pytest.approx(largest(forces)[0])


def test_the_net_force_is_the_sum_of_what_single_steps_do():
    """From the squared norms alone: what moved a charge, in units of the squared rate."""
    arrays = arrays_of("layer_norms").sel(descent="SGD", depth=3)
    charge = arrays["squared_norm"].diff("layer").transpose("draw", "start", "record", "layer")
    moved = charge.values[:, :, -1, :2] - charge.values[:, :, 4, :2]
    force = arrays["net_force"].transpose("draw", "start", "pair").values[..., :2]
    gross = moved / force / (0.006**2 * 4)
    assert (gross > 0).all()


def test_changes_of_the_sharpness_leave_out_what_is_predicted_not_to_change():
    arrays = arrays_of("sharpening")
    claims = judged("sharpening")
    names = {"L5-Kaiming": "Kaiming, linear", "L5-Xavier": "Xavier", "L5-halved": "Xavier, halved"}
    for identifier, name in names.items():
        followed = arrays["sharpness"].sel(initialisation=name, descent="SGD")
        change = np.log(late(followed) / followed.isel(record=0).transpose("draw", ...).values)
        widths = [0, 1, 2] if identifier == "L5-halved" else [0, 2]
        assert claims[identifier].estimate == pytest.approx(change[:, widths].mean())
    narrow = late(arrays["sharpness"].sel(descent="SGD", width=5)) / 100 - 1
    assert claims["L5-printed"].estimate == pytest.approx(largest(narrow)[0])


def test_a_verdict_needs_five_draws_and_names_those_that_diverged():
    arrays = arrays_of("split_inputs")
    many = arrays.isel(draw=[0, 1, 2] * 3).copy(deep=True)
    claims = judged("split_inputs", many)
    assert claims["L3"].verdict == "supported"
    assert claims["L3-ratio"].verdict == "contradicted"
    many["ratio"][{"draw": 4, "record": 8}] = np.inf
    claim = judged("split_inputs", many)["L3-ratio"]
    assert claim.n == 8
    assert claim.note == "left out: draw 4 (diverged)"
