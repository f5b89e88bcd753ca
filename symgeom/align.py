r"""Remove the permutations between two networks: match the units of one to the units of the other.

On canonical weights every tensor is a set of sphere coordinates, so that the inner product of two networks is the sum of the
cosines of their units. Alignment maximises it over the permutations (and signs) of the second network,

.. math:: \max_{g}\ \langle \theta_\mathrm{ref},\, g\,\theta\rangle .

``greedy`` is the single pass of the toroids paper: one linear assignment per group from input to output, on the incoming weights,
with the groups already matched applied. ``iterated`` goes on from there with all legs of each group in turn until nothing changes
(coordinate ascent, weight matching); its objective is never below that of the greedy pass.

References
----------
Pittorino et al. (2202.03038), alignment step; Ainsworth et al., "Git Re-Basin" (2209.04836), section 3.2 and algorithm 1.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from symgeom.checks import check_choice, check_finite, check_same_tensors
from symgeom.group import GroupElement, act, compose, extend, identity
from symgeom.spec import Leg, SymmetrySpec, UnitGroup, check_spec, take
from symgeom.types import Parameters, cast

ROUNDING = 1e-12
"""Relative gain of the objective below which a match counts as unchanged, so that ties cannot make the iteration cycle."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """The element that brings a network as close as found to its reference.

    Attributes
    ----------
    element : GroupElement
        To be applied to the network (or to another gauge of it): permutations, and signs for odd activations.
    objective : float
        Inner product of the reference with the aligned network (sum of cosines on canonical weights).
    sweeps : int
        Passes over all groups, the greedy one included.
    converged : bool
        Whether the last sweep changed nothing (greedy passes are not iterated and count as converged).
    """

    element: GroupElement
    objective: float
    sweeps: int
    converged: bool


def align(
    spec: SymmetrySpec, reference: Parameters, params: Parameters, *, method: str = "iterated", sweeps: int = 100
) -> Alignment:
    """Match the units of a network to those of a reference.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    reference, params : Parameters
        Two networks, canonical if scales shall not distort the match; not modified.
    method : {"iterated", "greedy"}
        Weight matching to convergence, or the single pass of the toroids paper.
    sweeps : int
        Upper limit of passes; reaching it is reported, not raised.

    Returns
    -------
    Alignment
        The element and how good it is.

    Raises
    ------
    SymgeomError
        If the networks differ in architecture or hold values that are not finite, or the method is unknown.

    Examples
    --------
    >>> import torch
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> a = {"in": torch.eye(2), "out": torch.tensor([[1.0, 2.0]])}
    >>> b = {"in": torch.eye(2).flip(0), "out": torch.tensor([[2.0, 1.0]])}
    >>> align(spec, a, b).element.permutations["hidden1"]
    tensor([1, 0])
    """
    check_choice(method, ("iterated", "greedy"), "alignment method")
    check_same_tensors(params, reference, "the network to align")
    check_spec(spec, reference)
    check_finite(reference, "the reference")
    check_finite(params, "the network to align")
    reference, moved = cast(reference, torch.float64), cast(params, torch.float64)
    element, used, converged = identity(spec), 1, method == "greedy"

    def sweep(element: GroupElement, moved: Parameters, *, incoming: bool) -> tuple[GroupElement, Parameters]:
        for group in spec.groups:
            step = _improvement(group, group.incoming() if incoming else _trainable(group), reference, moved)
            if step is not None:
                moved = act(SymmetrySpec((group,)), step, moved)
                element = compose(spec, extend(spec, step), element)
        return element, moved

    element, moved = sweep(element, moved, incoming=True)
    while not converged and used < sweeps:
        before, used = moved, used + 1
        element, moved = sweep(element, moved, incoming=False)
        converged = moved is before
    trainable = sorted({leg.tensor for group in spec.groups for leg in _trainable(group)})
    return Alignment(element, sum(float((reference[name] * moved[name]).sum()) for name in trainable), used, converged)


def similarity(group: UnitGroup, legs: tuple[Leg, ...], reference: Parameters, moved: Parameters) -> Tensor:
    """Inner products of all pairs of units of one group, summed over legs.

    Parameters
    ----------
    group : UnitGroup
        The group whose units are compared.
    legs : tuple of Leg
        The slices to compare.
    reference, moved : Parameters
        Two networks; the other groups of ``moved`` must already be in place.

    Returns
    -------
    Tensor, shape (size, size)
        Row: unit of the reference; column: unit of the moved network.

    Examples
    --------
    >>> import torch
    >>> from symgeom.spec import Leg, UnitGroup
    >>> group = UnitGroup("hidden1", 2, (Leg("in", 0),))
    >>> similarity(group, group.legs, {"in": torch.eye(2)}, {"in": 3 * torch.eye(2)})
    tensor([[3., 0.],
            [0., 3.]])
    """
    return sum(take(reference[leg.tensor], leg, group.size) @ take(moved[leg.tensor], leg, group.size).T for leg in legs)


def _trainable(group: UnitGroup) -> tuple[Leg, ...]:
    return tuple(leg for leg in group.legs if not leg.buffer)


def _improvement(group: UnitGroup, legs: tuple[Leg, ...], reference: Parameters, moved: Parameters) -> GroupElement | None:
    """Return the best element of one group if it is better than the identity by more than rounding, else None."""
    if not group.permute and group.scale != "sign":
        return None
    scores = similarity(group, legs, reference, moved)
    worth = scores.abs() if group.scale == "sign" else scores
    columns = linear_sum_assignment(worth.numpy(), maximize=True)[1] if group.permute else np.arange(group.size)
    columns = torch.from_numpy(columns)
    matched = scores.gather(1, columns.unsqueeze(1)).squeeze(1)
    scale = torch.where(matched < 0, -1.0, 1.0).to(scores) if group.scale == "sign" else torch.ones_like(matched)
    gain = float((scale * matched).sum() - scores.diagonal().sum())
    if gain <= ROUNDING * float(scores.abs().max()) * group.size:
        return None
    return GroupElement({group.name: columns}, {group.name: scale})
