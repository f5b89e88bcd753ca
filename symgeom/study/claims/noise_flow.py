"""Claims about the path of charges under SGD (P1), and about moves to points of an orbit (P2, P3).

The paths are those of the experiment ``relu_flow``: several descents of the same ReLU networks, on
the same data. In ``large_rates``, the same fresh linear networks start at large learning rates from
several points of their orbits; in ``training_on``, minima on the digits are trained on from there.

References
----------
Ziyin, Wang, Li, Wu, "Parameter Symmetry and Noise Equilibrium of Stochastic Gradient Descent",
NeurIPS 2024 (arXiv 2402.07193), equation 5 and section 5.2.
"""

import math
from functools import partial

import numpy as np
import xarray as xr

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.draws import ask_largest_deviation, ask_mean_of_draws
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question

FLOW = "relu_flow"
RATES = "large_rates"
TRAINED = "training_on"
MODEL = "noise_models"
SOURCE = "Ziyin et al., NeurIPS 2024 (arXiv 2402.07193)"
THEORY = f"{SOURCE}, equation 5; the prediction of paths is ours"
CONTROL = f"control of P1, ours; {SOURCE}, on SGD alone"
NOISY = ("SGD", "SGD, decay")
"""Descents whose charges noise moves."""


def slope_along_training(measured: Measured) -> Question:
    """Ask how far the slope of measured on predicted changes lies from one.

    Parameters
    ----------
    measured : Measured
        With the experiment ``relu_flow``.

    Returns
    -------
    Question
        The largest deviation of the descents that noise moves.
    """
    last = measured.stages[FLOW].sel(descent=list(NOISY)).isel(record=-1)
    predicted = last["predicted"].sum("cause", skipna=False)
    change = last["booked"].sum("cause", skipna=False)
    slope = (predicted * change).sum("unit") / (predicted**2).sum("unit")
    return ask_largest_deviation(slope - 1)


def explained_by_one_measurement(measured: Measured) -> Question:
    """Ask which share of the changes of charges one measurement predicts.

    Parameters
    ----------
    measured : Measured
        With the experiment ``relu_flow``.

    Returns
    -------
    Question
        Of SGD without decay: one minus the squared errors over the squared changes.
    """
    flow = measured.stages[FLOW].sel(descent="SGD")
    change = _change(flow["charge"])
    error = flow["charge"].isel(record=-1) - flow["path"].isel(record=-1)
    share = (error**2).sum("unit", skipna=False) / (change**2).sum("unit", skipna=False)
    return ask_mean_of_draws(1 - share)


def nearer_to_equilibrium(measured: Measured) -> Question:
    """Ask by which factor units come nearer to the noise equilibrium.

    Parameters
    ----------
    measured : Measured
        With the experiment ``relu_flow``.

    Returns
    -------
    Question
        The mean logarithm of the factor, of SGD without decay.
    """
    flow = measured.stages[FLOW].sel(descent="SGD")
    distance = abs(flow["displacement"]).median("unit", skipna=True)
    factor = distance.isel(record=-1) / distance.isel(record=0)
    return ask_mean_of_draws(_log(factor))


def moves_as_far(measured: Measured, *, descent: str) -> Question:
    """Ask how far a descent moves the charges, compared with SGD.

    Parameters
    ----------
    measured : Measured
        With the experiment ``relu_flow``.
    descent : str
        Which one.

    Returns
    -------
    Question
        The mean logarithm of the ratio of the changes.
    """
    changes = abs(_change(measured.stages[FLOW]["charge"])).sum("unit", skipna=False)
    ratio = changes.sel(descent=descent) / changes.sel(descent="SGD")
    return ask_mean_of_draws(_log(ratio))


def share_of_optimizer(measured: Measured) -> Question:
    """Ask which share of its changes Adam makes at first order.

    Parameters
    ----------
    measured : Measured
        With the experiment ``relu_flow``.

    Returns
    -------
    Question
        The mean share.
    """
    booked = measured.stages[FLOW]["booked"].sel(descent="Adam").isel(record=-1)
    of_causes = abs(booked).sum("unit", skipna=False)
    share = of_causes.sel(cause="optimizer") / of_causes.sum("cause", skipna=False)
    return ask_mean_of_draws(share)


def rates_survived(measured: Measured, *, first: str, second: str) -> Question:
    """Ask at how many more learning rates a start survives than another.

    Parameters
    ----------
    measured : Measured
        With the experiment ``large_rates``.
    first, second : str
        Points of the orbit.

    Returns
    -------
    Question
        The mean over draws and sizes of the difference.
    """
    survived = measured.stages[RATES]["survived"].astype(float)
    rates = survived.sum("rate")
    difference = rates.sel(point=first, drop=True) - rates.sel(point=second, drop=True)
    return ask_mean_of_draws(difference.mean("size"))


def flatter_later(measured: Measured, *, point: str) -> Question:
    """Ask how much flatter training ends that goes on from a point than from the minimum as it is.

    Parameters
    ----------
    measured : Measured
        With the experiment ``training_on``.
    point : str
        Of the orbit of the minimum.

    Returns
    -------
    Question
        The mean logarithm (base 2) of the ratio of the traces.
    """
    last = measured.stages[TRAINED]["trace"].isel(record=-1)
    ratio = last.sel(point=point, drop=True) / last.sel(point="as trained", drop=True)
    return ask_mean_of_draws(_log(ratio) / math.log(2))


