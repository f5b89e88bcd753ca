"""The words of a spec: legs, unit groups, and the list of them."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Literal

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import check_attributes, door

Scale = Literal["positive", "sign", "linear", "none"]
"""Any positive number per unit, a sign, any invertible matrix across the units, or nothing."""

SCALES: tuple[Scale, ...] = ("positive", "sign", "linear", "none")
"""All kinds of scale."""


@dataclass(frozen=True)
class Leg:
    """One axis of one tensor, indexed by the units of a group.

    Along ``axis`` the units lie in the segment that begins at ``start``; the segment is read as an
    array of shape ``(outer, size, block)``, so that each unit owns ``outer`` runs of ``block``
    consecutive entries.

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
        Whether the tensor is a buffer: it moves with the unit but has no gradient and enters no
        charge.
    shift : float
        The slice transforms as ``s**power * (x + shift) - shift`` (a running variance with its
        eps).
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

    def __post_init__(self) -> None:
        check_attributes(self)

    def place(self) -> tuple[object, ...]:
        """Return where the units lie.

        Returns
        -------
        tuple
            Equal for two legs that index the same entries by the same units.
        """
        return self.tensor, self.axis, self.start, self.block, self.outer, self.region


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
        Which scalings of a unit leave the function unchanged: any positive number, a sign, any
        invertible matrix across the units, or none.
    permute : bool
        Whether the units may be permuted.
    exact_for : {"loss", "error"}
        What stays unchanged: the outputs, or only their order (the head as one sphere).
    """

    name: str
    size: int
    legs: tuple[Leg, ...]
    scale: Scale = "positive"
    permute: bool = True
    exact_for: Literal["loss", "error"] = "loss"

    def __post_init__(self) -> None:
        check_attributes(self)

    def incoming(self) -> tuple[Leg, ...]:
        """Return the trainable legs that feed the units: the coordinates of their spheres."""
        return tuple(leg for leg in self.legs if leg.power > 0 and not leg.buffer)

    def outgoing(self) -> tuple[Leg, ...]:
        """Return the trainable legs that read the units (power < 0)."""
        return tuple(leg for leg in self.legs if leg.power < 0 and not leg.buffer)


@dataclass(frozen=True)
class FixedAxis:
    """An axis of a weight whose entries no group permutes.

    Attributes
    ----------
    tensor : str
        Name of the tensor.
    axis : int
        The axis.
    reason : str
        What gives its entries an identity: an input, the outputs, an operation in a module.
    """

    tensor: str
    axis: int
    reason: str

    def __post_init__(self) -> None:
        check_attributes(self)


@dataclass(frozen=True)
class SymmetrySpec:
    """The symmetry groups of one architecture, from input to output.

    Attributes
    ----------
    groups : tuple of UnitGroup
        Hidden groups first, the head (``exact_for="error"``) last.
    shapes : tuple of (str, tuple of int)
        Names and shapes of all tensors of the architecture, so that other networks are refused;
        empty if they are not known (a spec written by hand). Specs are equal if their groups are.
    fixed : tuple of FixedAxis
        What discovery gave up: the axes of weights that are in no permuting group, and why.

    Examples
    --------
    >>> legs = (Leg("0.weight", 0), Leg("0.bias", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 4, legs),))
    >>> SymmetrySpec.from_json(spec.to_json()) == spec
    True
    """

    groups: tuple[UnitGroup, ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = field(default=(), compare=False, repr=False)
    fixed: tuple[FixedAxis, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        check_attributes(self)

    @cached_property
    def hosts(self) -> dict[str, str]:
        """For each group, the name of the group that permutes its units.

        Its own, or that of which it is a further scaling.
        """
        permuting: dict[tuple[object, ...], str] = {}
        for group in self.groups:
            for leg in group.legs:
                if group.permute:
                    permuting[group.size, leg.place()] = group.name
        hosts: dict[str, str] = {}
        for group in self.groups:
            hosts[group.name] = group.name
            units = [(group.size, leg.place()) for leg in group.legs]
            others = [permuting[row] for row in units if row in permuting]
            if others and not group.permute:
                hosts[group.name] = others[0]
        return hosts

    @cached_property
    def constants(self) -> frozenset[str]:
        """The tensors that no group moves and that are no weights: buffers, such as masks.

        Discovery names the axes of all other weights; of a spec written by hand none are known.
        """
        known = {leg.tensor for group in self.groups for leg in group.legs}
        known |= {axis.tensor for axis in self.fixed}
        constants = set()
        for name, shape in self.shapes:
            if name not in known and max(shape, default=1) > 1:
                constants.add(name)
        return frozenset(constants)

    @cached_property
    def _groups_by_name(self) -> dict[str, UnitGroup]:
        return {group.name: group for group in reversed(self.groups)}

    @door
    def __getitem__(self, name: str) -> UnitGroup:
        """Return the group of that name."""
        if name not in self._groups_by_name:
            check_choice(name, [group.name for group in self.groups], "unit group")
        return self._groups_by_name[name]

    def exact(self) -> "SymmetrySpec":
        """Return the spec without the groups that only preserve the error (the head)."""
        groups = tuple(group for group in self.groups if group.exact_for == "loss")
        return replace(self, groups=groups)

    def trained(self, tensors: Collection[str]) -> "SymmetrySpec":
        """Return the groups that training moves as a whole.

        A conservation law needs the gradient on every leg of its group: a group with a frozen leg
        has none.

        Parameters
        ----------
        tensors : collection of str
            The tensors that train.

        Returns
        -------
        SymmetrySpec
            The groups all of whose legs lie on these tensors; legs on buffers do not count.

        Examples
        --------
        >>> hidden = UnitGroup("hidden1", 1, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1)))
        >>> SymmetrySpec((hidden,)).trained(["2.weight"]).groups
        ()
        """
        groups = []
        for group in self.groups:
            weights = {leg.tensor for leg in group.legs if not leg.buffer}
            if weights <= set(tensors):
                groups.append(group)
        return replace(self, groups=tuple(groups))

    def to_json(self) -> str:
        """Return the spec as JSON text, equal specs giving equal text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    @door
    def from_json(cls, text: str) -> "SymmetrySpec":
        """Read a spec back from :meth:`to_json`.

        Parameters
        ----------
        text : str
            What :meth:`to_json` returned.

        Returns
        -------
        SymmetrySpec
            An equal spec.

        Raises
        ------
        SymgeomError
            If the text is no spec.
        """
        try:
            fields = json.loads(text)
            groups = tuple(_group_from(group) for group in fields["groups"])
            shapes = tuple(_shape_from(*entry) for entry in fields.get("shapes", ()))
            fixed = tuple(FixedAxis(**axis) for axis in fields.get("fixed", ()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SymgeomError(
                f"Cannot read a spec from this text: it begins with {text[:40]!r}, and reading it "
                f"ends with {type(error).__name__}: {error}. Give what to_json() wrote."
            ) from error
        return cls(groups, shapes, fixed)


def _group_from(fields: dict) -> UnitGroup:
    """Make a group of what JSON says."""
    legs = tuple(_leg_from(leg) for leg in fields["legs"])
    return UnitGroup(**(fields | {"legs": legs}))


def _shape_from(name: str, shape: list[int]) -> tuple[str, tuple[int, ...]]:
    """Make the shape of a tensor of what JSON says."""
    return name, tuple(shape)


def _leg_from(fields: dict) -> Leg:
    """Make a leg of what JSON says, which has lists where legs have tuples."""
    region = tuple(tuple(part) for part in fields["region"])
    return Leg(**(fields | {"region": region}))
