"""Gates: what two sides must have in common before a claim compares them.

Minima of two arms are compared at *equal depth*: how far their errors rise, and how far apart they
are, depends on how far they were trained. And barriers need *headroom*: where those of both sides
end at the error of guessing, they differ by nothing but the errors of their ends. A claim whose
gate is closed is not judged: its verdict is "undecided", and the note says what was found. Gates
look at depths and ceilings alone. They close whatever the sign of the difference, which is printed
all the same.

An arm with the reference's rule and more compute is deeper by construction. Claims against it ask
for headroom only.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.measured import Measured
from symgeom.study.claims.selection import select_minima, select_pairs

Gate = Callable[[Measured], str]
"""From what was measured to why a claim is not judged; empty if it is."""

EQUAL_COMPUTE = "equal_budget"
"""The role of an arm that is compared at equal compute, not at equal depth."""


def equal_depth(first: str, second: str) -> tuple[Gate, ...]:
    """Return the gate of a claim that compares minima of two roles.

    Parameters
    ----------
    first, second : str
        The roles.

    Returns
    -------
    tuple of Gate
        None for an arm at equal compute.
    """
    if EQUAL_COMPUTE in (first, second):
        return ()
    return (partial(difference_of_depths, first=first, second=second),)


def headroom(first: str, second: str, variant: Callable[[xr.Dataset], str]) -> tuple[Gate, ...]:
    """Return the gate of a claim that compares barriers of two roles.

    Parameters
    ----------
    first, second : str
        The roles.
    variant : callable
        From the stage "paths" to the variant that is compared.

    Returns
    -------
    tuple of Gate
        One.
    """
    return (partial(both_at_the_ceiling, first=first, second=second, variant=variant),)


def difference_of_depths(measured: Measured, *, first: str, second: str) -> str:
    """Say by how much two roles' minima differ in training error or loss, if it is too much.

    Parameters
    ----------
    measured : Measured
        With ``train_error(arm, seed)`` and ``train_loss(arm, seed)`` of the minima.
    first, second : str
        The roles.

    Returns
    -------
    str
        For the note; empty if they are equally deep, or if a side has no minimum.
    """
    errors = _means(measured, "train_error", (first, second))
    losses = _means(measured, "train_loss", (first, second))
    tolerance = measured.tolerances
    sides = f"minima of {measured.named(first)} and {measured.named(second)}"
    if abs(errors[0] - errors[1]) > tolerance.error:
        return (
            f"{sides} end at training errors of {errors[0]:.3g} and {errors[1]:.3g}, which are not "
            f"within {tolerance.error:g}"
        )
    if max(losses) > tolerance.loss * min(losses):
        return (
            f"{sides} end at training losses of {losses[0]:.3g} and {losses[1]:.3g}, which are not "
            f"within a factor of {tolerance.loss:g}"
        )
    return ""


def _means(measured: Measured, name: str, roles: Sequence[str]) -> list[float]:
    """Return the mean over the usable minima of each role; NaN of none."""
    means = []
    for role in roles:
        minima = measured.minima_as(*roles)
        values = select_minima(minima[name], minima, measured.arms(role)).values
        means.append(float(values.mean()) if len(values) else np.nan)
    return means


def both_at_the_ceiling(
    measured: Measured, *, first: str, second: str, variant: Callable[[xr.Dataset], str]
) -> str:
    """Say how many barriers inside two roles' arms end at the ceiling, if many do on both sides.

    Parameters
    ----------
    measured : Measured
        With ``relative_barrier(pair, variant, split)`` in the stage "paths".
    first, second : str
        The roles.
    variant : callable
        From the stage "paths" to the variant that is compared.

    Returns
    -------
    str
        For the note; empty if one side has headroom, or no pair.
    """
    shares = []
    for role in (first, second):
        at_ceiling = _at_the_ceiling(measured, [variant(measured.stages["paths"])], role)
        shares.append(float(at_ceiling.mean()) if len(at_ceiling) else np.nan)
    if not min(shares) >= measured.tolerances.share:
        return ""
    return (
        f"{shares[0]:.0%} of the barriers inside {measured.named(first)} and {shares[1]:.0%} "
        f"inside {measured.named(second)} take {measured.tolerances.ceiling:.0%} of the headroom "
        "or more"
    )


def all_at_the_ceiling(measured: Measured, *, variants: Sequence[str]) -> str:
    """Say how many pairs are at the ceiling whichever of some variants is asked, if many are.

    Parameters
    ----------
    measured : Measured
        With ``relative_barrier(pair, variant, split)`` in the stage "paths".
    variants : sequence of str
        The variants of a path that are compared on the same pairs.

    Returns
    -------
    str
        For the note; empty if the pairs have headroom, or if there is none.
    """
    at_ceiling = _at_the_ceiling(measured, variants)
    if not len(at_ceiling):
        return ""
    share = float(at_ceiling.mean())
    if share < measured.tolerances.share:
        return ""
    return (
        f"with every kind of path that is compared, the barriers of {share:.0%} of the pairs take "
        f"{measured.tolerances.ceiling:.0%} of the headroom or more"
    )


def _at_the_ceiling(
    measured: Measured, variants: Sequence[str], role: str = ""
) -> NDArray[np.bool_]:
    """Return for each pair inside an arm (of a role) whether all its barriers end there."""
    paths = measured.stages["paths"]
    on_training_data = paths["relative_barrier"].sel(split="train", drop=True)
    inside = np.flatnonzero(paths["first_arm"].values == paths["second_arm"].values)
    of_variants = on_training_data.reindex(variant=list(variants)).isel(pair=inside)
    arms = measured.arms(role) if role else None
    pairs = select_pairs(of_variants, measured.minima_as(role), arms)
    lowest = pairs.values.min(axis=1)
    return lowest >= measured.tolerances.ceiling
