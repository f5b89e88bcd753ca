"""Several claims at once: what remains of the verdicts when they are tested together.

With 20 claims at 95 %, one is expected to look decided although nothing is there. The family is
all claims of a study, of all its cases and models, that can have a verdict. Checks are no part of
it. Holm's method keeps the probability of one wrong verdict or more at 5 %, however the claims
depend on one another.

References
----------
S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
Statistics 6, 65-70, 1979.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from symgeom.study.claims.record import FEWEST, Judgement


def as_family(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Adjust the p-values of claims for their number.

    Parameters
    ----------
    judgements : iterable of Judgement
        All of a study.

    Returns
    -------
    list of Judgement
        In the same order, with ``family`` and ``family_p``, which is NaN for what is not tested.
    """
    table = list(judgements)
    tested = [index for index, judgement in enumerate(table) if _is_tested(judgement)]
    adjusted = holm([table[index].p for index in tested])
    for index, p in zip(tested, adjusted.tolist(), strict=True):
        table[index] = replace(table[index], family=len(tested), family_p=p)
    return table


def _is_tested(judgement: Judgement) -> bool:
    """Say whether a claim can have a verdict."""
    can_be_decided = judgement.seeds >= FEWEST and not judgement.gated
    return judgement.kind == "claim" and can_be_decided and math.isfinite(judgement.p)


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Adjust p-values for their number.

    Parameters
    ----------
    p_values : sequence of float
        Of tests that may depend on one another.

    Returns
    -------
    array
        In the same order: below a level if and only if Holm's method rejects at that level.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    smallest_first = np.argsort(p_values)
    ordered = np.array(p_values, dtype=float)[smallest_first]
    factors = np.arange(len(ordered), 0, -1)
    adjusted = np.empty(len(ordered))
    adjusted[smallest_first] = np.minimum(np.maximum.accumulate(factors * ordered), 1)
    return adjusted
