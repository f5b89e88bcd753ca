"""The architecture as data: which slices of which tensors belong to which unit.

A :class:`UnitGroup` is a set of interchangeable units (the neurons of a hidden layer, say). Each of its *legs* names one axis of
one tensor that is indexed by those units. Scaling unit ``k`` by ``s`` multiplies its slice on every leg by ``s**power``:
incoming weights and biases have power +1, outgoing weights power -1 (minus the degree of the activation, in general).
A :class:`SymmetrySpec` lists the groups of one architecture from input to output. It holds no tensors.

Everything that touches weights through a spec goes through one pair of functions: :func:`take` views a leg as a matrix
``(unit, d)``, :func:`put` writes such a matrix back.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from torch import Tensor

from symgeom.checks import SymgeomError, check_choice

SCALES = ("positive", "sign", "linear", "none")


@dataclass(frozen=True)
class Leg:
    """One axis of one tensor, indexed by the units of a group.

    Along ``axis`` the units lie in the segment that begins at ``start``; the segment is read as an array of shape
    ``(outer, size, block)``, so that each unit owns ``outer`` runs of ``block`` consecutive entries.

    Attributes
    ----------
    tensor : str
        Name of the tensor.
    axis : int
        The axis that the units index.
    power : int
        A scale ``s`` of the unit multiplies the slice by ``s**power``; positive for incoming legs.
    start : int
        First entry of the segment (concatenation, packed heads).
    block : int
        Consecutive entries that one unit owns (flattened maps, heads).
    outer : int
        How often the run of units repeats within the segment (channels-last flattening).
    region : tuple of (axis, start, stop)
        Restriction of other axes for which the leg holds (grouped convolution).
    buffer : bool
        Whether the tensor is a buffer: it moves with the unit but has no gradient and enters no charge.
    shift : float
        The slice transforms as ``s**power * (x + shift) - shift`` (a running variance with its eps).
    """

    tensor: str
    axis: int
    power: int = 1
    start: int = 0
    block: int = 1
    outer: int = 1
    region: tuple[tuple[int, int, int], ...] = ()
    buffer: bool = False
    shift: float = 0.0


@dataclass(frozen=True)
class UnitGroup:
    """Interchangeable units: neurons, channels, heads, or one whole layer.

    Attributes
    ----------
    name : str
        Also the name of the xarray dimension.
    size : int
        Number of units.
    legs : tuple of Leg
        Every slice that moves with the units.
    scale : {"positive", "sign", "linear", "none"}
        Which scalings of a unit leave the function unchanged: any positive number, a sign, any invertible matrix across
        the units, or none.
    permute : bool
        Whether the units may be permuted.
    exact_for : {"loss", "error"}
        What stays unchanged: the outputs, or only their order (the head as one sphere).
    """

    name: str
    size: int
    legs: tuple[Leg, ...]
    scale: Literal["positive", "sign", "linear", "none"] = "positive"
    permute: bool = True
    exact_for: Literal["loss", "error"] = "loss"

    def incoming(self) -> tuple[Leg, ...]:
        """Return the trainable legs that feed the units (power > 0): the coordinates of their spheres."""
        return tuple(leg for leg in self.legs if leg.power > 0 and not leg.buffer)

    def outgoing(self) -> tuple[Leg, ...]:
        """Return the trainable legs that read the units (power < 0)."""
        return tuple(leg for leg in self.legs if leg.power < 0 and not leg.buffer)


@dataclass(frozen=True)
class SymmetrySpec:
    """The symmetry groups of one architecture, from input to output.

    Attributes
    ----------
    groups : tuple of UnitGroup
        Hidden groups first, the head (``exact_for="error"``) last.

    Examples
    --------
    >>> legs = (Leg("0.weight", 0), Leg("0.bias", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 4, legs),))
    >>> SymmetrySpec.from_json(spec.to_json()) == spec
    True
    """

    groups: tuple[UnitGroup, ...]

    def __getitem__(self, name: str) -> UnitGroup:
        """Return the group of that name."""
        check_choice(name, [group.name for group in self.groups], "unit group")
        return next(group for group in self.groups if group.name == name)

    def exact(self) -> "SymmetrySpec":
        """Return the spec without the groups that only preserve the error (the head)."""
        return SymmetrySpec(tuple(group for group in self.groups if group.exact_for == "loss"))

    def to_json(self) -> str:
        """Return the spec as JSON text, equal specs giving equal text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "SymmetrySpec":
        """Read a spec back from :meth:`to_json`."""

        def leg(fields: dict) -> Leg:
            return Leg(**(fields | {"region": tuple(tuple(part) for part in fields["region"])}))

        groups = json.loads(text)["groups"]
        return cls(tuple(UnitGroup(**(group | {"legs": tuple(map(leg, group["legs"]))})) for group in groups))


