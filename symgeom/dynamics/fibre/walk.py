r"""Walk along the valley: one function at a row of charges.

The walk leads from an unbalanced network to the balanced one and to one that is unbalanced the
other way. On the orbit of a network the product of what comes into a unit and what goes out is
fixed, its charge is not. In the balanced network both have the squared length :math:`S_k`; the
walk stops at the charges

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
from symgeom.dynamics.fibre.move import move_on_fibre
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec


@door
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
        If the spec does not fit, no group has charges, or a charge cannot be reached.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.tensor([[4.0]]), "out": torch.tensor([[1.0]])}
    >>> [network["in"].item() for network in walk_fibre(spec, params, [0.0, 15 / 8])]
    [2.0, 4.0]
    """
    start = charges(spec, params)
    sums = charges(unsigned(spec), params)
    fixed = {name: _one_sided(charge, sums[name]) for name, charge in start.items()}

    def at_imbalance(sizes: dict[str, Tensor], imbalance: float) -> dict[str, Tensor]:
        target = {}
        for name, size in sizes.items():
            target[name] = torch.where(fixed[name], start[name], imbalance * size)
        return target

    exact = cast(params, torch.float64)
    balanced, _ = move_on_fibre(spec, exact, at_imbalance(start, 0.0))
    sizes = charges(unsigned(spec), balanced)
    networks = []
    for imbalance in imbalances:
        network, _ = move_on_fibre(spec, params, at_imbalance(sizes, imbalance))
        networks.append(network)
    return networks


def _one_sided(charge: Tensor, size: Tensor) -> Tensor:
    """Return which units have weights on one side only; of a linear group, none."""
    if charge.ndim > 1:
        return torch.zeros_like(charge, dtype=torch.bool)
    return charge.abs() == size


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
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> [leg.power for leg in unsigned(spec)["hidden1"].legs]
    [1, 1]
    """
    groups = []
    for group in charged_groups(spec.exact()).groups:
        legs = tuple(replace(leg, power=abs(leg.power)) for leg in group.legs)
        groups.append(replace(group, legs=legs))
    return replace(spec, groups=tuple(groups))
