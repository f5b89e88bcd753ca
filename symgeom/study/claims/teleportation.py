"""Claims about teleportation: whether moves along an orbit make training cheaper, or other.

In the experiment ``teleportation`` networks of one function, at several points of one orbit, train
on with the same mini-batches, at several learning rates. Compute counts the search.

References
----------
Zhao et al., "Symmetry teleportation for accelerated optimization" (arXiv 2205.10637) and "Improving
convergence and generalization using parameter symmetries" (arXiv 2305.13404).
"""

from functools import partial

import numpy as np
import xarray as xr

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.draws import ask_mean_of_draws
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question

STAGE = "teleportation"
MODEL = "noise_models"
FASTER = "Zhao et al. (arXiv 2205.10637)"
FLATTER = "Zhao et al. (arXiv 2305.13404)"
CONTROL = f"control of T1, ours; {FASTER}, without it"
SMALL_RATE = 0.1
"""A learning rate below the best one."""

STAYS = "not moved"
COMPUTE = "logarithm (base 2) of the compute until the loss is 0.2 nat"


def compute_at_one_rate(measured: Measured, *, point: str, other: str) -> Question:
    """Ask how much compute training takes from one point, compared with another, at one rate.

    Parameters
    ----------
    measured : Measured
        With the experiment ``teleportation``.
    point, other : str
        Points of the orbit.

    Returns
    -------
    Question
        The mean logarithm (base 2) of the ratio.
    """
    reached = measured.stages[STAGE]["reached"].sel(rate=SMALL_RATE)
    return _mean_ratio(reached, point, other)


def compute_at_best(
    measured: Measured, *, point: str, other: str, searched: bool = True
) -> Question:
    """Ask the same with every network trained at the rate that is best for it.

    Parameters
    ----------
    measured : Measured
        With the experiment ``teleportation``.
    point, other : str
        Points of the orbit.
    searched : bool
        Whether the compute of the search counts.

    Returns
    -------
    Question
        The mean logarithm (base 2) of the ratio.
    """
    arrays = measured.stages[STAGE]
    reached = arrays["reached"]
    if not searched:
        reached = reached - arrays["spent"]
    return _mean_ratio(reached.min("rate"), point, other)


def ends_with(measured: Measured, *, quantity: str, point: str) -> Question:
    """Ask how training ends that goes on from a point, compared with no move.

    Parameters
    ----------
    measured : Measured
        With the experiment ``teleportation``.
    quantity : {"error", "trace"}
        What is compared: by its difference in percent, or by the logarithm (base 2) of its ratio.
    point : str
        Of the orbit.

    Returns
    -------
    Question
        The mean over learning rates.
    """
    values = measured.stages[STAGE][quantity]
    if quantity == "trace":
        return _mean_ratio(values.mean("rate", skipna=False), point, STAYS)
    percent = 100 * values.mean(["rate", "bound"], skipna=False)
    difference = percent.sel(point=point, drop=True) - percent.sel(point=STAYS, drop=True)
    return ask_mean_of_draws(difference)


def largest_change(measured: Measured) -> Question:
    """Ask how much moves change outputs.

    Parameters
    ----------
    measured : Measured
        With the experiment ``teleportation``.

    Returns
    -------
    Question
        The mean over draws of the largest change.
    """
    change = measured.stages[STAGE]["change"]
    return ask_mean_of_draws(change.max(["point", "bound", "rate"]))


def _mean_ratio(values: xr.DataArray, point: str, other: str) -> Question:
    """Ask for the mean logarithm of a ratio, over draws and bounds."""
    ratio = values.sel(point=point, drop=True) / values.sel(point=other, drop=True)
    logarithms = ratio.copy(data=np.log2(ratio.values))
    return ask_mean_of_draws(logarithms.mean("bound", skipna=False))


def _saves(
    identifier: str,
    point: str,
    statement: str,
    *,
    other: str = STAYS,
    best: bool = True,
    searched: bool = True,
) -> Claim:
    """Return the claim that training from one point takes less compute than from another."""
    rates = "each at its best learning rate" if best else f"at learning rate {SMALL_RATE:g}"
    compute = COMPUTE if searched else COMPUTE.replace("compute", "epochs")
    ask = partial(compute_at_one_rate, point=point, other=other)
    if best:
        ask = partial(compute_at_best, point=point, other=other, searched=searched)
    return Claim(
        identifier=identifier,
        statement=statement,
        source=FASTER if other == STAYS and searched and not best else CONTROL,
        statistic=f"{compute}, {point} minus {other}, {rates}; mean over two bounds",
        unit_of_n="draws",
        threshold=0.0,
        direction="below",
        stages=(STAGE,),
        ask=ask,
        model=MODEL,
    )


def _ends(identifier: str, quantity: str, statistic: str, statement: str) -> Claim:
    """Return the claim that training from the flattest point ends with less of something."""
    return Claim(
        identifier=identifier,
        statement=statement,
        source=FLATTER,
        statistic=f"{statistic}, flattest minus not moved; mean over learning rates and two bounds",
        unit_of_n="draws",
        threshold=0.0,
        direction="below",
        stages=(STAGE,),
        ask=partial(ends_with, quantity=quantity, point="flattest"),
        model=MODEL,
    )


CLAIMS = (
    _saves(
        "T1",
        "steepest",
        "At one small learning rate, teleportation to the steepest point of the orbit within a "
        "bound saves compute.",
        best=False,
    ),
    _saves(
        "T1-rate",
        "steepest",
        "It does so when the learning rate is the best one with and without it.",
    ),
    _saves(
        "T1-random",
        "steepest",
        "At one small learning rate, it saves more than a move to a random corner of the bound.",
        other="random corner",
        best=False,
    ),
    _saves(
        "T1-straight",
        "straightest",
        "Teleportation to the point of smallest curvature along the gradient saves compute at the "
        "best learning rates, its search included.",
    ),
    _saves(
        "T1-free",
        "straightest",
        "It saves epochs if its search costs nothing.",
        searched=False,
    ),
    _ends(
        "T2",
        "error",
        "test error in the end (%)",
        "Training that is teleported to the flattest point ends with a smaller test error.",
    ),
    _ends(
        "T2-trace",
        "trace",
        "logarithm (base 2) of the mean trace of the Gauss-Newton matrix in the end",
        "It ends at a flatter network.",
    ),
    Claim(
        identifier="T-outputs",
        statement="Moves along the orbit change no output.",
        source="exact",
        statistic="largest change of an output, of the largest output",
        unit_of_n="draws",
        threshold=1e-10,
        direction="below",
        stages=(STAGE,),
        ask=largest_change,
        model=MODEL,
        kind="check",
    ),
)
