"""Claims about linear networks whose noise equilibrium is known (L1 to L6).

All predictions have no fitted number. Constants are those that we derived; where the source prints
others, a claim of its own asks for the printed one. Gradient descent from the same starts, which
has no noise, is the control.

References
----------
Ziyin, Wang, Li, Wu, "Parameter Symmetry and Noise Equilibrium of Stochastic Gradient Descent",
NeurIPS 2024 (arXiv 2402.07193), theorems 5.2 and 5.4, proposition 5.3 and section 5.2.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.draws import ask_largest_deviation, ask_mean_of_draws
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question
from symgeom.study.claims.record import Direction
from symgeom.study.stationary import late_mean

SOURCE = "Ziyin et al., NeurIPS 2024 (arXiv 2402.07193)"

MODEL = "noise_models"
"""The section of the configuration, which is the model of the claims."""


EARLY = 0.25
"""Share of a descent that tells how fast norms balance."""


def deviation(
    measured: Measured, *, stage: str, quantity: str, theory: str, descent: str | None = "SGD"
) -> Question:
    """Ask how far a quantity lies from its closed form, relative to it.

    Parameters
    ----------
    measured : Measured
        With the experiment.
    stage : str
        The experiment.
    quantity, theory : str
        The array, which is followed, and that of the prediction.
    descent : str, optional
        How it is descended; None: in one way.

    Returns
    -------
    Question
        The largest deviation of all settings.
    """
    arrays = measured.stages[stage]
    if descent is not None:
        arrays = arrays.sel(descent=descent)
    return ask_largest_deviation(late_mean(arrays[quantity]) / arrays[theory] - 1)


def unbalanced_norms(measured: Measured) -> Question:
    """Ask how unequal noise keeps norms, where the inputs are most unequal."""
    splits = measured.stages["split_inputs"]
    most_unequal = splits.sel(descent="SGD").isel(split=int(splits["split"].values.argmin()))
    return ask_mean_of_draws(_log(late_mean(most_unequal["ratio"])))


def distance_of_descent(measured: Measured) -> Question:
    """Ask how many times as far gradient descent stays from the balance as SGD."""
    imbalance = late_mean(measured.stages["label_noise"]["imbalance"])
    ratio = _log(imbalance.sel(descent="GD") / imbalance.sel(descent="SGD"))
    return ask_mean_of_draws(ratio.mean(("split", "start")))


def difference_of_starts(measured: Measured) -> Question:
    """Ask how far the norms depend on the start."""
    ratio = late_mean(measured.stages["label_noise"]["ratio"].sel(descent="SGD"))
    first, second = (_log(ratio.isel(start=number)) for number in (0, 1))
    return ask_largest_deviation(first - second)


def fitted_constant(measured: Measured) -> Question:
    """Ask how far the constant that the norms tell lies from that of theory, relative to it."""
    decay = measured.stages["decay_constant"]
    ratio = late_mean(decay["ratio"])
    without = decay["ratio_theory"].sel(constant=0.0, drop=True)
    fitted = decay["outputs"] * (without - ratio) / (ratio - 1)
    with_decay = decay["constant"] > 0
    return ask_largest_deviation((fitted / decay["constant"] - 1).where(with_decay, drop=True))


def _log(values: xr.DataArray) -> xr.DataArray:
    """Return logarithms."""
    return values.copy(data=np.log(values.values))


def relaxation(measured: Measured) -> Question:
    """Ask how unequal the times are in which norms balance, in units of the predicted ones."""
    robustness = measured.stages["robustness"]
    first = str(robustness["setting"].values[0])
    ratio = robustness["ratio"].sel(descent="SGD")
    early = robustness["share"].values <= EARLY
    excess = _log(ratio / late_mean(ratio)).isel(record=early).mean("record")
    alike = [name for name in map(str, ratio["setting"].values) if not name.startswith("size")]
    others = [name for name in alike if name != first]
    return ask_largest_deviation(_log(excess.sel(setting=others) / excess.sel(setting=first)))


def layer_norms(measured: Measured, *, form: str, stage: str = "layer_norms") -> Question:
    """Ask how far the squared norms of layers lie from a prediction, relative to it."""
    deep = measured.stages[stage]
    norms = late_mean(deep["squared_norm"].sel(descent="SGD"))
    return ask_largest_deviation(norms / deep["squared_norm_theory"].sel(form=form) - 1)


def middle_layers(measured: Measured) -> Question:
    """Ask how unequal the norms of the two layers in the middle of four are."""
    deep = measured.stages["layer_norms"].sel(descent="SGD", depth=4)
    return ask_largest_deviation(_in_the_middle(deep))


def middle_layers_on_pictures(measured: Measured) -> Question:
    """Ask how unequal the norms of the two layers in the middle are, where pictures are learnt."""
    deep = measured.stages["picture_layers"].sel(descent="SGD")
    return ask_largest_deviation(_in_the_middle(deep))


def middle_layers_of_descent(measured: Measured) -> Question:
    """Ask how unequal gradient descent leaves them, from unequal norms."""
    deep = measured.stages["picture_layers"].sel(descent="GD", start="unequal norms")
    return ask_mean_of_draws(_in_the_middle(deep))


def starts_on_pictures(measured: Measured) -> Question:
    """Ask how far the norms depend on the start, where pictures are learnt."""
    norms = late_mean(measured.stages["picture_layers"]["squared_norm"].sel(descent="SGD"))
    first, second = (_log(norms.isel(start=number)) for number in (0, 1))
    return ask_largest_deviation(first - second)


def net_force(measured: Measured, *, stage: str = "layer_norms") -> Question:
    """Ask what remains of the force on neighbouring layers."""
    return ask_largest_deviation(measured.stages[stage]["net_force"].sel(descent="SGD"))


def _in_the_middle(deep: xr.Dataset) -> xr.DataArray:
    """Return the logarithm of the ratio of the squared norms of the second and third layer."""
    norms = late_mean(deep["squared_norm"])
    return _log(norms.isel(layer=1) / norms.isel(layer=2))


def narrow_end(measured: Measured) -> Question:
    """Ask how far the sharpness of the narrowest network is from what the source says."""
    sharpening = measured.stages["sharpening"].isel(width=0).sel(descent="SGD")
    return ask_largest_deviation(late_mean(sharpening["sharpness"]) / sharpening["end_printed"] - 1)


def change_from(measured: Measured, *, initialisation: str) -> Question:
    """Ask how the sharpness changes from an initialisation, where widths are unequal."""
    sharpening = measured.stages["sharpening"]
    sharpening = sharpening.sel(initialisation=initialisation)
    predicted = sharpening["end_theory"] / sharpening["start_theory"]
    unequal = np.flatnonzero(abs(predicted.values - 1) > 1e-6)
    followed = sharpening["sharpness"].sel(descent="SGD").isel(width=unequal)
    change = _log(late_mean(followed) / followed.isel(record=0))
    return ask_mean_of_draws(change.mean("width"))


def _claim(
    identifier: str,
    stage: str,
    statement: str,
    statistic: str,
    ask: Callable[[Measured], Question],
    *,
    threshold: float,
    direction: Direction = "below",
) -> Claim:
    """Return a claim about one experiment."""
    return Claim(
        identifier=identifier,
        statement=statement,
        source=SOURCE,
        statistic=statistic,
        unit_of_n="draws",
        threshold=threshold,
        direction=direction,
        stages=(stage,),
        ask=ask,
        model=MODEL,
    )


RELATIVE = "largest deviation from the closed form, relative to it, of the means over draws"

CLAIMS = (
    _claim(
        "L1",
        "label_noise",
        "Two linear layers under SGD come to the norms that theory predicts from the noise of the "
        "labels alone, from opposite starts.",
        f"ratio of the squared norms of both layers: {RELATIVE}; three noises, two starts",
        partial(deviation, stage="label_noise", quantity="ratio", theory="ratio_theory"),
        threshold=0.03,
    ),
    _claim(
        "L1-start",
        "label_noise",
        "Where the noise drives the norms does not depend on the start.",
        "logarithm of the ratio of the squared norms, difference of two opposite starts; the "
        "largest of three noises",
        difference_of_starts,
        threshold=0.03,
    ),
    _claim(
        "L1-descent",
        "label_noise",
        "Gradient descent from the same starts stays ten times as far from the balance as SGD.",
        "logarithm of the difference of both sides of the balance over their sum, gradient descent "
        "minus SGD; mean over noises and starts",
        distance_of_descent,
        threshold=math.log(10),
        direction="above",
    ),
    _claim(
        "L2",
        "decay_constant",
        "Decay enters the balance as batch × decay / learning rate.",
        "constant that the norms tell, over this one, minus 1: the largest of three decays",
        fitted_constant,
        threshold=0.03,
    ),
    _claim(
        "L2-printed",
        "decay_constant",
        "Decay enters the balance as twice the decay (theorem 5.2 as printed).",
        f"ratio of the squared norms of both layers: {RELATIVE}; four decays",
        partial(
            deviation,
            stage="decay_constant",
            quantity="ratio",
            theory="ratio_printed",
            descent=None,
        ),
        threshold=0.03,
    ),
    _claim(
        "L3",
        "split_inputs",
        "Noise keeps the norms of two layers unequal where their inputs are unequal.",
        "logarithm of the ratio of the squared norms of both layers; one half of the inputs has "
        "variance 0.2, the other 1.8",
        unbalanced_norms,
        threshold=0.0,
        direction="above",
    ),
    _claim(
        "L3-ratio",
        "split_inputs",
        "The ratio of the norms is that of the closed form for all inputs.",
        f"ratio of the squared norms of both layers: {RELATIVE}; six variances of the inputs",
        partial(deviation, stage="split_inputs", quantity="ratio", theory="ratio_theory"),
        threshold=0.01,
    ),
    _claim(
        "L3-sharpness",
        "split_inputs",
        "The sharpness is that of the closed form for all inputs.",
        f"half the trace of the Hessian: {RELATIVE}; six variances of the inputs",
        partial(deviation, stage="split_inputs", quantity="sharpness", theory="sharpness_theory"),
        threshold=0.01,
    ),
    _claim(
        "L3-decay",
        "split_inputs",
        "With decay, too, the ratio of the norms is that of the closed form.",
        f"ratio of the squared norms of both layers: {RELATIVE}; six variances of the inputs",
        partial(
            deviation,
            stage="split_inputs",
            quantity="ratio",
            theory="ratio_theory",
            descent="SGD with decay",
        ),
        threshold=0.01,
    ),
    _claim(
        "L3-robust",
        "robustness",
        "Neither the learning rate nor the batch nor the size decides where the norms end.",
        f"ratio of the squared norms of both layers: {RELATIVE}; seven settings",
        partial(deviation, stage="robustness", quantity="ratio", theory="ratio_theory"),
        threshold=0.03,
    ),
    _claim(
        "L3-rate",
        "robustness",
        "The norms balance in a time proportional to batch / learning rate².",
        "logarithm of the ratio of the squared norms over that in the end, mean over the first "
        "quarter of a descent of so many times batch / learning rate² steps: logarithm of its "
        "ratio to that of the first setting, the largest of four",
        relaxation,
        threshold=0.1,
    ),
    _claim(
        "L4-middle",
        "layer_norms",
        "Noise gives the layers in the middle of a deep linear network one norm.",
        "logarithm of the ratio of the squared norms of the second and the third of four layers: "
        "the largest mean over draws of two starts",
        middle_layers,
        threshold=0.05,
    ),
    _claim(
        "L4-corrected",
        "layer_norms",
        "All layers of deep linear networks have the norms of the corrected theorem 5.4.",
        f"squared norm of a layer: {RELATIVE}; three and four layers, two starts",
        partial(layer_norms, form="corrected"),
        threshold=0.12,
    ),
    _claim(
        "L4-printed",
        "layer_norms",
        "All layers of deep linear networks have the norms of theorem 5.4 as it is printed.",
        f"squared norm of a layer: {RELATIVE}; three and four layers, two starts",
        partial(layer_norms, form="printed"),
        threshold=0.12,
    ),
    _claim(
        "L4-force",
        "layer_norms",
        "In the end, the noise pushes no layer of a deep linear network against the next.",
        "sum over all steps of the second half of the force on a layer and the next, net over "
        "gross: the largest mean over draws; three and four layers, two starts",
        net_force,
        threshold=0.02,
    ),
    _claim(
        "L5",
        "sharpening",
        "Training from any initialisation ends at the sharpness of the closed form.",
        f"half the trace of the Hessian: {RELATIVE}; five initialisations, three widths",
        partial(deviation, stage="sharpening", quantity="sharpness", theory="end_theory"),
        threshold=0.02,
    ),
    _claim(
        "L5-printed",
        "sharpening",
        "With half as many units as inputs, it ends at the sharpness that the source says.",
        f"half the trace of the Hessian: {RELATIVE}, which is 2 × units × trace of the covariance; "
        "five initialisations",
        narrow_end,
        threshold=0.01,
    ),
    _claim(
        "L5-Kaiming",
        "sharpening",
        "Training from Kaiming's initialisation flattens.",
        "logarithm of the factor by which half the trace of the Hessian changes; mean over widths "
        "that are not that of the data",
        partial(change_from, initialisation="Kaiming, linear"),
        threshold=0.0,
    ),
    _claim(
        "L5-Xavier",
        "sharpening",
        "Training from Xavier's initialisation sharpens.",
        "logarithm of the factor by which half the trace of the Hessian changes; mean over widths "
        "that are not that of the data",
        partial(change_from, initialisation="Xavier"),
        threshold=0.0,
        direction="above",
    ),
    _claim(
        "L5-halved",
        "sharpening",
        "Training sharpens from half the variance of Xavier's initialisation.",
        "logarithm of the factor by which half the trace of the Hessian changes; mean over widths",
        partial(change_from, initialisation="Xavier, halved"),
        threshold=0.0,
        direction="above",
    ),
    _claim(
        "L6-middle",
        "picture_layers",
        "Where pictures are learnt, too, noise gives the layers in the middle one norm.",
        "logarithm of the ratio of the squared norms of the second and the third of four layers: "
        "the largest mean over draws of two starts",
        middle_layers_on_pictures,
        threshold=0.05,
    ),
    _claim(
        "L6-start",
        "picture_layers",
        "Where pictures are learnt, the norms of the layers do not depend on those at the start.",
        "logarithm of the squared norm of a layer, difference of two starts: the largest mean over "
        "draws of four layers",
        starts_on_pictures,
        threshold=0.1,
    ),
    _claim(
        "L6-descent",
        "picture_layers",
        "Gradient descent leaves the layers in the middle unequal, as they start.",
        "logarithm of the ratio of the squared norms of the second and the third of four layers, "
        "from unequal norms; mean over draws",
        middle_layers_of_descent,
        threshold=math.log(1.5),
        direction="above",
    ),
    _claim(
        "L6-balance",
        "picture_layers",
        "All layers have the norms at which the noise of the pictures balances each with the next.",
        "squared norm of a layer: largest deviation from that at the balance of the function in "
        "the end, relative to it, of the means over draws; four layers, two starts",
        partial(layer_norms, form="measured", stage="picture_layers"),
        threshold=0.12,
    ),
    _claim(
        "L6-independent",
        "picture_layers",
        "All layers have the norms of the closed form, as if pictures told nothing of the noise.",
        f"squared norm of a layer: {RELATIVE}; four layers, two starts",
        partial(layer_norms, form="independent", stage="picture_layers"),
        threshold=0.12,
    ),
    _claim(
        "L6-force",
        "picture_layers",
        "In the end, the noise of pictures pushes no layer against the next.",
        "sum over all steps of the second half of the force on a layer and the next, net over "
        "gross: the largest mean over draws; four layers, two starts",
        partial(net_force, stage="picture_layers"),
        threshold=0.02,
    ),
)
