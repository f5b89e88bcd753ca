r"""Claims about the star shape (H6): over a flat minimum the way is easier than over another one.

For two minima :math:`a, b` and a third one :math:`m`, the hub, the path :math:`a \to m \to b` of
two geodesics has the barrier :math:`\max(B(a, m), B(m, b))`. If the solutions form a star with the
flat ones in its core, it is lower over a flat hub than over one from the arm of the ends. Nothing
is optimised: the hub is a minimum that another optimizer found.

The control is a hub of the same arm as the ends, over the same ends. The direct barrier
:math:`B(a, b)` is no control: where all barriers are alike but for chance, the larger of two
exceeds a third one in two thirds of the cases.

References
----------
Annesi, Lauditi, Lucibello, Malatesta, Perugini, Pittorino, Saglietti, "The star-shaped space of
solutions of the spherical negative perceptron", Physical Review Letters 131, 227301, 2023 (arXiv
2305.10623): the prediction, for a shallow model. Differs from the source: here it is asked of deep
networks, whose geodesics are those of the torus.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.barriers import full_variant
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.correlation import ask_correlation
from symgeom.study.claims.flatness import mean_local_energy
from symgeom.study.claims.gates import equal_depth, headroom
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question, ask_contrast
from symgeom.study.claims.scope import noise_words, path_words
from symgeom.study.claims.selection import (
    Selection,
    select_minima,
    select_pairs,
    usable_networks,
)

SOURCE = (
    "Annesi et al., PRL 2023 (arXiv 2305.10623), for the spherical negative perceptron; asked of "
    "deep networks by us"
)

OVER = 0
DIRECT = 1
"""Columns of what is selected of a triple."""


def triples(pairs: Selection, ends: tuple[str, ...]) -> Selection:
    """Take every minimum as the hub between every two minima of some arms.

    Parameters
    ----------
    pairs : Selection
        Barriers of pairs, one column.
    ends : tuple of str
        The arms from which the two ends come.

    Returns
    -------
    Selection
        One unit per triple of which all three barriers are known; its members are hub and ends, its
        columns the larger one of the two barriers over the hub, and the direct one.
    """
    heights = {}
    for networks, (height,) in zip(pairs.members.tolist(), pairs.values, strict=True):
        heights[frozenset(networks)] = float(height)
    end_networks = np.flatnonzero(np.isin(pairs.strata, list(ends))).tolist()
    members = []
    barriers = []
    for first, second in combinations(end_networks, 2):
        for hub in range(len(pairs.strata)):
            ways = _ways(heights, first, hub, second)
            if ways is not None:
                members.append((hub, first, second))
                barriers.append(ways)
    return Selection(
        pairs.strata,
        np.array(members, dtype=np.int64).reshape(-1, 3),
        np.array(barriers, dtype=float).reshape(-1, 2),
        pairs.left_out,
    )


def _ways(
    heights: Mapping[frozenset[int], float], first: int, hub: int, second: int
) -> tuple[float, float] | None:
    """Return the barriers over a hub and of the direct way, if there are three to compare."""
    if hub in (first, second):
        return None
    there = heights.get(frozenset((first, hub)))
    back = heights.get(frozenset((hub, second)))
    direct = heights.get(frozenset((first, second)))
    if there is None or back is None or direct is None:
        return None
    return max(there, back), direct


def select_triples(
    paths: xr.Dataset,
    minima: xr.Dataset,
    ends: tuple[str, ...],
    hubs: tuple[str, ...] | None = None,
) -> Selection:
    """Select the triples of a study.

    Parameters
    ----------
    paths, minima : xr.Dataset
        With ``barrier(pair, variant, split)`` and ``usable(arm, seed)``.
    ends : tuple of str
        The arms from which the two ends come.
    hubs : tuple of str, optional
        The arms from which the hubs come, beside those of the ends; all by default.

    Returns
    -------
    Selection
        As from :func:`triples`, with all symmetries removed, on training data.
    """
    barrier = _barrier(paths)
    arms = None if hubs is None else tuple(dict.fromkeys((*hubs, *ends)))
    return triples(select_pairs(barrier, minima, arms), ends)


def _barrier(paths: xr.Dataset) -> xr.DataArray:
    """Return the barrier of every pair with all symmetries removed, on training data."""
    of_training = paths["barrier"].sel(split="train", drop=True)
    return of_training.reindex(variant=[full_variant(paths)]).isel(variant=0, drop=True)


def over_flat_or_control(measured: Measured, *, role: str) -> Question:
    """Ask for the barrier over a flat hub minus that over a hub from the arm of the ends.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths", of which pairs between all
        minima of the two arms are needed.
    role : str
        The role of the ends.

    Returns
    -------
    Question
        The difference of the means over triples, of ends between which hubs of both kinds are
        known.
    """
    flat = measured.arms("flat")
    ends = measured.arms(role)
    minima = measured.minima_as(role)
    selection = select_triples(measured.stages["paths"], minima, ends, flat)
    hub_arms = selection.strata[selection.members[:, 0]]
    both = _same_ends(selection, np.isin(hub_arms, flat), np.isin(hub_arms, ends))
    sides = {
        f"over {measured.named('flat')}": np.isin(hub_arms, flat) & both,
        f"over another of {measured.named(role)}": np.isin(hub_arms, ends) & both,
    }
    over = replace(selection, values=selection.values[:, [OVER]])
    question = ask_contrast(over, sides)

    def difference() -> Answer:
        words = []
        for name, units in sides.items():
            words.append(f"{name} {selection.values[units, OVER].mean():.3g}")
        over_hub, direct = selection.values[next(iter(sides.values()))].T
        lower = int((over_hub < direct).sum())
        words.append(f"directly {direct.mean():.3g}")
        words.append(f"lower than directly in {lower} of {len(direct)}")
        return replace(question.answer(), remark=", ".join(words))

    return replace(question, answer=difference)


def _same_ends(
    selection: Selection, first: NDArray[np.bool_], second: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which triples have ends that occur on two sides."""
    ends = [tuple(networks[1:]) for networks in selection.members.tolist()]
    sides = []
    for units in (first, second):
        sides.append({ends[unit] for unit in np.flatnonzero(units)})
    shared = sides[0] & sides[1]
    return np.array([pair in shared for pair in ends], dtype=bool)


