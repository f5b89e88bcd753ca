"""Claims about conserved charges (C1, C2) and the noise equilibrium (N1).

References
----------
Zhao, Ganev, Walters, Yu, Dehmamy, "Symmetries, Flat Minima, and the Conserved Quantities of
Gradient Flow", ICLR 2023 (arXiv 2210.17216), section 4. Ziyin, Wang, Li, Wu, "Parameter Symmetry
and Noise Equilibrium of Stochastic Gradient Descent", NeurIPS 2024 (arXiv 2402.07193), theorem 4.3.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.question import Question, ask_mean, named
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import Roles, arms_of, select_minima


def ledger_closes(ledgers: xr.Dataset, minima: xr.Dataset, roles: Roles) -> Question:
    """C1: for optimizers that commute with the symmetry every change of a charge is accounted for, exactly.

    Parameters
    ----------
    ledgers, minima : xr.Dataset
        With ``closure(arm, seed)``, the largest defect over the scale of the charges, and
        ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role; "equivariant" is looked up.

    Returns
    -------
    Question
        Supported if the largest closure is below 1e-10. A bootstrap of a maximum ends at the
        observed maximum.
    """
    claim = Claim(
        "C1",
        "The ledger of every conserved charge closes for optimizers that commute with the symmetry.",
        "Zhao et al., ICLR 2023 (arXiv 2210.17216), section 4, for gradient flow; the ledger of finite steps is ours",
        f"largest defect over the scale of the charges, over all minima of {named(roles, 'equivariant')}",
        "minima",
        threshold=1e-10,
        direction="below",
    )
    selection = select_minima(ledgers["closure"], minima, arms_of(roles, "equivariant"))
    closure = selection.values.reshape(-1)

    def largest(counts: NDArray) -> NDArray:
        return np.where(counts > 0, closure, -np.inf).max(axis=1)

    sizes = {named(roles, "equivariant"): len(closure)}
    return Question(claim, largest, selection.strata, sizes, selection.left_out)


def adaptive_breaks_conservation(ledgers: xr.Dataset, minima: xr.Dataset, roles: Roles) -> Question:
    """C2, the control of C1: an adaptive optimizer moves the charges at first order.

    Parameters
    ----------
    ledgers, minima : xr.Dataset
        With ``first_order(arm, seed)``, the share of the change booked as "optimizer", and
        ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role; "adaptive" is looked up.

    Returns
    -------
    Question
        Supported if the mean share is above 0.01.
    """
    claim = Claim(
        "C2",
        f"An adaptive optimizer, {named(roles, 'adaptive')}, does not commute with the symmetry: it moves the charges at first "
        "order in the learning rate.",
        "control of C1, ours; Ziyin et al., NeurIPS 2024 (arXiv 2402.07193), state their theory for SGD",
        "mean share of the change of the charges that is booked as 'optimizer'",
        "seeds",
        threshold=0.01,
        direction="above",
    )
    selection = select_minima(ledgers["first_order"], minima, arms_of(roles, "adaptive"))
    return ask_mean(claim, selection, named(roles, "adaptive"))


def noise_equilibrium_approached(
    equilibria: xr.Dataset, minima: xr.Dataset, roles: Roles
) -> Question:
    """N1: SGD moves its units towards the noise equilibrium.

    Parameters
    ----------
    equilibria, minima : xr.Dataset
        With ``displacement(arm, seed, moment)``, the median over units of ``|lambda*|``, and
        ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role; "reference" is looked up.

    Returns
    -------
    Question
        Supported if the mean of end minus start is below zero.
    """
    claim = Claim(
        "N1",
        f"Training with {named(roles, 'reference')} moves the units towards the noise equilibrium.",
        "Ziyin et al., NeurIPS 2024 (arXiv 2402.07193), theorem 4.3",
        "mean over seeds of the median over units of |lambda*| (log scale factor to the equilibrium), end minus start",
        "seeds",
        threshold=0.0,
        direction="below",
    )
    displacement = equilibria["displacement"]
    change = displacement.sel(moment="end", drop=True) - displacement.sel(moment="start", drop=True)
    selection = select_minima(change, minima, arms_of(roles, "reference"))
    return ask_mean(claim, selection, named(roles, "reference"))
