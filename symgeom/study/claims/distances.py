"""Claims about how far apart minima are, modulo symmetries (H2).

The paper is that of :mod:`symgeom.study.claims.flatness`; statistics and thresholds are ours.
"""

from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.averages import by_arm, over_arms
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.gates import equal_depth
from symgeom.study.claims.jackknife import leave_one_out, mean
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question, ask_difference
from symgeom.study.claims.selection import Selection, select_pairs

DISTANCE = "mean aligned distance within an arm (rad, root mean square over spheres)"
"""What is compared, in words."""


def difference_of_distances(measured: Measured, *, first: str, second: str) -> Question:
    """Ask for the mean aligned distance inside one role's arms minus that inside another's.

    Parameters
    ----------
    measured : Measured
        With ``distance(pair, stage)`` in the stage "distances".
    first, second : str
        The two roles.

    Returns
    -------
    Question
        The difference of the mean aligned distances.
    """
    selection = select_distances(measured, first, second)
    return ask_difference(selection, measured, first=first, second=second)


def select_distances(measured: Measured, *roles: str) -> Selection:
    """Select the pairs of some roles' arms, with their aligned distances.

    Parameters
    ----------
    measured : Measured
        With ``distance(pair, stage)`` in the stage "distances".
    *roles : str
        The roles.

    Returns
    -------
    Selection
        With one column.
    """
    distance = measured.stages["distances"]["distance"]
    aligned = distance.sel(stage="aligned", drop=True)
    return select_pairs(aligned, measured.minima_as(*roles), measured.arms(*roles))


def difference_from_random(measured: Measured) -> Question:
    """Ask for the mean aligned distance inside all arms minus that of random networks.

    Alignment selects matching units and so shortens the distance of any two networks; the control
    says by how much.

    Parameters
    ----------
    measured : Measured
        With ``distance(pair, stage)`` and ``random_distance(control, stage)`` (random networks) in
        the stage "distances".

    Returns
    -------
    Question
        The difference, whichever arm is left out; the control is an arm of its own.
    """
    distances = measured.stages["distances"]
    aligned = distances["distance"].sel(stage="aligned", drop=True)
    ends = [distances["first_arm"].values, distances["second_arm"].values]
    inside_arms = np.flatnonzero(ends[0] == ends[1])
    pairs = by_arm(select_pairs(aligned.isel(pair=inside_arms), measured.minima))
    control = _random_distances(distances)
    control_strata = ["random control"] * len(control)
    strata = np.array([*pairs.selection.strata, *control_strata], dtype=str)

    def difference() -> Answer:
        counts = leave_one_out(len(strata))
        trained_means = pairs.means(counts[:, : pairs.networks])[..., 0]
        control_mean = mean(control, counts[:, pairs.networks :])
        differences = trained_means - control_mean[:, None]
        return Answer(over_arms(differences, strata), pairs.remark(differences[0]))

    sizes = {"the study": len(pairs.selection.values), "the random control": len(control)}
    return Question(difference, strata, sizes, pairs.selection.left_out)


def _random_distances(distances: xr.Dataset) -> NDArray[np.float64]:
    """Return the finite aligned distances of random networks; none if they were not measured."""
    if "random_distance" not in distances:
        return np.zeros(0)
    values = distances["random_distance"].sel(stage="aligned").values
    return values[np.isfinite(values)]


def nearer(identifier: str, first: str, second: str) -> Claim:
    """Claim that one role's aligned minima are closer to each other than another's.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    first, second : str
        The two roles.

    Returns
    -------
    Claim
        Supported if the difference of the mean aligned distances is below zero.
    """
    return Claim(
        identifier=identifier,
        statement=(
            f"With the symmetries removed, minima of {{{first}}} are closer to each other than "
            f"those of {{{second}}}."
        ),
        source=SOURCE,
        statistic=f"{DISTANCE}, {first} minus {second}",
        unit_of_n="pairs",
        threshold=0.0,
        direction="below",
        stages=("minima", "distances"),
        ask=partial(difference_of_distances, first=first, second=second),
        gates=equal_depth(first, second),
    )


CLAIMS = (
    nearer("H2a", "flat", "sharp"),
    nearer("H2a-reference", "flat", "reference"),
    Claim(
        identifier="H2b",
        statement=(
            "Aligned minima of the same arm are closer to each other than aligned random networks."
        ),
        source=f"{SOURCE}; the random control is ours",
        statistic=(
            "mean aligned distance within an arm, minus that of random networks (rad, root mean "
            "square over spheres), mean over arms, whichever arm is left out"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="below",
        stages=("minima", "distances"),
        ask=difference_from_random,
    ),
)
