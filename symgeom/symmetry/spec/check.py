"""What is wrong with a spec: on its own, and on a network."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import itemgetter

from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.symmetry.spec.architecture import SCALES, Leg, SymmetrySpec, UnitGroup

Claim = tuple[int, int, UnitGroup, Leg]
"""First entry and end of what a leg of a group takes of an axis."""

Region = tuple[tuple[int, int, int], ...]


def check_spec(spec: SymmetrySpec, params: Mapping[str, Tensor]) -> None:
    """Raise unless the spec makes sense and every leg of it exists in the network.

    Parameters
    ----------
    spec : SymmetrySpec
        The spec, written by hand or discovered.
    params : Parameters
        One network.

    Raises
    ------
    SymgeomError
        If a leg names a tensor, an axis or a range that is not there; if a group has no units, no
        legs or powers that its scale does not allow; if two groups have one name; if one slice is
        claimed by two legs of a group, or by two groups that are permuted (further scalings of the
        same units are groups with ``permute=False``).

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> check_spec(SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),)), {"w": torch.ones(2, 3)})
    """
    twice = [
        name for name, count in Counter(group.name for group in spec.groups).items() if count > 1
    ]
    if twice:
        raise SymgeomError(
            f"Cannot use the spec: it has several groups of the name {twice}. Give each group a name of its own."
        )
    for group in spec.groups:
        _check_group(group)
        for leg in group.legs:
            _check_leg(group, leg, params)
            _check_power(group, leg)
    _check_claims(spec)


def _fault(group: UnitGroup, leg: Leg, found: str) -> SymgeomError:
    return SymgeomError(
        f"Cannot use group '{group.name}': leg on tensor '{leg.tensor}', axis {leg.axis}: {found}"
    )


def _check_group(group: UnitGroup) -> None:
    check_choice(group.scale, SCALES, f"scale of group '{group.name}'")
    check_choice(group.exact_for, ("loss", "error"), f"exact_for of group '{group.name}'")
    what = f"Cannot use group '{group.name}': it has {group.size} units and {len(group.legs)} legs"
    if group.size < 1 or not group.legs:
        raise SymgeomError(
            f"{what}. A group has at least one of each; leave it out if there is nothing to move."
        )
    if group.scale in ("positive", "sign") and not any(leg.power for leg in group.legs):
        raise SymgeomError(
            f"{what}, all of power 0, so that its scale '{group.scale}' does nothing. Give powers, or scale='none'."
        )


def _check_leg(group: UnitGroup, leg: Leg, params: Mapping[str, Tensor]) -> None:
    if leg.tensor not in params:
        raise _fault(group, leg, f"the network has no such tensor; it has {sorted(params)}.")
    shape = tuple(params[leg.tensor].shape)
    if not 0 <= leg.axis < len(shape):
        raise _fault(
            group, leg, f"the tensor has shape {shape}, so its axes are 0 to {len(shape) - 1}."
        )
    start, stop = _entries(group, leg)
    if min(start, leg.block - 1, leg.outer - 1) < 0 or stop > shape[leg.axis]:
        raise _fault(
            group,
            leg,
            f"{group.size} units need the entries {start} to {stop} of that axis, which has {shape[leg.axis]} (tensor shape "
            f"{shape}). Correct the group's size, or the leg's start ({start}), block ({leg.block}), outer ({leg.outer}).",
        )
    if leg.region:
        _check_region(group, leg, shape)


def _check_region(group: UnitGroup, leg: Leg, shape: tuple[int, ...]) -> None:
    others = set(range(len(shape))) - {leg.axis}
    for axis, start, stop in leg.region:
        if axis not in others or not 0 <= start < stop <= shape[axis]:
            raise _fault(
                group,
                leg,
                f"its region {(axis, start, stop)} (axis, start, stop) is no part of another axis of the tensor, whose shape is "
                f"{shape}. Correct the region; it names each axis once.",
            )
        others.remove(axis)


def _check_power(group: UnitGroup, leg: Leg) -> None:
    if not leg.power and not group.permute:
        raise _fault(
            group,
            leg,
            "its power is 0 and its group is not permuted, so that it never moves. Give a power, or remove it.",
        )
    if group.scale == "linear" and (abs(leg.power) != 1 or leg.shift):
        raise _fault(
            group,
            leg,
            f"power {leg.power}, shift {leg.shift}, and a group whose scale is 'linear', which allows powers 1 and -1 "
            "without a shift. Correct them, or leave the group out.",
        )


def _entries(group: UnitGroup, leg: Leg) -> tuple[int, int]:
    return leg.start, leg.start + leg.outer * group.size * leg.block


def _check_claims(spec: SymmetrySpec) -> None:
    """Raise if two legs of one group, or of two groups that are permuted, share entries."""
    claims: dict[tuple[str, int], list[Claim]] = {}
    for group in spec.groups:
        for leg in group.legs:
            claims.setdefault((leg.tensor, leg.axis), []).append(
                (*_entries(group, leg), group, leg)
            )
    for found in claims.values():
        for (start, stop, group, leg), (first, last, rival, other) in _overlapping(found):
            if (rival is group or (group.permute and rival.permute)) and not _apart(
                leg.region, other.region
            ):
                what = (
                    "listed twice in the group"
                    if rival is group
                    else f"also permuted by group '{rival.name}'"
                )
                raise _fault(
                    group,
                    leg,
                    f"its entries {start} to {stop} are {what} (entries {first} to {last}). Correct or remove one of the two "
                    "legs; a further scaling of the same units is a group with permute=False.",
                )


def _overlapping(claims: list[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Yield the pairs of claims that have entries of the axis in common."""
    claims.sort(key=itemgetter(0))
    for place, claim in enumerate(claims, start=1):
        for other in islice(claims, place, None):
            if other[0] >= claim[1]:
                break
            yield claim, other


def _apart(region: Region, other: Region) -> bool:
    """Whether two regions have nothing in common, along some axis that both restrict."""
    return any(
        a == b and (stop <= first or last <= start)
        for a, start, stop in region
        for b, first, last in other
    )
