"""What the removal of each symmetry does to barriers, all else equal (H3b-scale and so on).

The kinds of paths are a factorial: scales of units removed or not, permutations of units removed or
not, and straight lines or geodesics. Geodesics exist between networks without scales only. Each
claim is one contrast of two kinds on the same pairs, in every arm.

That barriers of straight lines rise where scales alone are removed is a finding of ours. Geodesics
between the same networks have barriers as high: it is not that a straight line leaves the sphere.
"""

from functools import partial

from symgeom.study.claims.barriers import below_the_lowest
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.gates import all_at_the_ceiling
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.record import Direction
from symgeom.study.claims.scope import path_words


def has_variants(measured: Measured, *, variants: tuple[str, str]) -> bool:
    """Say whether some kinds of paths were measured.

    Parameters
    ----------
    measured : Measured
        With the stage "paths".
    variants : tuple of str
        Their names.

    Returns
    -------
    bool
        Whether all were.
    """
    return set(variants) <= set(measured.stages["paths"]["variant"].values)


def contrast(
    identifier: str, statement: str, variants: tuple[str, str], direction: Direction, source: str
) -> Claim:
    """Claim that one kind of path has other barriers than another, in every arm.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    statement : str
        What is claimed.
    variants : tuple of str
        The two kinds; the statistic is the first minus the second.
    direction : {"above", "below"}
        The side of zero that is claimed.
    source : str
        Where it is from.

    Returns
    -------
    Claim
        On pairs of minima of one arm; it holds whichever arm is left out.
    """
    first, second = variants
    return Claim(
        identifier=identifier,
        statement=statement,
        source=source,
        statistic=(
            f"mean barrier of the training error (fraction) within an arm, '{first}' minus "
            f"'{second}', mean over arms, whichever arm is left out; {{grid}}; {{samples}}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction=direction,
        stages=("minima", "paths"),
        ask=partial(below_the_lowest, variant=first, others=(second,)),
        applies=partial(has_variants, variants=variants),
        words=path_words,
        gates=(partial(all_at_the_ceiling, variants=variants),),
    )


CLAIMS = (
    contrast(
        "H3b-permutation",
        "Without scales, removing the permutations lowers the barriers of geodesics.",
        ("geodesic both", "geodesic normalised"),
        "below",
        SOURCE,
    ),
    contrast(
        "H3b-scale",
        "Removing the scales alone raises the barriers of straight lines.",
        ("linear normalised", "linear raw"),
        "above",
        "ours, found on digits (there, no independent test)",
    ),
    contrast(
        "H3b-geodesic",
        "With scales and permutations removed, geodesics have lower barriers than straight lines.",
        ("geodesic both", "linear both"),
        "below",
        SOURCE,
    ),
)
