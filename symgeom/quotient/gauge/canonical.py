"""Move a network along its orbit to its canonical representative."""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.quotient.gauge.idle_units import Units, find_weak
from symgeom.quotient.gauge.sweeps import settle
from symgeom.quotient.gauge.walk import Walk
from symgeom.quotient.torus import fixing_legs
from symgeom.symmetry.group import GroupElement, identity
from symgeom.symmetry.spec import SymmetrySpec, check_spec


@dataclass(frozen=True, eq=False)
class Canonical:
    """The canonical representative of a network.

    Attributes
    ----------
    parameters : dict of str to Tensor
        The network on the torus, in float64.
    element : GroupElement
        What was applied: ``act(spec, element, params)`` gives ``parameters`` (dropped units aside).
    dead : dict of str to list of int
        For each group with a scale, the units whose incoming weights are all zero; they were
        dropped.
    weak : dict of str to list of int
        For each group with a scale, the units dropped because of their small importance.
    """

    parameters: dict[str, Tensor]
    element: GroupElement
    dead: Units
    weak: Units


@door
def canonicalise(
    spec: SymmetrySpec,
    params: Parameters,
    *,
    bias_in_norm: bool = True,
    dead_units: str = "error",
    importance_threshold: float = 0.0,
    stream: str = "first",
) -> Canonical:
    """Move a network along its orbit onto the torus.

    The result is the same for all networks that differ by scalings of the spec (batch statistics of
    dropped units aside), computes the same function (the head's scale and weak units aside), and is
    left as it is when it is canonicalised again. Inputs that never change, such as border pixels,
    are no matter of the spec alone: see :func:`symgeom.quotient.gauge.absorb_constant_inputs`.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture, groups ordered from input to output.
    params : Parameters
        One network; not modified.
    bias_in_norm : bool
        Whether a unit's bias is part of its incoming vector.
    dead_units : {"error", "drop"}
        What to do with a unit whose incoming weights are all zero: stop, or set its outgoing
        weights to zero as well (it contributes nothing through an activation with f(0) = 0) and
        leave it out of all distances. In a linear group these are directions: the units of the
        representative that are left over when the others span all incoming vectors.
    importance_threshold : float
        Drop the units (of groups with positive scales or signs, the head excepted) whose importance
        is below this share of the largest in their group, until none is left. Importance is the
        length of the incoming times the length of the outgoing weights of the representative; it
        does not depend on scales. Unlike all else, this changes the function slightly; 0 drops
        none.
    stream : {"first", "all"}
        What has length 1 in a residual stream: what its first writer sends (the weights that no
        later scale touches), or what all writers send together, which is possible only if the
        blocks do not amplify.

    Returns
    -------
    Canonical
        The representative, the element that leads to it, and the dropped units.

    Raises
    ------
    SymgeomError
        If a unit is dead (and not dropped), a scale is not fixed by the weights, a weight is not
        finite, the spec does not fit, or an option is not known.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> network = {"in": torch.tensor([[3.0, 4.0]]), "out": torch.tensor([[2.0]])}
    >>> canonicalise(spec, network).parameters["out"]
    tensor([[10.]], dtype=torch.float64)
    """
    check_choice(dead_units, ("error", "drop"), "treatment of dead units")
    check_choice(stream, ("first", "all"), "gauge of residual streams")
    if not 0 <= importance_threshold < 1:
        raise SymgeomError(
            f"Cannot use the importance threshold {importance_threshold!r}: give a share from 0 to "
            "below 1."
        )
    check_spec(spec, params)
    check_finite(params, "the network", masks=spec.constants)
    gauge = Gauge(bias_in_norm, dead_units == "drop", importance_threshold, stream)
    return settled(spec, own_copy(params, torch.float64), gauge)


@dataclass(frozen=True)
class Gauge:
    """Which representative of an orbit is meant: the options of :func:`canonicalise`."""

    bias_in_norm: bool = True
    drop: bool = False
    importance_threshold: float = 0.0
    stream: str = "first"


def settled(spec: SymmetrySpec, params: dict[str, Tensor], gauge: Gauge) -> Canonical:
    """Move a network that is given up along its orbit onto the torus, in its precision.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : dict of str to Tensor
        One network in memory of its own; it is moved.
    gauge : Gauge
        Which representative is meant.

    Returns
    -------
    Canonical
        As of :func:`canonicalise`.
    """
    legs = fixing_legs(spec, params, bias_in_norm=gauge.bias_in_norm, stream=gauge.stream)
    nothing = identity(spec)
    start = Walk(
        spec=spec,
        legs=legs,
        drop=gauge.drop,
        parameters=params,
        scales=dict(nothing.scales),
        dead={name: [] for name in legs},
        weak={name: [] for name in legs},
    )
    until_converged = gauge.stream == "all"
    walk = settle(start, until_converged=until_converged)
    if gauge.importance_threshold:
        threshold = gauge.importance_threshold
        walk = _without_weak(walk, threshold, until_converged=until_converged)
    element = GroupElement(nothing.permutations, walk.scales)
    return Canonical(walk.parameters, element, walk.dead, walk.weak)


def own_copy(params: Parameters, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return a copy of a network in a precision; whole numbers stay as they are.

    Parameters
    ----------
    params : Parameters
        One network; not modified.
    dtype : torch.dtype
        Of real numbers.

    Returns
    -------
    dict of str to Tensor
        In memory that nobody else has.

    Examples
    --------
    >>> own_copy({"w": torch.ones(1)}, torch.float64)
    {'w': tensor([1.], dtype=torch.float64)}
    """
    copies = {}
    for name, tensor in params.items():
        number = dtype if tensor.is_floating_point() else tensor.dtype
        layout = torch.contiguous_format
        copies[name] = tensor.detach().to(number, copy=True, memory_format=layout)
    return copies


def _without_weak(walk: Walk, threshold: float, *, until_converged: bool) -> Walk:
    """Drop the units below the threshold and settle again, until there are no more."""
    units = find_weak(walk.spec, walk.parameters, threshold, walk.dropped)
    while units:
        walk = settle(walk.without_weak(units), until_converged=until_converged)
        units = find_weak(walk.spec, walk.parameters, threshold, walk.dropped)
    return walk