def _change(charge: xr.DataArray) -> xr.DataArray:
    """Return the change from the first record to the last one."""
    return charge.isel(record=-1) - charge.isel(record=0)


def _log(values: xr.DataArray) -> xr.DataArray:
    """Return logarithms."""
    return values.copy(data=np.log(values.values))


def _stuck(identifier: str, descent: str, statement: str) -> Claim:
    """Return the claim that a descent hardly moves charges."""
    return Claim(
        identifier=identifier,
        statement=statement,
        source=CONTROL,
        statistic="logarithm of the summed changes of the charges, minus that of SGD",
        unit_of_n="draws",
        threshold=math.log(0.05),
        direction="below",
        stages=(FLOW,),
        ask=partial(moves_as_far, descent=descent),
        model=MODEL,
    )


def _survives(identifier: str, first: str, second: str, statement: str) -> Claim:
    """Return the claim that one start survives larger rates than another."""
    return Claim(
        identifier=identifier,
        statement=statement,
        source=f"{SOURCE}, section 5.2, on warm-up; the projections are ours",
        statistic=f"number of learning rates (of ten) survived, {first} minus {second}; mean over "
        "two sizes",
        unit_of_n="draws",
        threshold=0.0,
        direction="above",
        stages=(RATES,),
        ask=partial(rates_survived, first=first, second=second),
        model=MODEL,
    )


def _stays_flat(identifier: str, point: str, statement: str) -> Claim:
    """Return the claim that a move makes a minimum flatter for longer."""
    return Claim(
        identifier=identifier,
        statement=statement,
        source="ours",
        statistic=f"logarithm (base 2) of the trace of the Gauss-Newton matrix, {point} minus as "
        "trained",
        unit_of_n="draws",
        threshold=0.0,
        direction="below",
        stages=(TRAINED,),
        ask=partial(flatter_later, point=point),
        model=MODEL,
    )


CLAIMS = (
    Claim(
        identifier="P1",
        statement=(
            "The changes of the charges of ReLU units under SGD are what the forces measured along "
            "training add up to."
        ),
        source=THEORY,
        statistic=(
            "slope over units of the measured on the predicted change, minus 1: the larger of the "
            "mean sizes without and with decay"
        ),
        unit_of_n="draws",
        threshold=0.1,
        direction="below",
        stages=(FLOW,),
        ask=slope_along_training,
        model=MODEL,
    ),
    Claim(
        identifier="P1-once",
        statement=(
            "One measurement of the gradients, at the start, predicts most of the changes of the "
            "charges, though SGD changes the function on the way."
        ),
        source=THEORY,
        statistic="squared changes less squared errors, over squared changes",
        unit_of_n="draws",
        threshold=0.5,
        direction="above",
        stages=(FLOW,),
        ask=explained_by_one_measurement,
        model=MODEL,
    ),
    Claim(
        identifier="P1-equilibrium",
        statement="SGD with label noise leads the units of a ReLU network to noise equilibrium.",
        source=f"{SOURCE}, theorem 4.3",
        statistic=(
            "logarithm of the median distance |λ*| in the end, minus that at the start (the claim: "
            "below a quarter)"
        ),
        unit_of_n="draws",
        threshold=math.log(0.25),
        direction="below",
        stages=(FLOW,),
        ask=nearer_to_equilibrium,
        model=MODEL,
    ),
    _stuck(
        "P1-batches",
        "full batches",
        "Full batches, from the same networks on the same data, hardly move the charges.",
    ),
    _stuck(
        "P1-labels",
        "SGD, no label noise",
        "On labels without noise, SGD hardly moves the charges: its noise dies with the error.",
    ),
    Claim(
        identifier="P1-adaptive",
        statement="Adam moves the charges at first order, for which the theory has no term.",
        source=CONTROL,
        statistic="share of the changes that is booked as 'optimizer'",
        unit_of_n="draws",
        threshold=0.5,
        direction="above",
        stages=(FLOW,),
        ask=share_of_optimizer,
        model=MODEL,
    ),
    _survives(
        "P2",
        "after warm-up",
        "fresh",
        "Warm-up makes larger learning rates stable.",
    ),
    _survives(
        "P2-equilibrium",
        "noise equilibrium",
        "fresh",
        "So does moving a fresh network to its noise equilibrium, which changes no output.",
    ),
    _survives(
        "P2-lengths",
        "noise equilibrium",
        "equal lengths",
        "A fresh network survives larger learning rates at its noise equilibrium than with layers "
        "of equal length.",
    ),
    _survives(
        "P2-trace",
        "smallest trace",
        "noise equilibrium",
        "It survives larger ones at the smallest trace of its orbit than at its noise equilibrium.",
    ),
    _stays_flat(
        "P3",
        "noise equilibrium",
        "A minimum on the digits that is moved to its noise equilibrium is flatter than the one "
        "as trained also after training went on.",
    ),
    _stays_flat(
        "P3-lengths",
        "equal lengths",
        "So is one whose incoming and outgoing weights are made equally long.",
    ),
)
