r"""The star shape (H6): flat minima see the others, and each other's neighbours see each other through them.

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

from itertools import combinations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.geometry import full_variant
from symgeom.study.claims.question import Question, ask_mean, named
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import Roles, Selection, arms_of, select_pairs

SOURCE = "Annesi et al., PRL 2023 (arXiv 2305.10623), for the spherical negative perceptron; asked of deep networks by us"


def star_shaped(paths: xr.Dataset, minima: xr.Dataset, roles: Roles) -> Question:
    """H6-star: two reference minima are joined over a flat minimum at a lower barrier than directly.

    Parameters
    ----------
    paths, minima : xr.Dataset
        With ``barrier(pair, variant, split)``, of which pairs between all minima of the two arms
        are needed, and ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role; "flat" and "reference" are looked up.

    Returns
    -------
    Question
        Supported if the mean of the barrier over a flat minimum minus the direct barrier is below
        zero.
    """
    claim = Claim(
        "H6-star",
        f"Two minima of {named(roles, 'reference')} are joined over a minimum of {named(roles, 'flat')} at a lower barrier than "
        "along their own geodesic.",
        SOURCE,
        "mean over triples of the larger of the two barriers over the flat minimum, minus the direct barrier (fraction)",
        "triples",
        threshold=0.0,
        direction="below",
    )
    barrier = paths["barrier"].sel(split="train", variant=full_variant(paths), drop=True)
    pairs = select_pairs(barrier, minima, arms_of(roles, "flat", "reference"))
    return ask_mean(
        claim, triples(pairs, arms_of(roles, "flat"), arms_of(roles, "reference")), "the study"
    )


def has_triples(paths: xr.Dataset, roles: Roles) -> bool:
    """Say whether paths were measured between networks of different seeds of the flat and the reference arm.

    Parameters
    ----------
    paths : xr.Dataset
        With the coordinates of pairs.
    roles : mapping of str to str or sequence of str
        The arms of each role.

    Returns
    -------
    bool
        False if each seed met only its like, which makes no triple.
    """
    flat, reference = arms_of(roles, "flat"), arms_of(roles, "reference")
    ends = zip(
        *(
            paths[name].values.tolist()
            for name in ("first_arm", "first_seed", "second_arm", "second_seed")
        ),
        strict=True,
    )
    return any(
        (first in flat and second in reference) or (first in reference and second in flat)
        for first, first_seed, second, second_seed in ends
        if first_seed != second_seed and first != second
    )


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
    height: dict[frozenset[int], float] = {
        frozenset(members): float(value)
        for members, (value,) in zip(pairs.members.tolist(), pairs.values, strict=True)
    }
    hub, end = (np.flatnonzero(np.isin(pairs.strata, list(arms))).tolist() for arms in (hubs, ends))
    members: list[tuple[int, int, int]] = []
    values: list[list[float]] = []
    for first, second in combinations(end, 2):
        for middle in hub:
            legs = [
                height.get(frozenset(leg))
                for leg in ((first, middle), (middle, second), (first, second))
            ]
            if None not in legs and len({first, second, middle}) == 3:
                members.append((middle, first, second))
                values.append([max(legs[:2]) - legs[2]])
    shape: NDArray = np.array(values, dtype=float).reshape(-1, 1)
    return Selection(
        pairs.strata, np.array(members, dtype=np.int64).reshape(-1, 3), shape, pairs.left_out
    )
