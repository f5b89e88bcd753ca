r"""Walk along the valley: one function at a row of charges, from unbalanced to balanced to unbalanced the other way.

On the orbit of a network the product of what comes into a unit and what goes out is fixed, its
charge is not. In the balanced network both have the squared length :math:`S_k`; the places of the
walk are the charges

.. math:: Q_k = q \cdot 2 S_k,

with one imbalance :math:`q` for all units (of a linear group: with the matrix :math:`S`). With
:math:`q = \sinh 2u` a unit that shares no weights with others is scaled by :math:`e^u`, so that
:math:`q` and :math:`-q` are mirror images.

References
----------
Zhao et al. (2210.17216), figures 6 and 9, vary the scale of the initialisation, and with it the
function. This walk is ours: it varies nothing but the charge.
"""

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre.moves import move_on_fibre
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec


def walk_fibre(
    spec: SymmetrySpec, params: Parameters, imbalances: Iterable[float]
) -> list[dict[str, Tensor]]:
    """Move a network to several imbalances; its outputs stay.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network; not modified.
    imbalances : iterable of float
        Charges over the sums of squared lengths of the balanced network. Units without incoming or
        without outgoing weights, which cannot be balanced, keep their charge.

    Returns
    -------
    list of dict of str to Tensor
        The network at each imbalance, in the precision of ``params``.

    Raises
    ------
    SymgeomError
        If the spec does not fit, no group has charges, or a place cannot be reached.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.tensor([[4.0]]), "out": torch.tensor([[1.0]])}
    >>> [place["in"].item() for place in walk_fibre(spec, params, [0.0, 15 / 8])]
    [2.0, 4.0]
    """
    start, sums = charges(spec, params), charges(unsigned(spec), params)

    def target(sizes: dict[str, Tensor], imbalance: float) -> dict[str, Tensor]:
        """Return the goals; a unit whose charge is plus or minus its size has weights on one side only."""
        goals = {name: imbalance * size for name, size in sizes.items()}
        one_sided = {
            name: (goal.ndim == 1) & (start[name].abs() == sums[name])
            for name, goal in goals.items()
        }
        return {
            name: torch.where(one_sided[name], start[name], goal) for name, goal in goals.items()
        }

    balanced, _ = move_on_fibre(spec, cast(params, torch.float64), target(start, 0.0))
    sizes = charges(unsigned(spec), balanced)
    return [move_on_fibre(spec, params, target(sizes, imbalance))[0] for imbalance in imbalances]


def unsigned(spec: SymmetrySpec) -> SymmetrySpec:
    """Return the spec whose charges are the sums that those of another are differences of.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.

    Returns
    -------
    SymmetrySpec
        Its charged groups, all powers positive; for :func:`symgeom.dynamics.charge.charges` only.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> legs = (Leg("in", 0), Leg("out", 1, power=-1))
    >>> [leg.power for leg in unsigned(SymmetrySpec((UnitGroup("hidden1", 1, legs),)))["hidden1"].legs]
    [1, 1]
    """
    groups = charged_groups(spec.exact()).groups
    positive = (
        replace(group, legs=tuple(replace(leg, power=abs(leg.power)) for leg in group.legs))
        for group in groups
    )
    return SymmetrySpec(tuple(positive))
