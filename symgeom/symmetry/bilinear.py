r"""One bilinear form serves three chapters.

.. math:: \langle u, v\rangle_M[k] = \sum_{\text{legs}} p\,\langle u, v\rangle_{\text{slice } k}

is, unit by unit, the quadratic form of the generator :math:`M` of the unit's scaling (:math:`p` the
leg's power). Units that any invertible matrix may mix (layers without activation between them,
heads of attention) have a generator for every pair of units; with :math:`u_\ell` the matrix of the
units' slices on leg :math:`\ell`,

.. math:: \langle u, v\rangle_M = \sum_{p_\ell = 1} u_\ell v_\ell^\top
          - \sum_{p_\ell = -1} v_\ell u_\ell^\top .

Three readings:

* ``pairing(theta, gradient) = 0``: the loss is invariant (a test of the symmetry, exact for every
  mini-batch);
* ``pairing(theta, theta)``: the conserved charge of gradient flow, incoming minus outgoing squared
  norm (matrix of products);
* the mean of ``pairing(g, g)`` over sample gradients: the force of SGD's noise on that charge.

References
----------
Zhao et al. (2210.17216), section 4 (``Q = |V_j|^2 + b_j^2 - a |U_j|^2`` and ``V V^T - U^T U``,
without their factor 1/2); Ziyin et al. (2402.07193), equation 5, with their generator ``A`` of
opposite sign (they count outgoing minus incoming).
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec, take


def leg_products(spec: SymmetrySpec, u: Parameters, v: Parameters) -> dict[str, Tensor]:
    """Inner products of the units' slices, leg by leg.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    u, v : Parameters
        Two vectors in weight space (weights, gradients, velocities) of one network.

    Returns
    -------
    dict of str to Tensor, shape (leg, size)
        For each group with a positive scale, one row per trainable leg, in the order of the group's
        legs.

    Raises
    ------
    SymgeomError
        If the spec does not fit the vectors, or they differ in architecture.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> theta = {"in": torch.tensor([[1.0], [2.0]]), "out": torch.tensor([[3.0, 0.0]])}
    >>> leg_products(spec, theta, theta)["hidden1"]
    tensor([[1., 4.],
            [9., 0.]])
    """
    scaled = charged_groups(spec, "positive")
    check_spec(scaled, u)
    check_spec(scaled, v)
    products: dict[str, Tensor] = {}
    for group in scaled.groups:
        rows = [(left * right).sum(1) for left, right in _slices(group, u, v)]
        products[group.name] = torch.stack(rows)
    return products


def charged_groups(spec: SymmetrySpec, *scales: str) -> SymmetrySpec:
    """Return the groups with a continuous scale, with their trainable legs.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    *scales : {"positive", "linear"}
        Which of them; none given: both.

    Returns
    -------
    SymmetrySpec
        The groups whose generators a bilinear form is computed for.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> legs = (Leg("in", 0), Leg("variance", 0, power=2, buffer=True))
    >>> spec = SymmetrySpec((UnitGroup("h", 2, legs),))
    >>> [leg.tensor for leg in charged_groups(spec)["h"].legs]
    ['in']
    """
    kinds = scales or ("positive", "linear")
    groups: list[UnitGroup] = []
    for group in spec.groups:
        if group.scale in kinds:
            legs = tuple(leg for leg in group.legs if not leg.buffer)
            groups.append(replace(group, legs=legs))
    return replace(spec, groups=tuple(groups))


def _slices(group: UnitGroup, u: Parameters, v: Parameters) -> list[tuple[Tensor, Tensor]]:
    """Return what the units own of two vectors, leg by leg."""
    for leg in group.legs:
        _check_same_shape(group, leg, u, v)
    slices: list[tuple[Tensor, Tensor]] = []
    for leg in group.legs:
        left = take(u[leg.tensor], leg, group.size)
        right = take(v[leg.tensor], leg, group.size)
        slices.append((left, right))
    return slices


def _check_same_shape(group: UnitGroup, leg: Leg, u: Parameters, v: Parameters) -> None:
    """Raise if two vectors differ in the shape of a tensor."""
    first = tuple(u[leg.tensor].shape)
    second = tuple(v[leg.tensor].shape)
    if first != second:
        raise SymgeomError(
            f"Cannot pair two vectors on group '{group.name}': tensor '{leg.tensor}' has shape "
            f"{first} in the first and {second} in the second. "
            "Give two vectors of one architecture."
        )


@door
def pairing(spec: SymmetrySpec, u: Parameters, v: Parameters) -> dict[str, Tensor]:
    """Bilinear form of the scaling generators.

    It is one number per unit, or per pair of units that matrices mix.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    u, v : Parameters
        Two vectors in weight space of one network. Use ``torch.vmap`` for stacked networks.

    Returns
    -------
    dict of str to Tensor, shape (size,) or (size, size)
        For each group with a positive scale, the sum over its trainable legs of ``power * <u, v>``;
        for each linear group the matrix of the module's second formula.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> theta = {"in": torch.tensor([[1.0], [2.0]]), "out": torch.tensor([[3.0, 0.0]])}
    >>> pairing(spec, theta, theta)["hidden1"]
    tensor([-8.,  4.])
    """
    pairings: dict[str, Tensor] = {}
    for name, rows in leg_products(spec, u, v).items():
        powers = leg_powers(spec, name).to(rows)
        pairings[name] = (powers * rows).sum(0)
    mixed = charged_groups(spec, "linear")
    check_spec(mixed, u)
    check_spec(mixed, v)
    for group in mixed.groups:
        terms: list[Tensor] = []
        for leg, (left, right) in zip(group.legs, _slices(group, u, v), strict=True):
            incoming = leg.power > 0
            terms.append(left @ right.T if incoming else -right @ left.T)
        pairings[group.name] = _sum(terms)
    return pairings


def _sum(terms: Sequence[Tensor]) -> Tensor:
    """Add tensors from the first to the last."""
    total = torch.zeros_like(terms[0])
    for term in terms:
        total = total + term
    return total


def pairing_bound(spec: SymmetrySpec, u: Parameters, v: Parameters) -> dict[str, Tensor]:
    """Largest absolute value that :func:`pairing` could take for slices of these lengths.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    u, v : Parameters
        Two vectors in weight space of one network. Use ``torch.vmap`` for stacked networks.

    Returns
    -------
    dict of str to Tensor, shape (size,) or (size, size)
        The same form with every inner product of two slices replaced by the product of their
        lengths, and powers by their size.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> u = {"in": torch.tensor([[3.0, 0.0]]), "out": torch.tensor([[1.0]])}
    >>> v = {"in": torch.tensor([[2.0, 0.0]]), "out": torch.tensor([[-4.0]])}
    >>> pairing_bound(spec, u, v)["hidden1"]
    tensor([10.])
    """
    bounds: dict[str, Tensor] = {}
    for group in charged_groups(spec).groups:
        lengths: list[tuple[Tensor, Tensor]] = []
        for left, right in _slices(group, u, v):
            lengths.append((_lengths(left), _lengths(right)))
        if group.scale == "linear":
            terms: list[Tensor] = []
            for leg, (left, right) in zip(group.legs, lengths, strict=True):
                incoming = leg.power > 0
                terms.append(torch.outer(left, right) if incoming else torch.outer(right, left))
            bounds[group.name] = _sum(terms)
        else:
            rows = torch.stack([left * right for left, right in lengths])
            powers = leg_powers(spec, group.name).to(rows)
            bounds[group.name] = (powers.abs() * rows).sum(0)
    return bounds


def _lengths(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=1)


def leg_powers(spec: SymmetrySpec, name: str) -> Tensor:
    """Powers of the trainable legs of a group, aligned with the rows of :func:`leg_products`.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    name : str
        The group.

    Returns
    -------
    Tensor, shape (leg, 1)
        The powers.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> legs = (Leg("in", 0), Leg("out", 1, power=-1))
    >>> leg_powers(SymmetrySpec((UnitGroup("h", 2, legs),)), "h").flatten()
    tensor([ 1., -1.])
    """
    legs = [leg for leg in spec[name].legs if not leg.buffer]
    return torch.tensor([[float(leg.power)] for leg in legs])
