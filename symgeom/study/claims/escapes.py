"""Claims about escape angles: flatness and barriers by a measure that has no ceiling.

They stand beside H1a, H1b and H3a, whose local energies and barriers end at the error of guessing.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.gates import equal_depth
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question, ask_difference
from symgeom.study.claims.scope import samples_of
from symgeom.study.claims.selection import Selection, select_minima, select_pairs

GEODESIC = "geodesic both"
"""The geodesics that are followed: those between aligned networks."""


def difference_of_random_escapes(measured: Measured, *, first: str, second: str) -> Question:
    """Ask how much further one role's minima turn at random than another's.

    Parameters
    ----------
    measured : Measured
        With ``escape_angle(arm, seed)`` in the stage "flatness".
    first, second : str
        The two roles.

    Returns
    -------
    Question
        The difference of the mean escape angles.
    """
    angle = measured.stages["flatness"]["escape_angle"]
    minima = measured.minima_as(first, second)
    selection = select_minima(angle, minima, measured.arms(first, second))
    return ask_difference(selection, measured, first=first, second=second)


def difference_of_escapes(measured: Measured, *, first: str, second: str) -> Question:
    """Ask how much further a geodesic goes from one role's minima than from another's.

    Where the error does not rise so far between two minima, the angle between them is a lower
    bound. Angles are therefore compared up to the smallest such bound: its mean is a restricted
    mean, as of survival times.

    Parameters
    ----------
    measured : Measured
        With ``escape_angle(pair, geodesic, end)`` and ``escape_reached`` in the stage "paths".
    first, second : str
        The two roles.

    Returns
    -------
    Question
        The difference of the mean escape angles inside the roles' arms.
    """
    arms = measured.arms(first, second)
    paths = measured.stages["paths"].sel(geodesic=GEODESIC, drop=True)
    measures = xr.concat([paths["escape_angle"], paths["escape_reached"]], "measure")
    columns = measures.transpose("pair", "measure", "end")
    ends = select_pairs(columns, measured.minima_as(first, second), arms)
    escapes, limit = restricted(ends, ends.within(arms))
    question = ask_difference(escapes, measured, first=first, second=second)

    def difference() -> Answer:
        answer = question.answer()
        if np.isinf(limit):
            return answer
        remark = f"up to {limit:.3g} rad, because some errors do not rise so far between two minima"
        return replace(answer, remark=remark)

    return replace(question, answer=difference)


def restricted(ends: Selection, compared: np.ndarray) -> tuple[Selection, float]:
    """Cut escape angles at the smallest angle that is a lower bound.

    Parameters
    ----------
    ends : Selection
        Pairs, with the angles from both ends, and whether the error had risen there.
    compared : array of bool, shape (unit,)
        The pairs that are compared.

    Returns
    -------
    selection : Selection
        The means over both ends; where angles are cut, by how much they fall short of the limit
        (negative), so that nothing but zeros is left of those that do not.
    limit : float
        Where they are cut; infinite if there is no bound.
    """
    angles = ends.values[:, :2]
    is_bound = ends.values[:, 2:] != 1
    limit = float(angles[is_bound & compared[:, None]].min(initial=np.inf))
    compared_angles = angles if np.isinf(limit) else np.minimum(angles - limit, 0)
    means = compared_angles.mean(axis=1, keepdims=True)
    return replace(ends, values=means), limit


def has_random_escapes(measured: Measured) -> bool:
    """Say whether minima were turned at random.

    Parameters
    ----------
    measured : Measured
        With the stage "flatness".

    Returns
    -------
    bool
        False for networks of signs, and where a study does not ask for it.
    """
    return "escape_angle" in measured.stages["flatness"]


def has_escapes(measured: Measured) -> bool:
    """Say whether geodesics between aligned minima were followed.

    Parameters
    ----------
    measured : Measured
        With the stage "paths".

    Returns
    -------
    bool
        Whether they were.
    """
    paths = measured.stages["paths"]
    return "escape_angle" in paths and GEODESIC in paths["geodesic"].values


def rise_words(measured: Measured) -> Mapping[str, object]:
    """Name by how much the error rises, and the samples, of turns at random.

    Parameters
    ----------
    measured : Measured
        With the stage "flatness".

    Returns
    -------
    mapping of str to object
        ``rise`` and ``samples``.
    """
    flatness = measured.stages["flatness"]
    return {"rise": _rise(flatness), "samples": samples_of(flatness)}


def geodesic_words(measured: Measured) -> Mapping[str, object]:
    """Name by how much the error rises along geodesics, the points and the samples.

    Parameters
    ----------
    measured : Measured
        With the stage "paths".

    Returns
    -------
    mapping of str to object
        ``rise``, ``grid`` (which is not refined at the peak) and ``samples``.
    """
    paths = measured.stages["paths"]
    points = f"interpolated between {paths.attrs.get('points', 0)} points"
    return {"rise": _rise(paths), "grid": points, "samples": samples_of(paths)}


def _rise(arrays: xr.Dataset) -> str:
    """Name the rise that ends an escape."""
    return f"{100 * arrays.attrs['escape_rise']:g} points"


def turns_further(identifier: str, first: str, second: str) -> Claim:
    """Claim that one role's minima turn further at random than another's.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    first, second : str
        The two roles.

    Returns
    -------
    Claim
        Supported if the difference of the mean escape angles is above zero.
    """
    return Claim(
        identifier=identifier,
        statement=(
            f"Minima of {{{first}}} turn further in random directions, all units at once, than "
            f"those of {{{second}}} before the training error has risen by {{rise}}."
        ),
        source=f"{SOURCE}; the measure is ours",
        statistic=(
            "mean escape angle along random directions (rad, until the training error has risen "
            f"by {{rise}}), {first} minus {second}; {{samples}}"
        ),
        unit_of_n="seeds",
        threshold=0.0,
        direction="above",
        stages=("minima", "flatness"),
        ask=partial(difference_of_random_escapes, first=first, second=second),
        applies=has_random_escapes,
        words=rise_words,
        gates=equal_depth(first, second),
    )


def goes_further(identifier: str, first: str, second: str) -> Claim:
    """Claim that geodesics go further from one role's minima than from another's.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    first, second : str
        The two roles.

    Returns
    -------
    Claim
        Supported if the difference of the mean escape angles is above zero.
    """
    return Claim(
        identifier=identifier,
        statement=(
            f"Geodesics between minima of {{{first}}} go further before the training error has "
            f"risen by {{rise}} than those between minima of {{{second}}}."
        ),
        source=f"{SOURCE}; the measure is ours",
        statistic=(
            f"mean escape angle along '{GEODESIC}' within an arm, from either end (rad, until the "
            f"training error has risen by {{rise}}), {first} minus {second}; {{grid}}; {{samples}}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="above",
        stages=("minima", "paths"),
        ask=partial(difference_of_escapes, first=first, second=second),
        applies=has_escapes,
        words=geodesic_words,
        gates=equal_depth(first, second),
    )


CLAIMS = (
    turns_further("H1a-escape", "flat", "reference"),
    turns_further("H1b-escape", "reference", "sharp"),
    goes_further("H3a-escape", "flat", "sharp"),
    goes_further("H3a-reference-escape", "flat", "reference"),
)
