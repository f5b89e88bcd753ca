"""The elements of the group, and their algebra."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_range
from symgeom.ground.doors import check_attributes, door, door_with
from symgeom.ground.randomness import normal_numbers
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup


@dataclass(frozen=True, eq=False)
class GroupElement:
    """One element of the symmetry group of an architecture.

    Attributes
    ----------
    permutations : mapping of str to Tensor of int64, shape (size,)
        For each group, the unit that takes place ``k`` is the old unit ``permutations[group][k]``.
    scales : mapping of str to Tensor, shape (size,), or shape (size, size) for a linear group
        For each group, the scales applied after the permutation (signs for odd activations), or the
        matrix.
    """

    permutations: Mapping[str, Tensor]
    scales: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        check_attributes(self)


@door
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
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> identity(SymmetrySpec((UnitGroup("hidden1", 3, (Leg("w", 0),)),))).permutations["hidden1"]
    tensor([0, 1, 2])
    """
    permutations: dict[str, Tensor] = {}
    scales: dict[str, Tensor] = {}
    for group in spec.groups:
        permutations[group.name] = torch.arange(group.size, device="cpu")
        if group.scale == "linear":
            scales[group.name] = torch.eye(group.size, dtype=torch.float64, device="cpu")
        else:
            scales[group.name] = torch.ones(group.size, dtype=torch.float64, device="cpu")
    return GroupElement(permutations, scales)


@door
def random_element(
    spec: SymmetrySpec, *, generator: torch.Generator, spread: float = 0.5
) -> GroupElement:
    """Draw a random element of the whole group.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    generator : torch.Generator
        The source of randomness.
    spread : float
        Standard deviation of the logarithm of positive scales; linear groups get ``expm`` of a
        matrix of that size.

    Returns
    -------
    GroupElement
        Uniform permutations, log-normal scales, uniform signs, in float64.

    Raises
    ------
    SymgeomError
        If the spread is negative.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 3, (Leg("w", 0),)),))
    >>> random_element(spec, generator=torch.Generator().manual_seed(1)).scales["hidden1"].shape
    torch.Size([3])
    """
    check_range(spread, "the spread of the scales", least=0)
    permutations: dict[str, Tensor] = {}
    for group in spec.groups:
        if group.permute:
            permutations[group.name] = torch.randperm(
                group.size, generator=generator, device=generator.device
            )
        else:
            permutations[group.name] = torch.arange(group.size, device=generator.device)
    scales = {group.name: _random_scale(group, generator, spread) for group in spec.groups}
    return GroupElement(permutations, scales)


def _random_scale(group: UnitGroup, generator: torch.Generator, spread: float) -> Tensor:
    size = group.size
    if group.scale == "linear":
        noise = normal_numbers((size, size), generator=generator)
        return torch.linalg.matrix_exp(spread * noise / size**0.5)
    # Drawn for groups without scales too, so that what follows does not depend on their number.
    noise = normal_numbers((size,), generator=generator)
    if group.scale == "positive":
        return (spread * noise).exp()
    if group.scale == "sign":
        return noise.sign()
    return torch.ones_like(noise)


def check_groups(spec: SymmetrySpec, *elements: object, **named: object) -> None:
    """Raise if a group element names a group that the spec has not.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    *elements, **named : object
        What is used with it; only group elements are looked at.

    Raises
    ------
    SymgeomError
        If there is such a group: it would be ignored.

    Examples
    --------
    >>> check_groups(SymmetrySpec(()), GroupElement({}, {}))
    """
    names = [group.name for group in spec.groups]
    for element in (*elements, *named.values()):
        if not isinstance(element, GroupElement):
            continue
        unknown = sorted((element.permutations.keys() | element.scales.keys()) - set(names))
        if unknown:
            raise SymgeomError(
                f"Cannot use the group element with this spec: it names the groups {unknown}, and "
                f"the spec has {names}. Give the spec that the element was made for."
            )


@door_with(check_groups)
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
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> compose(spec, identity(spec), identity(spec)).permutations["hidden1"]
    tensor([0, 1])
    """
    permutations: dict[str, Tensor] = {}
    scales: dict[str, Tensor] = {}
    for group in spec.groups:
        second_permutation, second_scale = part_of(group, second)
        first_permutation, first_scale = part_of(group, first)
        permutations[group.name] = first_permutation[second_permutation]
        # The first scales, relabelled by the permutation of the same units that follows them:
        # P G P^T for a matrix G.
        host = spec[spec.hosts[group.name]]
        order, _ = part_of(host, second)
        if group.scale == "linear":
            scales[group.name] = second_scale @ first_scale[order][:, order]
        else:
            scales[group.name] = second_scale * first_scale[order]
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
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> extend(spec, GroupElement({}, {})).permutations["hidden1"]
    tensor([0, 1])
    """
    nothing = identity(spec)
    permutations = dict(nothing.permutations) | dict(element.permutations)
    scales = dict(nothing.scales) | dict(element.scales)
    return GroupElement(permutations, scales)


def restricted(spec: SymmetrySpec, element: GroupElement) -> GroupElement:
    """Return what an element does to the groups of a spec, and nothing on others.

    Parameters
    ----------
    spec : SymmetrySpec
        Some groups of an architecture.
    element : GroupElement
        An element that names them, and perhaps others.

    Returns
    -------
    GroupElement
        An element that names no other group.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> restricted(SymmetrySpec(()), identity(spec))
    GroupElement(permutations={}, scales={})
    """
    names = {group.name for group in spec.groups}
    permutations = {key: value for key, value in element.permutations.items() if key in names}
    scales = {key: value for key, value in element.scales.items() if key in names}
    return GroupElement(permutations, scales)


@door_with(check_groups)
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
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 3, (Leg("w", 0),)),))
    >>> g = random_element(spec, generator=torch.Generator().manual_seed(0))
    >>> compose(spec, inverse(spec, g), g).permutations["hidden1"]
    tensor([0, 1, 2])
    """
    permutations: dict[str, Tensor] = {}
    scales: dict[str, Tensor] = {}
    for group in spec.groups:
        permutation, scale = part_of(group, element)
        permutations[group.name] = torch.argsort(permutation)
        host = spec[spec.hosts[group.name]]
        order, _ = part_of(host, element)
        back = torch.argsort(order)
        if group.scale == "linear":
            scales[group.name] = torch.linalg.inv(scale)[back][:, back]
        else:
            scales[group.name] = 1 / scale[back]
    return GroupElement(permutations, scales)


def part_of(group: UnitGroup, element: GroupElement) -> tuple[Tensor, Tensor]:
    """Return what an element does to one group.

    Parameters
    ----------
    group : UnitGroup
        The group.
    element : GroupElement
        An element that names it.

    Returns
    -------
    tuple of Tensor
        The permutation, and the scales or the matrix.

    Raises
    ------
    SymgeomError
        If the element does not name the group, or names it by half.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> element = GroupElement({"hidden1": torch.tensor([1, 0])}, {"hidden1": torch.ones(2)})
    >>> part_of(UnitGroup("hidden1", 2, (Leg("w", 0),)), element)
    (tensor([1, 0]), tensor([1., 1.]))
    """
    if group.name not in element.permutations or group.name not in element.scales:
        raise SymgeomError(
            f"Cannot use the group element on group '{group.name}': it has permutations of "
            f"{sorted(element.permutations)} and scales of {sorted(element.scales)}. "
            "Give both for every group, or complete it with extend."
        )
    return element.permutations[group.name], element.scales[group.name]
