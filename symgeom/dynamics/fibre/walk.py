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

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre.move import move_on_fibre
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, act
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
    exact = spec.exact()
    return [act(exact, element, params) for element in walk_elements(spec, params, imbalances)]


def walk_elements(
    spec: SymmetrySpec, params: Parameters, imbalances: Iterable[float | Mapping[str, Tensor]]
) -> list[GroupElement]:
    """Return what moves a network to several imbalances.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network.
    imbalances : iterable of float or of mapping of str to Tensor, shape (size,)
        As in :func:`walk_fibre`; or one for every unit, by group.

    Returns
    -------
    list of GroupElement
        One for each imbalance, in float64: of all exact groups.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.tensor([[4.0]]), "out": torch.tensor([[1.0]])}
    >>> [element.scales["hidden1"].item() for element in walk_elements(spec, params, [0.0])]
    [0.5]
    """
    start = charges(spec, params)
    held = _one_sided(spec, params)
    elements = []
    sizes = balanced_sizes(spec, params)
    for imbalance in imbalances:
        target = {}
        for name, size in sizes.items():
            wanted = imbalance[name] if isinstance(imbalance, Mapping) else imbalance
            target[name] = torch.where(held[name], start[name], wanted * size)
        _, element = move_on_fibre(spec, params, target)
        elements.append(element)
    return elements


def balanced_sizes(spec: SymmetrySpec, params: Parameters) -> dict[str, Tensor]:
    """Return the sums of squared lengths, incoming and outgoing, of the balanced network.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network of the orbit.

    Returns
    -------
    dict of str to Tensor of float64, shape (size,) or (size, size)
        The scale of the charges of every group.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> balanced_sizes(spec, {"in": torch.tensor([[4.0]]), "out": torch.tensor([[1.0]])})
    {'hidden1': tensor([8.], dtype=torch.float64)}
    """
    held = _one_sided(spec, params)
    target = {}
    for name, charge in charges(spec, params).items():
        target[name] = torch.where(held[name], charge, 0.0)
    balanced, _ = move_on_fibre(spec, cast(params, torch.float64), target)
    return charges(unsigned(spec), balanced)


def unit_imbalances(spec: SymmetrySpec, params: Parameters) -> dict[str, Tensor]:
    """Return at which imbalance every unit is.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; units with positive scales count.
    params : Parameters
        One network.

    Returns
    -------
    dict of str to Tensor of float64, shape (size,)
        The charge of every unit over the squared lengths of the balanced network; 0 of a unit
        without weights.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> unit_imbalances(spec, {"in": torch.tensor([[4.0]]), "out": torch.tensor([[1.0]])})
    {'hidden1': tensor([1.8750], dtype=torch.float64)}
    """
    scaled = charged_groups(spec.exact(), "positive")
    charge = charges(scaled, params)
    imbalances = {}
    for name, size in balanced_sizes(scaled, params).items():
        imbalances[name] = torch.where(size > 0, charge[name] / size, 0.0)
    return imbalances


def _one_sided(spec: SymmetrySpec, params: Parameters) -> dict[str, Tensor]:
    """Return which units have weights on one side only; of a linear group, none."""
    sums = charges(unsigned(spec), params)
    held = {}
    for name, charge in charges(spec, params).items():
        if charge.ndim > 1:
            held[name] = torch.zeros_like(charge, dtype=torch.bool)
        else:
            held[name] = charge.abs() == sums[name]
    return held


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
