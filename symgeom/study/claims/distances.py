"""Claims about how far apart minima are, modulo symmetries (H2).

The paper is that of :mod:`symgeom.study.claims.flatness`; statistics and thresholds are ours.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import xarray as xr

from symgeom.study.claims.averages import ask_below_lowest
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.gates import equal_depth
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_difference
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


def difference_from_controls(measured: Measured, *, role: str = "") -> Question:
    """Ask how much nearer than the nearest control the networks of a pair are, inside arms.

    Alignment selects matching units and so shortens the distance of any two networks; a control,
    which takes the place of the second network of the same pair, says by how much.

    Parameters
    ----------
    measured : Measured
        With ``distance(pair, stage)`` and ``control_distance(pair, control, stage)`` in the stage
        "distances".
    role : str
        The role whose arms are asked; all arms by default.

    Returns
    -------
    Question
        The difference from the nearest kind of control, whichever arm is left out.
    """
    distances = measured.stages["distances"].sel(stage="aligned", drop=True)
    has_controls = distances["control_distance"].notnull().any("control")
    pairs = distances.isel(pair=np.flatnonzero(has_controls.values))
    trained = pairs["distance"].expand_dims(control=["none"])
    controls = pairs["control_distance"].drop_vars("control_title")
    values = xr.concat([trained, controls], "control")
    arms = measured.arms(role) if role else None
    selection = select_pairs(values, measured.minima_as(role), arms)
    side = measured.named(role) if role else "the study"
    return ask_below_lowest(selection, side, others=_titles(distances))


def measures_controls(measured: Measured) -> bool:
    """Say whether controls were measured.

    Parameters
    ----------
    measured : Measured
        With the stage "distances".

    Returns
    -------
    bool
        Whether there are.
    """
    return "control_distance" in measured.stages["distances"]


def control_words(measured: Measured) -> Mapping[str, object]:
    """Name the controls.

    Parameters
    ----------
    measured : Measured
        With the stage "distances".

    Returns
    -------
    mapping of str to object
        ``controls``.
    """
    return {"controls": ", ".join(_titles(measured.stages["distances"]))}


def _titles(distances: xr.Dataset) -> list[str]:
    """Return the controls in words."""
    return [str(title) for title in distances["control_title"].values]


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


def nearer_than_controls(identifier: str, statement: str, average: str, role: str = "") -> Claim:
    """Claim that aligned minima are closer to each other than to the nearest control.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    statement : str
        What is claimed.
    average : str
        Over what the mean is taken, for the end of the statistic.
    role : str
        The role whose arms are asked; all arms by default.

    Returns
    -------
    Claim
        Supported if the difference of the mean aligned distances is below zero.
    """
    return Claim(
        identifier=identifier,
        statement=statement,
        source=f"{SOURCE}; the controls are ours",
        statistic=(
            "mean aligned distance of consecutive seeds of an arm, minus the lowest of the means "
            "of controls ({controls}) in the place of the second (rad, root mean square over "
            f"spheres){average}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="below",
        stages=("minima", "distances"),
        ask=partial(difference_from_controls, role=role),
        applies=measures_controls,
        words=control_words,
    )


CLAIMS = (
    nearer("H2a", "flat", "sharp"),
    nearer("H2a-reference", "flat", "reference"),
    nearer_than_controls(
        "H2b",
        "Aligned minima of the same arm are closer to each other than the first of them is to the "
        "nearest control in the place of the second.",
        ", mean over arms, whichever arm is left out",
    ),
    nearer_than_controls(
        "H2b-sharp",
        "Aligned minima of {sharp}, too, are closer to each other than the first of them is to the "
        "nearest control in the place of the second.",
        "",
        role="sharp",
    ),
)