def _segment(tensor: Tensor, leg: Leg, size: int) -> Tensor:
    """View the leg as ``(outer, size, block, rest...)``."""
    for axis, start, stop in leg.region:
        tensor = tensor.narrow(axis, start, stop - start)
    segment = tensor.narrow(leg.axis, leg.start, leg.outer * size * leg.block).movedim(leg.axis, 0)
    return segment.unflatten(0, (leg.outer, size, leg.block))


def take(tensor: Tensor, leg: Leg, size: int) -> Tensor:
    """Return the entries that each unit owns on a leg.

    Parameters
    ----------
    tensor : Tensor
        The leg's tensor, of one network.
    leg : Leg
        Where the units lie.
    size : int
        Number of units.

    Returns
    -------
    Tensor, shape (size, d)
        Row ``k`` holds unit ``k``'s slice, flattened.

    Examples
    --------
    >>> import torch
    >>> take(torch.arange(6.0).reshape(2, 3), Leg("w", axis=1), 3)
    tensor([[0., 3.],
            [1., 4.],
            [2., 5.]])
    """
    return _segment(tensor, leg, size).movedim(1, 0).reshape(size, -1)


def put(tensor: Tensor, leg: Leg, rows: Tensor) -> Tensor:
    """Return a copy of ``tensor`` in which the units' slices are ``rows``; the inverse of :func:`take`.

    Parameters
    ----------
    tensor : Tensor
        The leg's tensor, of one network; not modified.
    leg : Leg
        Where the units lie.
    rows : Tensor, shape (size, d)
        As returned by :func:`take`.

    Returns
    -------
    Tensor
        Same shape as ``tensor``.

    Examples
    --------
    >>> import torch
    >>> put(torch.zeros(2, 2), Leg("w", axis=1), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 3.],
            [2., 4.]])
    """
    result = tensor.clone()
    segment = _segment(result, leg, len(rows)).movedim(1, 0)
    segment.copy_(rows.reshape(segment.shape))
    return result


def check_spec(spec: SymmetrySpec, params: Mapping[str, Tensor]) -> None:
    """Raise unless every leg of the spec exists in the network.

    Parameters
    ----------
    spec : SymmetrySpec
        The spec, written by hand or discovered.
    params : Parameters
        One network.

    Raises
    ------
    SymgeomError
        If a leg names a tensor, an axis or a range that is not there, or if two legs of a group claim the same slice.

    Examples
    --------
    >>> import torch
    >>> check_spec(SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),)), {"w": torch.ones(2, 3)})
    """
    for group in spec.groups:
        check_choice(group.scale, SCALES, f"scale of group '{group.name}'")
        seen = set()
        for leg in group.legs:
            where = f"group '{group.name}': leg on tensor '{leg.tensor}', axis {leg.axis}"
            if leg.tensor not in params:
                raise SymgeomError(f"Cannot use {where}: the network has no such tensor; it has {sorted(params)}.")
            shape = tuple(params[leg.tensor].shape)
            if not 0 <= leg.axis < len(shape):
                raise SymgeomError(f"Cannot use {where}: the tensor has shape {shape}, so its axes are 0 to {len(shape) - 1}.")
            stop = leg.start + leg.outer * group.size * leg.block
            if leg.start < 0 or stop > shape[leg.axis]:
                raise SymgeomError(
                    f"Cannot use {where}: {group.size} units need the entries {leg.start} to {stop} of that axis, which has "
                    f"{shape[leg.axis]} (tensor shape {shape}). Correct the group's size, or the leg's start, block, outer."
                )
            for axis, first, last in leg.region:
                if not (0 <= axis < len(shape) and axis != leg.axis and 0 <= first < last <= shape[axis]):
                    raise SymgeomError(
                        f"Cannot use {where}: its region {(axis, first, last)} (axis, start, stop) is no part of another axis of "
                        f"the tensor, whose shape is {shape}. Correct the region."
                    )
            place = (leg.tensor, leg.axis, leg.start, leg.region)
            if place in seen:
                raise SymgeomError(f"Cannot use {where}: this slice is listed twice in the group. Remove one of the two legs.")
            seen.add(place)
