r"""One bilinear form serves three chapters.

.. math:: \langle u, v\rangle_M[k] = \sum_{\text{legs}} p\,\langle u, v\rangle_{\text{slice } k}

is, unit by unit, the quadratic form of the generator :math:`M` of the unit's scaling (:math:`p` the
leg's power). Units that any invertible matrix may mix (layers without activation between them,
heads of attention) have a generator for every pair of units; with :math:`u_\ell` the matrix of the
units' slices on leg :math:`\ell`,

.. math:: \langle u, v\rangle_M = \sum_{p_\ell = 1} u_\ell v_\ell^\top - \sum_{p_\ell = -1} v_\ell u_\ell^\top .

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

from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
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
    for vector in (u, v):
        check_spec(scaled, vector)
    return {
        group.name: torch.stack([(left * right).sum(1) for left, right in _slices(group, u, v)])
        for group in scaled.groups
    }


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
    >>> spec = SymmetrySpec((UnitGroup("h", 2, (Leg("in", 0), Leg("variance", 0, power=2, buffer=True))),))
    >>> [leg.tensor for leg in charged_groups(spec)["h"].legs]
    ['in']
    """
    groups = (group for group in spec.groups if group.scale in (scales or ("positive", "linear")))
    return SymmetrySpec(
        tuple(
            replace(group, legs=tuple(leg for leg in group.legs if not leg.buffer))
            for group in groups
        )
    )


def _slices(group: UnitGroup, u: Parameters, v: Parameters) -> list[tuple[Tensor, Tensor]]:
    """Return what the units own of two vectors, leg by leg."""
    return [
        tuple(take(vector[leg.tensor], leg, group.size) for vector in (u, v))
        for leg in _same_shape(group, u, v)
    ]


def _same_shape(group: UnitGroup, u: Parameters, v: Parameters) -> tuple[Leg, ...]:
    """Return the legs of a group, or raise if two vectors differ in the shape of a tensor."""
    for leg in group.legs:
        shapes = [tuple(vector[leg.tensor].shape) for vector in (u, v)]
        if shapes[0] != shapes[1]:
            raise SymgeomError(
                f"Cannot pair two vectors on group '{group.name}': tensor '{leg.tensor}' has shape {shapes[0]} in the first and "
                f"{shapes[1]} in the second. Give two vectors of one architecture."
            )
    return group.legs


def pairing(spec: SymmetrySpec, u: Parameters, v: Parameters) -> dict[str, Tensor]:
    """Bilinear form of the scaling generators, one number per unit, or per pair of units that matrices mix.

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
    products = leg_products(spec, u, v)
    found = {
        name: (leg_powers(spec, name).to(rows) * rows).sum(0) for name, rows in products.items()
    }
    mixed = charged_groups(spec, "linear")
    for vector in (u, v):
        check_spec(mixed, vector)
    for group in mixed.groups:
        pairs = zip(group.legs, _slices(group, u, v), strict=True)
        found[group.name] = sum(
            left @ right.T if leg.power > 0 else -right @ left.T for leg, (left, right) in pairs
        )
    return found


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
    >>> u, v = ({"in": torch.tensor([[a, 0.0]]), "out": torch.tensor([[b]])} for a, b in ((3.0, 1.0), (2.0, -4.0)))
    >>> pairing_bound(spec, u, v)["hidden1"]
    tensor([10.])
    """
    bounds = {}
    for group in charged_groups(spec).groups:
        lengths = [
            tuple(torch.linalg.vector_norm(rows, dim=1) for rows in both)
            for both in _slices(group, u, v)
        ]
        if group.scale == "linear":
            pairs = zip(group.legs, lengths, strict=True)
            bounds[group.name] = sum(
                torch.outer(*(both if leg.power > 0 else both[::-1])) for leg, both in pairs
            )
        else:
            rows = torch.stack([left * right for left, right in lengths])
            bounds[group.name] = (leg_powers(spec, group.name).to(rows).abs() * rows).sum(0)
    return bounds


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
    >>> leg_powers(SymmetrySpec((UnitGroup("h", 2, (Leg("in", 0), Leg("out", 1, power=-1))),)), "h").flatten()
    tensor([ 1., -1.])
    """
    return torch.tensor([[float(leg.power)] for leg in spec[name].legs if not leg.buffer])
