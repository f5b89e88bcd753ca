"""Which of the constants that are printed survive: printed, corrected and measured values.

Each constant is a function of the experiment that measures it, from which all three values and the
interval come; so does the verdict. What is measured has errors of finite steps besides those of its
draws, so that a value is matched within :data:`ALLOWANCE` of it.

References
----------
Ziyin, Wang, Li, Wu, "Parameter Symmetry and Noise Equilibrium of Stochastic Gradient Descent",
NeurIPS 2024 (arXiv 2402.07193).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.models.noise.experiments.decay import BATCH, INPUTS, OUTPUTS, RATE
from symgeom.models.noise.experiments.sharpening import SIZE
from symgeom.study.claims.jackknife import LEVEL, leave_one_out, mean, student
from symgeom.study.stationary import late_mean

ALLOWANCE = 0.1
"""How far from a value, over the difference of the printed and the corrected one, it is matched."""

Verdict = Literal["printed", "corrected", "neither", "undecided"]


class Values(NamedTuple):
    """A constant.

    Attributes
    ----------
    printed, corrected : float
        What the source prints, and what is derived instead.
    measured : array, shape (draw,)
        What the experiment says.
    """

    printed: float
    corrected: float
    measured: NDArray


@dataclass(frozen=True)
class Constant:
    """A constant that is printed, and how it is measured.

    Attributes
    ----------
    name : str
        What it is.
    place : str
        Where it is printed.
    stage : str
        The experiment.
    values : callable
        From the arrays of the experiment.
    """

    name: str
    place: str
    stage: str
    values: Callable[[xr.Dataset], Values]


@dataclass(frozen=True)
class Measurement:
    """A constant with its interval and verdict.

    Attributes
    ----------
    name, place : str
        What it is, and where it is printed.
    printed, corrected : float
        What the source prints, and what is derived instead.
    measured, low, high : float
        Mean over draws, with its interval.
    draws : int
        How many draws there are.
    verdict : {"printed", "corrected", "neither", "undecided"}
        Which of the two values the interval matches.
    """

    name: str
    place: str
    printed: float
    corrected: float
    measured: float
    low: float
    high: float
    draws: int
    verdict: Verdict

    def relative(self, value: float) -> float:
        """Return where a value lies: 0 is the corrected constant, 1 the printed one."""
        return (value - self.corrected) / (self.printed - self.corrected)


def measured_constants(
    stages: Mapping[str, xr.Dataset], *, level: float = LEVEL
) -> list[Measurement]:
    """Measure all constants of whose experiments there are arrays.

    Parameters
    ----------
    stages : mapping of str to xr.Dataset
        The experiments of a study.
    level : float
        Coverage of the intervals.

    Returns
    -------
    list of Measurement
        In the order in which they are printed.

    Examples
    --------
    >>> measured_constants({})
    []
    """
    measurements = []
    for constant in CONSTANTS:
        if constant.stage in stages:
            values = constant.values(stages[constant.stage])
            measurements.append(_measurement(constant, values, level))
    return measurements


def _measurement(constant: Constant, values: Values, level: float) -> Measurement:
    """Return a constant with the interval of its draws."""
    count = len(values.measured)
    means = mean(values.measured[:, None], leave_one_out(count))[:, 0]
    evidence = student(means, np.repeat("noise_models", count))
    tail = (1 - level) / 2
    low = evidence.low(tail)
    high = evidence.high(tail)
    return Measurement(
        name=constant.name,
        place=constant.place,
        printed=values.printed,
        corrected=values.corrected,
        measured=evidence.estimate,
        low=low,
        high=high,
        draws=count,
        verdict=verdict(values, low, high),
    )


def verdict(values: Values, low: float, high: float) -> Verdict:
    """Say which of two values an interval matches.

    Parameters
    ----------
    values : Values
        The printed and the corrected one.
    low, high : float
        The interval of what is measured.

    Returns
    -------
    {"printed", "corrected", "neither", "undecided"}
        "undecided" where the interval matches both.

    Examples
    --------
    >>> verdict(Values(2.0, 1.0, np.ones(5)), 0.97, 1.02)
    'corrected'
    """
    allowance = ALLOWANCE * abs(values.printed - values.corrected)
    matches_printed = low - allowance <= values.printed <= high + allowance
    matches_corrected = low - allowance <= values.corrected <= high + allowance
    if matches_printed and matches_corrected:
        return "undecided"
    if matches_printed:
        return "printed"
    return "corrected" if matches_corrected else "neither"


def _noise_of_charge(decay: xr.Dataset) -> Values:
    """Return the factor of the trace of covariance and generator, in learning rate over batch."""
    plain = decay.isel(recipe=0)
    return Values(0.5, 1.0, (plain["slope"] / plain["predicted"]).values)


def _time_to_balance(decay: xr.Dataset) -> Values:
    """Return the power of the noise with which the time to equilibrium goes."""
    names = ["0.005", "0.01", "0.02"]
    rates = np.log([float(name) for name in names])
    slopes = decay["slope"].sel(recipe=names).transpose("recipe", "draw").values
    of_time = np.log(slopes) - rates[:, None]
    centred = rates - rates.mean()
    return Values(1.0, -1.0, -(centred @ of_time) / (centred @ centred))


def _decay_of_charge(free: xr.Dataset) -> Values:
    """Return the factor of decay times squared length in the flow of a free length."""
    strongest = free.sel(regression="decay 0.01")
    ratio = strongest["predicted"] / late_mean(strongest["fourth_power"])
    return Values(1.0, 4.0, 4 * ratio.values)


def _signs(chain: xr.Dataset) -> Values:
    """Return the fraction of pairs of units whose outgoing weights have equal signs."""
    return Values(1.0, 0.5, late_mean(chain["outgoing_signs"]).values)


def _sum_of_decay(decay: xr.Dataset) -> Values:
    """Return the constant of decay in the balance of two layers."""
    middle = decay.isel(constant=2)
    corrected = float(middle["constant"])
    ratio = late_mean(middle["ratio"]).values
    measured = (INPUTS - OUTPUTS * ratio) / (ratio - 1)
    return Values(2 * corrected * RATE / BATCH, corrected, measured)


def _trace(chain: xr.Dataset) -> Values:
    """Return the trace of the Hessian over the squared norms that stand for it."""
    return Values(1.0, 2.0, (chain["trace"] / chain["trace_printed"]).values)


def _middle_layer(deep: xr.Dataset) -> Values:
    """Return the squared norm of the middle one of three layers, over the corrected one."""
    middle = deep.sel(depth=3).isel(layer=1, start=0)
    theory = middle["squared_norm_theory"]
    corrected = theory.sel(form="corrected")
    norms = late_mean(middle["squared_norm"].sel(descent="SGD"))
    printed = float((theory.sel(form="printed") / corrected).mean())
    return Values(printed, 1.0, (norms / corrected).values)


def _kaiming(sharpening: xr.Dataset) -> Values:
    """Return half the trace of the Hessian at Kaiming's start."""
    start = _start(sharpening, "Kaiming, linear")
    width = int(start["width"])
    printed = SIZE**2 * width * (1 / SIZE + 1)
    followed = start["sharpness"].isel(record=0).values
    return Values(printed, float(start["start_theory"]), followed)


