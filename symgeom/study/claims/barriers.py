"""Claims about barriers between minima (H3).

The paper is that of :mod:`symgeom.study.claims.flatness`; statistics and thresholds are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr

from symgeom.study.claims.averages import ask_below_lowest
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.gates import all_at_the_ceiling, equal_depth, headroom
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_difference
from symgeom.study.claims.scope import path_words
from symgeom.study.claims.selection import select_pairs

FULL = ("geodesic both", "hamming aligned")
"""The variant of a path with all symmetries removed.

The first is that of real weights, the second that of binary ones, which have no scales.
"""

PARTIAL = {
    "geodesic both": ("linear raw", "linear normalised", "geodesic normalised", "linear aligned"),
    "hamming aligned": ("hamming raw",),
}
"""Variants of a path that leave a symmetry in."""

WAYS = {
    "geodesic both": "geodesics",
    "hamming aligned": "paths that flip signs in random order",
}
"""What the paths with all symmetries removed are, in a sentence."""


def full_variant(paths: xr.Dataset) -> str:
    """Return the name of the variant with all symmetries removed.

    Parameters
    ----------
    paths : xr.Dataset
        With the coordinate ``variant``.

    Returns
    -------
    str
        One of :data:`FULL`; the first if there is none.

    Examples
    --------
    >>> full_variant(xr.Dataset(coords={"variant": ["hamming raw", "hamming aligned"]}))
    'hamming aligned'
    """
    measured_variants = paths["variant"].values
    for name in FULL:
        if name in measured_variants:
            return name
    return FULL[0]


def variant_words(measured: Measured) -> Mapping[str, object]:
    """Name the variant with all symmetries removed, its paths, other variants, and the grid.

    Parameters
    ----------
    measured : Measured
        With the stage "paths".

    Returns
    -------
    mapping of str to object
        ``variant``, ``ways``, ``others``, ``grid`` and ``samples``.
    """
    variant = full_variant(measured.stages["paths"])
    others = ", ".join(repr(name) for name in PARTIAL[variant])
    named = {"variant": variant, "ways": WAYS[variant], "others": others}
    return named | dict(path_words(measured))


def difference_of_barriers(
    measured: Measured, *, first: str, second: str, measure: str = "barrier"
) -> Question:
    """Ask for the mean barrier inside one role's arms minus that inside another's.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths".
    first, second : str
        The two roles.
    measure : {"barrier", "relative_barrier"}
        The barrier, or its share of the headroom.

    Returns
    -------
    Question
        The difference of the mean barriers with all symmetries removed.
    """
    paths = measured.stages["paths"]
    on_training_data = paths[measure].sel(split="train", drop=True)
    barrier = on_training_data.reindex(variant=[full_variant(paths)])
    selection = select_pairs(
        barrier, measured.minima_as(first, second), measured.arms(first, second)
    )
    return ask_difference(selection, measured, first=first, second=second)


def full_below_partial(measured: Measured) -> Question:
    """Ask how much lower barriers are with all symmetries removed than with some or none.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths".

    Returns
    -------
    Question
        As from :func:`below_the_lowest`.
    """
    variant = full_variant(measured.stages["paths"])
    return below_the_lowest(measured, variant=variant, others=PARTIAL[variant])


def partial_at_the_ceiling(measured: Measured) -> str:
    """Say how many pairs are at the ceiling with symmetries removed or not, if many are.

    Parameters
    ----------
    measured : Measured
        With ``relative_barrier(pair, variant, split)`` in the stage "paths".

    Returns
    -------
    str
        As from :func:`~symgeom.study.claims.gates.all_at_the_ceiling`.
    """
    variant = full_variant(measured.stages["paths"])
    return all_at_the_ceiling(measured, variants=(variant, *PARTIAL[variant]))


def ends_have_errors(measured: Measured) -> bool:
    """Say whether any minimum has a training error, so that headrooms differ.

    Parameters
    ----------
    measured : Measured
        With ``train_error(arm, seed)`` of the minima.

    Returns
    -------
    bool
        False where a barrier relative to the headroom says what the barrier says.
    """
    usable = measured.minima["usable"]
    return bool((measured.minima["train_error"].where(usable) > 0).any())


def below_the_lowest(measured: Measured, *, variant: str, others: Sequence[str]) -> Question:
    """Ask for the mean barrier of one variant minus the lowest of the means of others.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths".
    variant : str
        The variant.
    others : sequence of str
        The others.

    Returns
    -------
    Question
        The difference, as the mean over arms of pairs inside them (across arms one kind of path is
        measured); it shall hold whichever arm is left out.
    """
    paths = measured.stages["paths"]
    inside_arms = np.flatnonzero(paths["first_arm"].values == paths["second_arm"].values)
    on_training_data = paths["barrier"].sel(split="train", drop=True)
    barrier = on_training_data.reindex(variant=[variant, *others])
    selection = select_pairs(barrier.isel(pair=inside_arms), measured.minima)
    return ask_below_lowest(selection, "the study")


def lower_barriers(identifier: str, first: str, second: str) -> Claim:
    """Claim that barriers between one role's minima are lower than between another's.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    first, second : str
        The two roles.

    Returns
    -------
    Claim
        Supported if the difference of the mean barriers is below zero.
    """
    return Claim(
        identifier=identifier,
        statement=(
            f"Along {{ways}}, with all symmetries removed, barriers between minima of {{{first}}} "
            f"are lower than between those of {{{second}}}."
        ),
        source=SOURCE,
        statistic=(
            "mean barrier of the training error (fraction, '{variant}') within an arm, "
            f"{first} minus {second}; {{grid}}; {{samples}}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="below",
        stages=("minima", "paths"),
        ask=partial(difference_of_barriers, first=first, second=second),
        words=variant_words,
        gates=equal_depth(first, second) + headroom(first, second, full_variant),
    )


def lower_relative_barriers(identifier: str, first: str, second: str) -> Claim:
    """Claim the same of barriers relative to the headroom.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    first, second : str
        The two roles.

    Returns
    -------
    Claim
        It is asked where minima have training errors.
    """
    return replace(
        lower_barriers(identifier, first, second),
        statement=(
            f"Along {{ways}}, with all symmetries removed, barriers between minima of {{{first}}} "
            f"take less of the headroom than those of {{{second}}}."
        ),
        statistic=(
            "mean barrier of the training error as a share of the room below the error of guessing "
            f"('{{variant}}') within an arm, {first} minus {second}; {{grid}}; {{samples}}"
        ),
        ask=partial(difference_of_barriers, first=first, second=second, measure="relative_barrier"),
        applies=ends_have_errors,
    )


CLAIMS = (
    lower_barriers("H3a", "flat", "sharp"),
    lower_barriers("H3a-reference", "flat", "reference"),
    lower_relative_barriers("H3a-relative", "flat", "sharp"),
    lower_relative_barriers("H3a-reference-relative", "flat", "reference"),
    Claim(
        identifier="H3b",
        statement=(
            "Barriers within an arm are lower with all symmetries removed than with some or none."
        ),
        source=SOURCE,
        statistic=(
            "mean barrier of the training error (fraction) of '{variant}' minus the lowest mean of "
            "{others}; mean over arms, whichever arm is left out; {grid}; {samples}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="below",
        stages=("minima", "paths"),
        ask=full_below_partial,
        words=variant_words,
        gates=(partial_at_the_ceiling,),
    ),
)
