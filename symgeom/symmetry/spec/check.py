"""What is wrong with a spec: on its own, and on a network."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from symgeom.ground.architecture import difference_of
from symgeom.ground.checks import SymgeomError
from symgeom.symmetry.spec.architecture import Leg, SymmetrySpec, UnitGroup
from symgeom.symmetry.spec.slices import are_nested

Region = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Claim:
    """What a leg of a group takes of an axis: entries ``start`` to ``stop``."""

    start: int
    stop: int
    group: UnitGroup
    leg: Leg


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
        If the spec is of an architecture with other tensors; if a leg names a tensor, an axis or a
        range that is not there; if a group has no units, no
        legs or powers that its scale does not allow; if two groups have one name; if one slice is
        claimed by two legs of a group, or by two groups that are permuted, unless one numbers the
        parts of the units of the other (further scalings of the same units are groups with
        ``permute=False``).

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> check_spec(spec, {"w": torch.ones(2, 3)})
    """
    _check_architecture(spec, params)
    counts = Counter(group.name for group in spec.groups)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise SymgeomError(
            f"Cannot use the spec: it has several groups of the name {twice}. "
            "Give each group a name of its own."
        )
    for group in spec.groups:
        _check_group(group)
        for leg in group.legs:
            _check_leg(group, leg, params)
            _check_power(group, leg)
    _check_claims(spec)


def _check_architecture(spec: SymmetrySpec, params: Mapping[str, Tensor]) -> None:
    """Raise if the architecture has no such tensors; some may be missing (gradients of buffers)."""
    shapes = dict(spec.shapes)
    difference = difference_of(params, shapes, optional=shapes) if shapes else ""
    if difference:
        raise SymgeomError(
            f"Cannot use the spec on these tensors: {difference}. Give tensors of the architecture "
            "that the spec was found in, or discover(...) that of theirs."
        )


def _fault(group: UnitGroup, leg: Leg, fault: str) -> SymgeomError:
    where = f"leg on tensor '{leg.tensor}', axis {leg.axis}"
    return SymgeomError(f"Cannot use group '{group.name}': {where}: {fault}")


def _check_group(group: UnitGroup) -> None:
    what = f"Cannot use group '{group.name}': it has {group.size} units and {len(group.legs)} legs"
    if group.size < 1 or not group.legs:
        raise SymgeomError(
            f"{what}. A group has at least one of each; leave it out if there is nothing to move."
        )
    moves = any(leg.power for leg in group.legs)
    if group.scale in ("positive", "sign") and not moves:
        raise SymgeomError(
            f"{what}, all of power 0, so that its scale '{group.scale}' does nothing. "
            "Give powers, or scale='none'."
        )


def _check_leg(group: UnitGroup, leg: Leg, params: Mapping[str, Tensor]) -> None:
    if leg.tensor not in params:
        raise _fault(group, leg, f"the network has no such tensor; it has {sorted(params)}.")
    tensor = params[leg.tensor]
    if not tensor.is_floating_point():
        raise _fault(
            group,
            leg,
            f"the tensor is of {tensor.dtype}, and symmetries move and scale real weights. Cast "
            "the tensor, or leave its legs out of the spec.",
        )
    shape = tuple(tensor.shape)
    if not 0 <= leg.axis < len(shape):
        last = len(shape) - 1
        raise _fault(group, leg, f"the tensor has shape {shape}, so its axes are 0 to {last}.")
    stop = _stop(group, leg)
    smallest = min(leg.start, leg.block - 1, leg.outer - 1)
    if smallest < 0 or stop > shape[leg.axis]:
        raise _fault(
            group,
            leg,
            f"{group.size} units need the entries {leg.start} to {stop} of that axis, which has "
            f"{shape[leg.axis]} (tensor shape {shape}). Correct the group's size, or the leg's "
            f"start ({leg.start}), block ({leg.block}), outer ({leg.outer}).",
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
                f"its region {(axis, start, stop)} (axis, start, stop) is no part of another axis "
                f"of the tensor, whose shape is {shape}. Correct the region; it names each axis "
                "once.",
            )
        others.remove(axis)


def _check_power(group: UnitGroup, leg: Leg) -> None:
    if not leg.power and not group.permute:
        raise _fault(
            group,
            leg,
            "its power is 0 and its group is not permuted, so that it never moves. "
            "Give a power, or remove it.",
        )
    if group.scale == "linear" and (abs(leg.power) != 1 or leg.shift):
        raise _fault(
            group,
            leg,
            f"power {leg.power}, shift {leg.shift}, and a group whose scale is 'linear', which "
            "allows powers 1 and -1 without a shift. Correct them, or leave the group out.",
        )


def _stop(group: UnitGroup, leg: Leg) -> int:
    return leg.start + leg.outer * group.size * leg.block


def _check_claims(spec: SymmetrySpec) -> None:
    """Raise if two legs of one group, or of two groups that are permuted, share entries."""
    claims: dict[tuple[str, int], list[Claim]] = {}
    for group in spec.groups:
        for leg in group.legs:
            claim = Claim(leg.start, _stop(group, leg), group, leg)
            claims.setdefault((leg.tensor, leg.axis), []).append(claim)
    for claims_of_axis in claims.values():
        for claim, rival in _overlapping(claims_of_axis):
            _check_rivals(claim, rival)


def _check_rivals(claim: Claim, rival: Claim) -> None:
    """Raise if only one of two claims on the same entries can be true."""
    same_group = claim.group is rival.group
    both_permute = claim.group.permute and rival.group.permute
    if not same_group and not both_permute:
        return
    if _apart(claim.leg.region, rival.leg.region):
        return
    sizes = (claim.group.size, rival.group.size)
    if not same_group and are_nested((claim.leg, rival.leg), sizes):
        return
    what = f"also permuted by group '{rival.group.name}'"
    if same_group:
        what = "listed twice in the group"
    raise _fault(
        claim.group,
        claim.leg,
        f"its entries {claim.start} to {claim.stop} are {what} (entries {rival.start} to "
        f"{rival.stop}). Correct or remove one of the two legs; a further scaling of the same "
        "units is a group with permute=False.",
    )


def _overlapping(claims: list[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Yield the pairs of claims that have entries of the axis in common."""
    claims.sort(key=lambda claim: claim.start)
    for following, claim in enumerate(claims, start=1):
        for other in islice(claims, following, None):
            if other.start >= claim.stop:
                break
            yield claim, other


def _apart(region: Region, other: Region) -> bool:
    """Whether two regions have nothing in common, along some axis that both restrict."""
    for axis, start, stop in region:
        for other_axis, first, last in other:
            if axis == other_axis and (stop <= first or last <= start):
                return True
    return False