def _xavier(sharpening: xr.Dataset) -> Values:
    """Return the logarithm of the factor by which sharpness changes from Xavier's start."""
    start = _start(sharpening, "Xavier")
    halved = _start(sharpening, "Xavier, halved")
    end = float(start["end_theory"])
    followed = start["sharpness"]
    change = np.log((late_mean(followed) / followed.isel(record=0)).values)
    printed = np.log(end / float(halved["start_theory"]))
    return Values(float(printed), float(np.log(end / float(start["start_theory"]))), change)


def _start(sharpening: xr.Dataset, name: str) -> xr.Dataset:
    """Return an initialisation of the widest network under SGD."""
    widest = int(sharpening["width"].max())
    return sharpening.sel(initialisation=name, width=widest, descent="SGD")


CONSTANTS = (
    Constant("noise in the flow of a charge", "Eq. 7", "charge_decay", _noise_of_charge),
    Constant(
        "power of noise in the time to balance", "section 4", "charge_decay", _time_to_balance
    ),
    Constant("decay in the flow of a free length", "A.1", "free_lengths", _decay_of_charge),
    Constant("equal signs of outgoing weights", "section 5.1", "scalar_chain", _signs),
    Constant("decay in the balance of two layers", "theorem 5.2", "decay_constant", _sum_of_decay),
    Constant("trace of the Hessian", "proposition 5.3", "scalar_chain", _trace),
    Constant("squared norm of the middle layer", "theorem 5.4", "layer_norms", _middle_layer),
    Constant("sharpness of Kaiming's start", "section 5.2", "sharpening", _kaiming),
    Constant("change of sharpness from Xavier's", "section 5.2", "sharpening", _xavier),
)
"""In the order in which they are printed."""
