r"""Group elements: a permutation and a scale (or a matrix) for every unit group.

The action permutes first and scales second. With :math:`\pi` the permutation and :math:`s` the scales of a group,

.. math:: (g\theta)_k = s_k^{p}\,\theta_{\pi(k)}

on every leg of power :math:`p`. For a linear group the element is a matrix :math:`G`: incoming legs become :math:`G\theta`,
outgoing legs :math:`G^{-\top}\theta` (rows indexed by units). An element acts on one network;
``torch.vmap`` over the network applies one element to many.

References
----------
Zhao et al., "Symmetries, flat minima, and the conserved quantities of gradient flow" (2210.17216), section 3: the linear action
``(U, V) -> (U g^-1, g V)``, here with ``V`` the incoming and ``U`` the outgoing legs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.checks import SymgeomError
from symgeom.spec import Leg, SymmetrySpec, UnitGroup, check_spec, put, take
from symgeom.types import Parameters


@dataclass(frozen=True, eq=False)
class GroupElement:
    """One element of the symmetry group of an architecture.

    Attributes
    ----------
    permutations : mapping of str to Tensor of int64, shape (size,)
        For each group, the unit that takes place ``k`` is the old unit ``permutations[group][k]``.
    scales : mapping of str to Tensor, shape (size,), or shape (size, size) for a linear group
        For each group, the scales applied after the permutation (signs for odd activations), or the matrix.
    """

    permutations: Mapping[str, Tensor]
    scales: Mapping[str, Tensor]


def identity(spec: SymmetrySpec) -> GroupElement:
    """Return the element that changes nothing.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.

    Returns
    -------
    GroupElement
        In float64.

    Examples
    --------
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> identity(SymmetrySpec((UnitGroup("hidden1", 3, (Leg("w", 0),)),))).permutations["hidden1"]
    tensor([0, 1, 2])
    """

    def ones(group: UnitGroup) -> Tensor:
        kind = {"dtype": torch.float64}
        return torch.eye(group.size, **kind) if group.scale == "linear" else torch.ones(group.size, **kind)

    return GroupElement(
        {group.name: torch.arange(group.size) for group in spec.groups}, {group.name: ones(group) for group in spec.groups}
    )


def random_element(spec: SymmetrySpec, *, generator: torch.Generator, spread: float = 0.5) -> GroupElement:
    """Draw a random element of the whole group.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    generator : torch.Generator
        The source of randomness.
    spread : float
        Standard deviation of the logarithm of positive scales; linear groups get ``expm`` of a matrix of that size.

    Returns
    -------
    GroupElement
        Uniform permutations, log-normal scales, uniform signs, in float64.

    Examples
    --------
    >>> import torch
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 3, (Leg("w", 0),)),))
    >>> random_element(spec, generator=torch.Generator().manual_seed(1)).scales["hidden1"].shape
    torch.Size([3])
    """

    def draw(group: UnitGroup) -> Tensor:
        if group.scale == "linear":
            noise = torch.randn(group.size, group.size, generator=generator, dtype=torch.float64)
            return torch.linalg.matrix_exp(spread * noise / group.size**0.5)
        noise = torch.randn(group.size, generator=generator, dtype=torch.float64)
        return {"positive": (spread * noise).exp(), "sign": noise.sign(), "none": torch.ones_like(noise)}[group.scale]

    permutations = {
        group.name: torch.randperm(group.size, generator=generator) if group.permute else torch.arange(group.size)
        for group in spec.groups
    }
    return GroupElement(permutations, {group.name: draw(group) for group in spec.groups})


def act(spec: SymmetrySpec, element: GroupElement, params: Parameters) -> dict[str, Tensor]:
    """Apply a group element to a network.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        What to apply; groups it does not name are left alone.
    params : Parameters
        One network; not modified.

    Returns
    -------
    dict of str to Tensor
        The moved network, in the precision of ``params``.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, or if a permutation or scale is not one of its group.

    Examples
    --------
    >>> import torch
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> swap = GroupElement({"hidden1": torch.tensor([1, 0])}, {"hidden1": torch.tensor([2.0, 1.0])})
    >>> act(spec, swap, {"in": torch.tensor([[1.0], [3.0]]), "out": torch.tensor([[1.0, 3.0]])})
    {'in': tensor([[6.],
            [1.]]), 'out': tensor([[1.5000, 1.0000]])}
    """
    check_spec(spec, params)
    result = dict(params)
    for group in spec.groups:
        if group.name not in element.permutations:
            continue
        scale, permutation = element.scales[group.name], element.permutations[group.name]
        _check_element(group, permutation, scale)
        for leg in group.legs:
            tensor = result[leg.tensor]
            rows = take(tensor, leg, group.size)[permutation]
            result[leg.tensor] = put(tensor, leg, _scaled(rows, leg, scale.to(tensor.dtype)))
    return result


def _scaled(rows: Tensor, leg: Leg, scale: Tensor) -> Tensor:
    if scale.ndim == 2:
        matrix = scale if leg.power > 0 else torch.linalg.inv(scale).T
        return matrix @ rows
    factor = (scale**leg.power).unsqueeze(1)
    return factor * (rows + leg.shift) - leg.shift if leg.shift else factor * rows


def _check_element(group: UnitGroup, permutation: Tensor, scale: Tensor) -> None:
    shape, units = (group.size,) * (2 if group.scale == "linear" else 1), torch.arange(group.size, device=permutation.device)
    if scale.shape != shape or not torch.equal(permutation.sort().values if group.permute else permutation, units):
        raise SymgeomError(
            f"Cannot act on group '{group.name}' with permutation {permutation.tolist()} and scales of shape "
            f"{tuple(scale.shape)}: give each of the numbers 0 to {group.size - 1} once{', in order,' * (not group.permute)} "
            f"and scales of shape {shape}."
        )
    allowed = {
        "positive": lambda: (scale > 0).all(),
        "sign": lambda: (scale.abs() == 1).all(),
        "none": lambda: (scale == 1).all(),
        "linear": lambda: scale.isfinite().all(),
    }
    if not allowed[group.scale]():
        raise SymgeomError(
            f"Cannot act on group '{group.name}': its scale is '{group.scale}', which the given scales "
            f"(from {scale.min().item():.3g} to {scale.max().item():.3g}) are not. Use scales that its activation allows."
        )


def compose(spec: SymmetrySpec, second: GroupElement, first: GroupElement) -> GroupElement:
    """Return the element that acts like ``first``, then ``second``.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    second, first : GroupElement
        Elements that name every group of the spec.

    Returns
    -------
    GroupElement
        ``act(compose(second, first), params) == act(second, act(first, params))``.

    Examples
    --------
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> compose(spec, identity(spec), identity(spec)).permutations["hidden1"]
    tensor([0, 1])
    """
    permutations, scales = {}, {}
    for group in spec.groups:
        outer, inner = second.permutations[group.name], first.permutations[group.name]
        permutations[group.name] = inner[outer]
        left, right = second.scales[group.name], first.scales[group.name]
        if group.scale == "linear":
            # P G P^T: the first matrix, relabelled by the permutation that follows it.
            scales[group.name] = left @ right[outer][:, outer]
        else:
            scales[group.name] = left * right[outer]
    return GroupElement(permutations, scales)


def extend(spec: SymmetrySpec, element: GroupElement) -> GroupElement:
    """Return the element with the identity on every group that it does not name.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        An element that names some of its groups.

    Returns
    -------
    GroupElement
        An element that names all of them.

    Examples
    --------
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> extend(spec, GroupElement({}, {})).permutations["hidden1"]
    tensor([0, 1])
    """
    nothing = identity(spec)
    return GroupElement(nothing.permutations | dict(element.permutations), nothing.scales | dict(element.scales))


def inverse(spec: SymmetrySpec, element: GroupElement) -> GroupElement:
    """Return the element that undoes ``element``.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        An element that names every group of the spec.

    Returns
    -------
    GroupElement
        ``compose(inverse(element), element)`` is the identity.

    Examples
    --------
    >>> import torch
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 3, (Leg("w", 0),)),))
    >>> g = random_element(spec, generator=torch.Generator().manual_seed(0))
    >>> compose(spec, inverse(spec, g), g).permutations["hidden1"]
    tensor([0, 1, 2])
    """
    permutations = {name: torch.argsort(permutation) for name, permutation in element.permutations.items()}
    scales = {}
    for group in spec.groups:
        back, scale = permutations[group.name], element.scales[group.name]
        scales[group.name] = torch.linalg.inv(scale)[back][:, back] if group.scale == "linear" else 1 / scale[back]
    return GroupElement(permutations, scales)