def joined_arms(measured: Measured, role: str) -> set[str]:
    """Return which other arms paths join to that of a role, between different seeds.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths".
    role : str
        The role.

    Returns
    -------
    set of str
        None if each seed met only its like, which makes no triple.
    """
    ends = list(measured.arms(role))
    barrier = _barrier(measured.stages["paths"]).dropna("pair")
    between_seeds = (barrier["first_seed"] != barrier["second_seed"]).values
    joined: set[str] = set()
    for end, other in (("first_arm", "second_arm"), ("second_arm", "first_arm")):
        leaves_end = np.isin(barrier[end].values, ends)
        joined |= set(barrier[other].values[between_seeds & leaves_end].tolist())
    return joined - set(ends)


def has_triples(measured: Measured, *, role: str) -> bool:
    """Say whether paths lead from the flat arm to the arm of a role.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths".
    role : str
        The role of the ends.

    Returns
    -------
    bool
        False if both are the same arm.
    """
    return bool(joined_arms(measured, role) & set(measured.arms("flat")))


def has_hubs(measured: Measured) -> bool:
    """Say whether paths lead from any other arm to the sharp one.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths".

    Returns
    -------
    bool
        Whether they do.
    """
    return bool(joined_arms(measured, "sharp"))


def energy_and_barrier(measured: Measured) -> Question:
    """Ask how the local energy of a hub and the barrier over it rank the minima of an arm.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths", and ``local_energy(arm, seed,
        amplitude)`` in the stage "flatness".

    Returns
    -------
    Question
        Spearman's correlation within arms, over hubs of other arms than the sharp one.
    """
    minima = measured.minima_as("sharp")
    ends = measured.arms("sharp")
    energy = mean_local_energy(measured.stages["flatness"])
    over = barrier_over(measured.stages["paths"], minima, ends)
    columns = xr.concat([energy, over], "column", join="outer", coords="minimal", compat="override")
    hubs = sorted(joined_arms(measured, "sharp"))
    question = ask_correlation(select_minima(columns, minima, hubs), "the study")

    def correlation() -> Answer:
        answer = question.answer()
        words = []
        for arm in [*hubs, *ends]:
            words.append(f"{arm} {float(over.sel(arm=arm).mean()):.3g}")
        return replace(answer, remark=f"{answer.remark}; barriers over hubs: {', '.join(words)}")

    ends_left_out = usable_networks(minima, ends)[1]
    return replace(question, answer=correlation, left_out=[*ends_left_out, *question.left_out])


