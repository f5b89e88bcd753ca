"""Claims about the middle of several minima (H6-simplex): between flat ones the error rises less.

The middle is the barycentre on the torus of three minima of an arm, aligned to the first of them.
If the solutions form a star with the flat ones in its core, the middle of flat minima is a
solution, too.

References
----------
Those of :mod:`symgeom.study.claims.star`; statistics and thresholds are ours.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.gates import equal_depth
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_difference
from symgeom.study.claims.scope import samples_of
from symgeom.study.claims.selection import Selection, usable_networks
from symgeom.study.claims.star import SOURCE

SIZE = 3
"""How many minima lie around the middle."""


def difference_of_rises(measured: Measured, *, role: str) -> Question:
    """Ask for the rise in the middle of flat minima minus that in the middle of another role's.

    Parameters
    ----------
    measured : Measured
        With ``centre_error(simplex, split)`` and ``vertex_error(simplex, split)`` in the stage
        "simplices".
    role : str
        The other role.

    Returns
    -------
    Question
        The difference of the mean rises of the training error, over the simplices of three minima.
    """
    selection = select_rises(measured, "flat", role)
    return ask_difference(selection, measured, first="flat", second=role)


def select_rises(measured: Measured, *roles: str) -> Selection:
    """Select the simplices of three minima of some roles' arms.

    Parameters
    ----------
    measured : Measured
        As for :func:`difference_of_rises`.
    *roles : str
        The roles.

    Returns
    -------
    Selection
        One column: the error in the middle minus the mean of those of the vertices.
    """
    simplices = measured.stages["simplices"].sel(split="train")
    minima = measured.minima_as(*roles)
    networks, left_out = usable_networks(minima, measured.arms(*roles))
    number = {network: index for index, network in enumerate(networks)}
    rise_at_centre = simplices["centre_error"] - simplices["vertex_error"]
    rises = rise_at_centre.values.tolist()
    arms = simplices["simplex_arm"].values.tolist()
    by_vertex = simplices["simplex_seed"].transpose("simplex", "vertex")
    seeds = by_vertex.values.tolist()
    sizes = simplices["vertices"].values.tolist()
    members = []
    values = []
    for arm, vertices, size, rise in zip(arms, seeds, sizes, rises, strict=True):
        corners = [(arm, seed) for seed in vertices[:SIZE]]
        are_usable = number.keys() >= set(corners)
        if size == SIZE and are_usable and np.isfinite(rise):
            members.append([number[corner] for corner in corners])
            values.append([rise])
    return Selection(
        np.array([arm for arm, _ in networks], dtype=str),
        np.array(members, dtype=np.int64).reshape(-1, SIZE),
        np.array(values, dtype=float).reshape(-1, 1),
        tuple(left_out),
    )


def has_simplices(measured: Measured, *, role: str) -> bool:
    """Say whether the middle of three minima was measured, and both roles are played.

    Parameters
    ----------
    measured : Measured
        With the stage "simplices".
    role : str
        The other role.

    Returns
    -------
    bool
        False for networks of signs, too.
    """
    simplices = measured.stages["simplices"]
    of_size = simplices["centre_error"].notnull().any("split") & (simplices["vertices"] == SIZE)
    arms = set(simplices["simplex_arm"].values[of_size.values].tolist())
    roles = [set(measured.arms(name)) for name in ("flat", role)]
    return all(arms & players for players in roles)


def sample_words(measured: Measured) -> Mapping[str, object]:
    """Name the samples.

    Parameters
    ----------
    measured : Measured
        With the stage "simplices".

    Returns
    -------
    mapping of str to object
        ``samples``.
    """
    return {"samples": samples_of(measured.stages["simplices"])}


def lower_middle(identifier: str, role: str) -> Claim:
    """Claim that the error rises less in the middle of flat minima than of another role's.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    role : str
        The other role.

    Returns
    -------
    Claim
        Supported if the difference of the mean rises is below zero.
    """
    return Claim(
        identifier=identifier,
        statement=(
            f"In the middle of three minima of {{flat}} the error is lower than of {{{role}}}."
        ),
        source=SOURCE,
        statistic=(
            "training error (fraction) at the barycentre of three minima on the torus minus the "
            f"mean of theirs, flat minus {role}; {{samples}}"
        ),
        unit_of_n="triples",
        threshold=0.0,
        direction="below",
        stages=("minima", "simplices"),
        ask=partial(difference_of_rises, role=role),
        applies=partial(has_simplices, role=role),
        words=sample_words,
        gates=equal_depth("flat", role),
    )


CLAIMS = (
    lower_middle("H6-simplex", "reference"),
    lower_middle("H6-simplex-sharp", "sharp"),
)
