r"""Claims about the error against the loss (H3-loss): what the one shows and the other hides.

The paper studies the error, because its symmetries include the length of the head, on which the
loss depends. Inside an arm this hardly matters: heads of one arm are about equally long, and error
and loss rank the barriers of its pairs alike (H3-loss-order, a check). Between arms it does. A
geodesic gives both ends one length of the head, at which a sharp minimum, trained with a long head,
has a high loss (on digits 0.50 nat, against 0.0005 at the flat end). The line above which a barrier
is measured then begins high at one end, and the rise in the middle hides below it; the errors of
both ends are zero whatever the length. With another convention for the length the loss would say
something else, and the error the same.

To compare a fraction of the samples with nats, both are taken relative to the barriers inside the
two arms,

.. math:: r = \frac{B_{ab}}{(B_{aa} + B_{bb}) / 2},

where :math:`B` are means over pairs. The claim is :math:`r_\mathrm{error} > r_\mathrm{loss}`.
Binary networks have no scales; for them there is nothing to hide.

The paper is that of :mod:`symgeom.study.claims.flatness`; statistics and thresholds are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.barriers import full_variant, variant_words
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.correlation import ask_correlation
from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.gates import equal_depth, headroom
from symgeom.study.claims.jackknife import leave_one_out, student
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question
from symgeom.study.claims.selection import Selection, select_pairs

MEASURES = ("barrier", "loss_barrier")
"""The two columns of a selection: barriers of the error and of the loss."""


@dataclass(frozen=True, eq=False)
class TwoArms:
    """Pairs of networks of two arms.

    Attributes
    ----------
    selection : Selection
        The pairs.
    first, second, between : array of bool, shape (unit,)
        Which of them are inside the first arm, inside the second, and between both.
    """

    selection: Selection
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]
    between: NDArray[np.bool_]

    @classmethod
    def of(cls, selection: Selection, first: Sequence[str], second: Sequence[str]) -> "TwoArms":
        """Sort the pairs of a selection.

        Parameters
        ----------
        selection : Selection
            Pairs.
        first, second : sequence of str
            The arms of either side.

        Returns
        -------
        TwoArms
            The same pairs.
        """
        member_arms = selection.strata[selection.members]
        touches_first = np.isin(member_arms, list(first)).any(axis=1)
        touches_second = np.isin(member_arms, list(second)).any(axis=1)
        between = np.logical_and(touches_first, touches_second)
        return cls(selection, selection.within(first), selection.within(second), between)

    def ratios(self, counts: NDArray) -> NDArray[np.float64]:
        """Return the mean between the arms over that inside them, which count the same.

        Parameters
        ----------
        counts : array of int, shape (subset, network)
            The multiplicities of the networks.

        Returns
        -------
        array, shape (subset, column)
            NaN where there is nothing inside the arms.
        """
        inside_first = self.selection.mean_of(self.first, counts)
        inside_second = self.selection.mean_of(self.second, counts)
        inside = (inside_first + inside_second) / 2
        between = self.selection.mean_of(self.between, counts)
        return between / np.where(inside > 0, inside, np.nan)


def hidden_between(measured: Measured, *, first: str, second: str) -> Question:
    """Ask how much more of the barriers between two arms the error shows than the loss.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` and ``loss_barrier``, too, in the stage "paths".
    first, second : str
        The roles of the two arms.

    Returns
    -------
    Question
        The difference of the barriers between both arms, relative to those inside them.
    """
    arms = _two_arms(measured, first, second)
    strata = arms.selection.strata

    def difference() -> Answer:
        ratios = arms.ratios(leave_one_out(len(strata)))
        of_error, of_loss = ratios.T
        remark = f"relative to the arms: error {of_error[0]:.3g}, loss {of_loss[0]:.3g}"
        return Answer(student(of_error - of_loss, strata), remark)

    sizes = {
        measured.named(first): int(arms.first.sum()),
        measured.named(second): int(arms.second.sum()),
        "between both": int(arms.between.sum()),
    }
    return Question(difference, strata, sizes, arms.selection.left_out)


def joins(measured: Measured, *, first: str, second: str) -> bool:
    """Say whether paths between the arms of two roles were measured, with their losses.

    Parameters
    ----------
    measured : Measured
        With the stage "paths".
    first, second : str
        The two roles.

    Returns
    -------
    bool
        Whether there are any.
    """
    if not has_losses(measured):
        return False
    return bool(_two_arms(measured, first, second).between.any())


def has_losses(measured: Measured) -> bool:
    """Say whether barriers of the loss were measured.

    Parameters
    ----------
    measured : Measured
        With the stage "paths".

    Returns
    -------
    bool
        Whether they were.
    """
    return "loss_barrier" in measured.stages["paths"]


def order_of_pairs(measured: Measured) -> Question:
    """Ask how error and loss rank the barriers between the minima of an arm.

    Parameters
    ----------
    measured : Measured
        With ``barrier(pair, variant, split)`` and ``loss_barrier``, too, in the stage "paths".

    Returns
    -------
    Question
        Spearman's correlation within arms.
    """
    paths = measured.stages["paths"]
    inside_arms = np.flatnonzero(paths["first_arm"].values == paths["second_arm"].values)
    barriers = _both_barriers(paths).isel(pair=inside_arms)
    return ask_correlation(select_pairs(barriers, measured.minima), "the study")


def _two_arms(measured: Measured, first: str, second: str) -> TwoArms:
    """Select the pairs of the arms of two roles, with their barriers of error and loss."""
    first_arms = measured.arms(first)
    second_arms = measured.arms(second)
    barriers = _both_barriers(measured.stages["paths"])
    minima = measured.minima_as(first, second)
    selection = select_pairs(barriers, minima, [*first_arms, *second_arms])
    return TwoArms.of(selection, first_arms, second_arms)


def _both_barriers(paths: xr.Dataset) -> xr.DataArray:
    """Return the barriers of the training error and loss, with all symmetries removed."""
    of_training = paths[list(MEASURES)].sel(split="train", drop=True)
    columns = of_training.reindex(variant=[full_variant(paths)]).isel(variant=0, drop=True)
    return columns.to_dataarray("measure")


def hides(identifier: str, first: str, second: str) -> Claim:
    """Claim that the loss hides barriers between two roles' arms that the error shows.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    first, second : str
        The two roles.

    Returns
    -------
    Claim
        Supported if the error shows more of them.
    """
    return Claim(
        identifier=identifier,
        statement=(
            f"Relative to the barriers inside both arms, those between minima of {{{first}}} and "
            f"of {{{second}}} are higher in the error than in the loss."
        ),
        source=f"{SOURCE}, which studies the error and not the loss; the comparison is ours",
        statistic=(
            f"mean barrier between {first} and {second} over the mean of those inside either "
            "('{variant}'), error minus loss; {grid}; {samples}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="above",
        stages=("minima", "paths"),
        ask=partial(hidden_between, first=first, second=second),
        applies=partial(joins, first=first, second=second),
        words=variant_words,
        gates=equal_depth(first, second) + headroom(first, second, full_variant),
    )


CLAIMS = (
    hides("H3-loss", "flat", "reference"),
    hides("H3-loss-sharp", "flat", "sharp"),
    Claim(
        identifier="H3-loss-order",
        statement="Error and loss rank the barriers between the minima of an arm alike.",
        source="check, ours",
        statistic=(
            "Spearman correlation of the loss barrier with the error barrier ('{variant}') within "
            "arms, mean over arms, whichever arm is left out; {grid}; {samples}"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="above",
        stages=("minima", "paths"),
        ask=order_of_pairs,
        applies=has_losses,
        words=variant_words,
        kind="check",
    ),
)
