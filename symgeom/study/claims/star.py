r"""The claim about the star shape (H6-star): over a flat minimum the way is easier than directly.

For two minima :math:`a, b` of the reference arm and a flat minimum :math:`m`, the path :math:`a \to
m \to b` of two geodesics has the barrier :math:`\max(B(a, m), B(m, b))`. If the solutions form a
star with the flat ones in its core, it is lower than the barrier :math:`B(a, b)` of the direct
geodesic. Nothing is optimised: the bend is a minimum that another optimizer found.

References
----------
Annesi, Lauditi, Lucibello, Malatesta, Perugini, Pittorino, Saglietti, "The star-shaped space of
solutions of the spherical negative perceptron", Physical Review Letters 131, 227301, 2023 (arXiv
2305.10623): the prediction, for a shallow model. Differs from the source: here it is asked of deep
networks, whose geodesics are those of the torus.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from symgeom.study.claims.barriers import full_variant
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.gates import equal_depth, headroom
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_mean
from symgeom.study.claims.scope import path_words
from symgeom.study.claims.selection import Selection, pair_ends, select_pairs


def detour_over_flat(measured: Measured) -> Question:
    """Ask for the barrier over a flat minimum minus the direct one between two reference minima.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` in the stage "paths", of which pairs between all
        minima of the two arms are needed.

    Returns
    -------
    Question
        The mean of the difference over all triples.
    """
    paths = measured.stages["paths"]
    variant = full_variant(paths)
    barrier = paths["barrier"].sel(split="train", variant=variant, drop=True)
    pairs = select_pairs(barrier, measured.minima, measured.arms("flat", "reference"))
    detours = triples(pairs, measured.arms("flat"), measured.arms("reference"))
    return ask_mean(detours, "the study")


def has_triples(measured: Measured) -> bool:
    """Say whether paths join networks of different seeds of the flat and the reference arm.

    Parameters
    ----------
    measured : Measured
        With the ends of the pairs in the stage "paths".

    Returns
    -------
    bool
        False if each seed met only its like, which makes no triple.
    """
    flat = measured.arms("flat")
    reference = measured.arms("reference")
    for first, second in pair_ends(measured.stages["paths"]):
        first_arm, first_seed = first
        second_arm, second_seed = second
        if first_arm == second_arm or first_seed == second_seed:
            continue
        outward = first_arm in flat and second_arm in reference
        inward = first_arm in reference and second_arm in flat
        if outward or inward:
            return True
    return False


def triples(pairs: Selection, hubs: tuple[str, ...], ends: tuple[str, ...]) -> Selection:
    """Compare the way over each hub with the direct way between each two ends.

    Parameters
    ----------
    pairs : Selection
        Barriers of pairs, one column.
    hubs, ends : tuple of str
        The arms from which the middle and the two ends of a triple come.

    Returns
    -------
    Selection
        One unit per triple of which all three barriers are known; its members are hub and ends.
    """
    heights = {}
    for networks, (height,) in zip(pairs.members.tolist(), pairs.values, strict=True):
        heights[frozenset(networks)] = float(height)
    hub_networks = np.flatnonzero(np.isin(pairs.strata, list(hubs))).tolist()
    end_networks = np.flatnonzero(np.isin(pairs.strata, list(ends))).tolist()
    members = []
    detours = []
    for first, second in combinations(end_networks, 2):
        for middle in hub_networks:
            detour = _detour(heights, first, middle, second)
            if detour is not None:
                members.append((middle, first, second))
                detours.append([detour])
    return Selection(
        pairs.strata,
        np.array(members, dtype=np.int64).reshape(-1, 3),
        np.array(detours, dtype=float).reshape(-1, 1),
        pairs.left_out,
    )


def _detour(
    heights: Mapping[frozenset[int], float], first: int, middle: int, second: int
) -> float | None:
    """Return how much higher the way over a network is, if there are three of them to compare."""
    if middle in (first, second):
        return None
    there = heights.get(frozenset((first, middle)))
    back = heights.get(frozenset((middle, second)))
    direct = heights.get(frozenset((first, second)))
    if there is None or back is None or direct is None:
        return None
    return max(there, back) - direct


CLAIMS = (
    Claim(
        identifier="H6-star",
        statement=(
            "Two minima of {reference} are joined over a minimum of {flat} at a lower barrier than "
            "along their own geodesic."
        ),
        source=(
            "Annesi et al., PRL 2023 (arXiv 2305.10623), for the spherical negative perceptron; "
            "asked of deep networks by us"
        ),
        statistic=(
            "mean over triples of the larger of the two barriers over the flat minimum, minus the "
            "direct barrier (fraction of the training error); {grid}; {samples}"
        ),
        unit_of_n="triples",
        threshold=0.0,
        direction="below",
        stages=("minima", "paths"),
        ask=detour_over_flat,
        applies=has_triples,
        words=path_words,
        gates=equal_depth("flat", "reference") + headroom("flat", "reference", full_variant),
    ),
)
