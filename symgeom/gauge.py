r"""Choose one representative of every orbit of the scaling symmetries.

Positive scales: every unit's incoming vector (its bias included, by default) is scaled to length 1 and its outgoing weights by
the old length. Groups are visited from the input to the output, because normalising a layer changes the incoming vectors of the
next. The head is one sphere: a common factor on all its weights changes the outputs but not their order. Signs (odd activations):
the incoming coordinate of largest magnitude is made positive. Permutations have no useful canonical form; they are removed
pairwise by :mod:`symgeom.align`.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038), normalisation step. Whether the bias is inside the norm is not stated
there; it is an option here (``bias_in_norm``).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.checks import SymgeomError, check_choice, check_finite
from symgeom.group import GroupElement, act, compose, extend, identity
from symgeom.spec import SymmetrySpec, UnitGroup, check_spec, put, take
from symgeom.torus import sphere_coordinates
from symgeom.types import Parameters, cast


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
        For each group, the units whose incoming weights are all zero; they were dropped.
    """

    parameters: dict[str, Tensor]
    element: GroupElement
    dead: dict[str, list[int]]


def canonicalise(spec: SymmetrySpec, params: Parameters, *, bias_in_norm: bool = True, dead_units: str = "error") -> Canonical:
    """Move a network along its orbit onto the torus.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture, groups ordered from input to output.
    params : Parameters
        One network; not modified.
    bias_in_norm : bool
        Whether a unit's bias is part of its incoming vector.
    dead_units : {"error", "drop"}
        What to do with a unit whose incoming weights are all zero: stop, or set its outgoing weights to zero as well (it
        contributes nothing through an activation with f(0) = 0) and leave it out of all distances.

    Returns
    -------
    Canonical
        The representative, the element that leads to it, and the dead units.

    Raises
    ------
    SymgeomError
        If a unit is dead (and not dropped), a weight is not finite, the spec does not fit, or a group is linear.

    Examples
    --------
    >>> import torch
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> canonicalise(spec, {"in": torch.tensor([[3.0, 4.0]]), "out": torch.tensor([[2.0]])}).parameters["out"]
    tensor([[10.]], dtype=torch.float64)
    """
    check_choice(dead_units, ("error", "drop"), "treatment of dead units")
    check_spec(spec, params)
    check_finite(params, "the network")
    current, element, dead = cast(params, torch.float64), identity(spec), {}
    for group in spec.groups:
        rows = sphere_coordinates(SymmetrySpec((group,)), current, bias_in_norm=bias_in_norm).get(group.name)
        if rows is None or group.scale == "none":
            continue
        dead[group.name] = (rows == 0).all(1).nonzero().reshape(-1).tolist()
        if dead[group.name] and dead_units == "error":
            raise SymgeomError(
                f"Cannot put units {dead[group.name]} of group '{group.name}' on the sphere: their incoming weights are all "
                "zero. Drop them with dead_units='drop', or leave this network out."
            )
        current = _drop(group, current, dead[group.name])
        step = _step(group, rows)
        current = act(SymmetrySpec((group,)), step, current)
        element = compose(spec, extend(spec, step), element)
    return Canonical(current, element, dead)


def _step(group: UnitGroup, rows: Tensor) -> GroupElement:
    """Return the element that normalises one group."""
    if group.scale == "linear":
        raise SymgeomError(
            f"Cannot canonicalise group '{group.name}': no activation acts on its units, so that any invertible matrix may be "
            "inserted. Put an activation there, or write a spec with scale='positive' for the subgroup that you want removed."
        )
    if group.scale == "sign":
        largest = rows.gather(1, rows.abs().argmax(1, keepdim=True)).squeeze(1)
        scale = torch.where(largest < 0, -1.0, 1.0).to(rows)
    else:
        norm = torch.linalg.vector_norm(rows, dim=1)
        scale = torch.where(norm > 0, 1 / norm, torch.ones_like(norm))
    return GroupElement({group.name: torch.arange(group.size)}, {group.name: scale})


def _drop(group: UnitGroup, params: dict[str, Tensor], units: list[int]) -> dict[str, Tensor]:
    """Return the network with the outgoing weights of some units set to zero."""
    result = dict(params)
    for leg in group.outgoing() if units else ():
        rows = take(result[leg.tensor], leg, group.size).clone()
        rows[units] = 0
        result[leg.tensor] = put(result[leg.tensor], leg, rows)
    return result