def barrier_over(paths: xr.Dataset, minima: xr.Dataset, ends: tuple[str, ...]) -> xr.DataArray:
    """Return the mean barrier over every minimum as the hub.

    Parameters
    ----------
    paths, minima : xr.Dataset
        With ``barrier(pair, variant, split)`` and ``usable(arm, seed)``.
    ends : tuple of str
        The arms from which the two ends come.

    Returns
    -------
    xr.DataArray, dims (arm, seed)
        The means over all ends; NaN of what is no hub.
    """
    selection = select_triples(paths, minima, ends)
    over = xr.full_like(minima["usable"], np.nan, dtype=float)
    for hub, (arm, seed) in enumerate(usable_networks(minima)[0]):
        units = selection.members[:, 0] == hub
        if units.any():
            over.loc[{"arm": arm, "seed": seed}] = selection.values[units, OVER].mean()
    return over


def star_words(measured: Measured) -> Mapping[str, object]:
    """Name the noise of the local energy, and the grid along paths.

    Parameters
    ----------
    measured : Measured
        With the stages "flatness" and "paths".

    Returns
    -------
    mapping of str to object
        ``noise``, ``grid`` and ``samples``.
    """
    return {**noise_words(measured), **path_words(measured)}


def over_flat(identifier: str, role: str) -> Claim:
    """Claim that a flat hub is better than one from the arm of the ends.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    role : str
        The role of the ends.

    Returns
    -------
    Claim
        Supported if the difference of the mean barriers is below zero.
    """
    return Claim(
        identifier=identifier,
        statement=(
            f"Two minima of {{{role}}} are joined over a minimum of {{flat}} at a lower barrier "
            f"than over another one of {{{role}}}."
        ),
        source=SOURCE,
        statistic=(
            "mean over triples of the larger of the two barriers over a hub (fraction of the "
            f"training error): flat hubs minus hubs of the {role} arm, over the same ends; "
            "{grid}; {samples}"
        ),
        unit_of_n="triples",
        threshold=0.0,
        direction="below",
        stages=("minima", "paths"),
        ask=partial(over_flat_or_control, role=role),
        applies=partial(has_triples, role=role),
        words=path_words,
        gates=equal_depth("flat", role) + headroom("flat", role, full_variant),
    )


CLAIMS = (
    over_flat("H6-star", "reference"),
    over_flat("H6-star-sharp", "sharp"),
    Claim(
        identifier="H6-hubs",
        statement=(
            "Of the minima of an arm, the flatter ones join two minima of {sharp} at the lower "
            "barrier."
        ),
        source=SOURCE,
        statistic=(
            "Spearman correlation of the local energy of a hub with the mean barrier over it "
            "between minima of the sharp arm, within the other arms, mean over arms, whichever arm "
            "is left out; {noise}; {grid}; {samples}"
        ),
        unit_of_n="minima",
        threshold=0.0,
        direction="above",
        stages=("minima", "flatness", "paths"),
        ask=energy_and_barrier,
        applies=has_hubs,
        words=star_words,
    ),
)
