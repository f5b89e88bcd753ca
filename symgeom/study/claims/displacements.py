r"""A claim that joins the noise of SGD with flatness (N-trace): far from balance, and sharp.

At one function, the trace of the Hessian is nearly smallest where gradient noise balances itself.
Whether minima of different functions are sharper the further they are from the noise equilibrium is
another question: it is asked of the seeds of an arm, which differ in nothing but chance. How far a
network is from its equilibrium is the median over its units of \|lambda*\|, the logarithm of the
scale that leads a unit there.

References
----------
Ziyin, Wang, Li, Wu, "Parameter Symmetry and Noise Equilibrium of Stochastic Gradient Descent",
NeurIPS 2024 (arXiv 2402.07193), theorem 4.3, for the equilibrium. The question is ours.
"""

from typing import cast

import numpy as np
import xarray as xr

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.correlation import ask_correlation
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.orbits import has_orbits, matrix_words
from symgeom.study.claims.question import Question
from symgeom.study.claims.selection import pair_ends, select_minima, usable_networks

PREFIX = "displacement_"
"""What the names of arrays over the units of a group begin with."""


def displacements_by_group(equilibria: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return how far minima are from their noise equilibrium, group by group.

    Parameters
    ----------
    equilibria : xr.Dataset
        With ``displacement_<group>(arm, seed, moment, <group>)``.

    Returns
    -------
    dict of str to xr.DataArray, dims (arm, seed)
        The median of ``|lambda*|`` over the units of each group; units that have no equilibrium
        because nothing moves them count as nothing.
    """
    medians = {}
    for name, displacement in equilibria.data_vars.items():
        if str(name).startswith(PREFIX):
            group = str(name).removeprefix(PREFIX)
            at_end = displacement.sel(moment="end", drop=True)
            sizes = cast(xr.DataArray, np.abs(at_end))
            medians[group] = sizes.median(group)
    return medians


def displacement_at_end(equilibria: xr.Dataset) -> xr.DataArray:
    """Return how far minima are from their noise equilibrium.

    Parameters
    ----------
    equilibria : xr.Dataset
        With ``displacement(arm, seed, moment)``.

    Returns
    -------
    xr.DataArray, dims (arm, seed)
        The median of ``|lambda*|`` over all units.
    """
    return equilibria["displacement"].sel(moment="end", drop=True)


def distance_to_others(distances: xr.Dataset, minima: xr.Dataset) -> xr.DataArray:
    """Return how far minima are from the others of their arm on the torus.

    Parameters
    ----------
    distances : xr.Dataset
        With ``distance(pair, stage)`` and the ends of every pair.
    minima : xr.Dataset
        With ``usable(arm, seed)``.

    Returns
    -------
    xr.DataArray, dims (arm, seed)
        The mean aligned distance (rad) to the usable ones; NaN where there is none.
    """
    networks, _ = usable_networks(minima)
    aligned = distances["distance"].sel(stage="aligned").values.tolist()
    apart: dict[tuple[str, int], list[float]] = {network: [] for network in networks}
    for (first, second), distance in zip(pair_ends(distances), aligned, strict=True):
        if first[0] == second[0] and first in apart and second in apart:
            apart[first].append(distance)
            apart[second].append(distance)
    shape = (minima.sizes["arm"], minima.sizes["seed"])
    coordinates = {"arm": minima["arm"].values, "seed": minima["seed"].values}
    means = xr.DataArray(np.full(shape, np.nan), coordinates, ("arm", "seed"))
    for (arm, seed), of_network in apart.items():
        if of_network:
            means.loc[{"arm": arm, "seed": seed}] = np.mean(of_network)
    return means


def ask_rank_correlation(first: xr.DataArray, second: xr.DataArray, minima: xr.Dataset) -> Question:
    """Ask how two measures of single minima rank the minima of an arm.

    Parameters
    ----------
    first, second : xr.DataArray, dims (arm, seed)
        Two measures.
    minima : xr.Dataset
        With ``usable(arm, seed)``.

    Returns
    -------
    Question
        Spearman's correlation within arms.
    """
    columns = xr.concat(
        [first, second], "column", join="outer", coords="minimal", compat="override"
    )
    return ask_correlation(select_minima(columns, minima), "the study")


def displacement_and_trace(measured: Measured) -> Question:
    """Ask whether minima of an arm that are further from the equilibrium are sharper.

    Parameters
    ----------
    measured : Measured
        With ``displacement(arm, seed, moment)`` in the stage "equilibria", and ``trace(arm, seed,
        point)`` in "orbits".

    Returns
    -------
    Question
        Spearman's correlation within arms.
    """
    displacement = displacement_at_end(measured.stages["equilibria"])
    trace = trace_as_trained(measured.stages["orbits"])
    return ask_rank_correlation(displacement, trace, measured.minima)


def trace_as_trained(orbits: xr.Dataset) -> xr.DataArray:
    """Return the trace of the Hessian of minima, which has no error of probes.

    Parameters
    ----------
    orbits : xr.Dataset
        With ``trace(arm, seed, point)``.

    Returns
    -------
    xr.DataArray, dims (arm, seed)
        Where the networks were trained to.
    """
    return orbits["trace"].sel(point="trained", drop=True)


def has_equilibria_and_traces(measured: Measured) -> bool:
    """Say whether the networks have a noise equilibrium and a trace.

    Parameters
    ----------
    measured : Measured
        With the stages "equilibria" and "orbits".

    Returns
    -------
    bool
        Whether both were measured.
    """
    return measured.has_any("equilibria", PREFIX) and has_orbits(measured)


CLAIMS = (
    Claim(
        identifier="N-trace",
        statement=(
            "Of the minima of an arm, those further from the noise equilibrium have a larger "
            "Hessian trace."
        ),
        source=(
            "ours; the equilibrium is that of Ziyin et al., NeurIPS 2024 (arXiv 2402.07193), "
            "theorem 4.3"
        ),
        statistic=(
            "Spearman correlation of the median over units of |lambda*| with the trace of the "
            "{matrix} within arms, mean over arms, whichever arm is left out"
        ),
        unit_of_n="minima",
        threshold=0.0,
        direction="above",
        stages=("minima", "equilibria", "orbits"),
        ask=displacement_and_trace,
        applies=has_equilibria_and_traces,
        words=matrix_words,
    ),
)
