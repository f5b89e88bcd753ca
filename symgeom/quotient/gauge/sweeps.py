"""Visit all groups of a network in order, and bring each to its representative."""

import math
from collections.abc import Sequence

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.quotient.gauge.representatives import orthonormal_rows, positive_signs, unit_lengths
from symgeom.quotient.gauge.walk import Walk
from symgeom.quotient.torus import rows
from symgeom.symmetry.spec import Leg, UnitGroup

ROUNDING = 1e-13
"""Largest step (logarithm of a scale, entry of a matrix) of a sweep that counts as converged."""

WINDOW = 50
"""Sweeps after which the steps must have halved, or there is no fixed point (or none in reach)."""

NULL = 1e-9
"""Share of the largest incoming weight below which what a null direction receives is rounding."""


def settle(walk: Walk, *, until_converged: bool) -> Walk:
    """Visit all groups in order: once, or until nothing changes any more.

    Parameters
    ----------
    walk : Walk
        Where to start.
    until_converged : bool
        Whether to sweep until nothing changes.

    Returns
    -------
    Walk
        The representative.

    Raises
    ------
    SymgeomError
        If a unit is dead and not to be dropped, a scale is not fixed by the weights, or the sweeps
        do not converge.
    """
    earlier = math.inf
    sweep = 0
    while True:
        walk, steps = _sweep(walk)
        sweep += 1
        largest = max(steps.values(), default=0.0)
        if not until_converged or largest <= ROUNDING:
            return walk
        if sweep % WINDOW == 0:
            has_halved = largest < earlier / 2
            if not has_halved:
                name = max(steps, key=steps.__getitem__)
                raise SymgeomError(
                    "Cannot give all writers of the residual streams joint length 1: after "
                    f"{sweep} sweeps the scales of group '{name}' still change by {largest:.2g} "
                    "per sweep, so that the blocks amplify their stream and no such scales exist "
                    "(or nearly so). Use stream='first'."
                )
            earlier = largest


def _sweep(walk: Walk) -> tuple[Walk, dict[str, float]]:
    """Visit all groups once; return also how far each was from its representative."""
    walk = walk.without_dead()
    steps = {}
    for group in walk.spec.groups:
        if group.name not in walk.legs:
            continue
        if group.scale == "linear":
            walk, step = _visit_linear(walk, group)
        else:
            walk, step = _visit_diagonal(walk, group)
        steps[group.name] = step
    return walk, steps


def _visit_diagonal(walk: Walk, group: UnitGroup) -> tuple[Walk, float]:
    """Fix positive scales or signs."""
    legs = walk.legs[group.name]
    vectors = rows(walk.parameters, legs, group.size)
    is_zero = (vectors == 0).all(1)
    zero = is_zero.nonzero().flatten()
    _check_fixed(walk, group, zero.tolist())
    if group.scale == "sign":
        signs = positive_signs(vectors)
        step = float((signs < 0).any())
        return walk.scaled(group, signs), step
    scales = unit_lengths(vectors, legs[0].power)
    step = float(scales.log().abs().max())
    return walk.scaled(group, scales), step


def _check_fixed(walk: Walk, group: UnitGroup, zero: Sequence[int]) -> None:
    """Raise if the weights that fix a scale are zero for a unit that is not dropped."""
    dropped = walk.dead[group.name] + walk.weak[group.name]
    open_units = [unit for unit in zero if unit not in dropped]
    if open_units:
        raise _not_fixed(group, walk.legs[group.name], f"units {open_units}")


def _visit_linear(walk: Walk, group: UnitGroup) -> tuple[Walk, float]:
    """Fix a matrix, and drop the directions that receive nothing."""
    legs = walk.legs[group.name]
    vectors = rows(walk.parameters, legs, group.size)
    matrix, rank = orthonormal_rows(vectors)
    step = 0.0
    if rank:
        deviation = matrix - torch.eye(group.size, dtype=matrix.dtype, device=matrix.device)
        step = float(deviation[:rank].abs().max())
    null = list(range(rank, group.size))
    if not null:
        return walk.scaled(group, matrix), step
    incoming = rows(walk.parameters, group.incoming(), group.size)
    received = (matrix[rank:] @ incoming).abs().max()
    if received > NULL * incoming.abs().max():
        raise _not_fixed(group, legs, f"{len(null)} of its {group.size} directions")
    dead = walk.dead[group.name]
    if not walk.drop and any(unit not in dead for unit in null):
        raise _dead_directions(group, rank)
    walk = walk.scaled(group, matrix).without_null(group, null)
    return walk, step


def _not_fixed(group: UnitGroup, legs: tuple[Leg, ...], what: str) -> SymgeomError:
    fixing = sorted({leg.tensor for leg in legs})
    incoming = {leg.tensor for leg in group.incoming()}
    others = sorted(incoming.difference(fixing))
    return SymgeomError(
        f"Cannot fix the scale of group '{group.name}': the tensors that fix it, {fixing}, are "
        f"zero for {what}, though of its other incoming tensors {others} some are not. Use "
        "stream='all' (or bias_in_norm=True, if it is a bias), or leave this network out."
    )


def _dead_directions(group: UnitGroup, rank: int) -> SymgeomError:
    return SymgeomError(
        f"Cannot put group '{group.name}' on the torus: no activation acts on its {group.size} "
        f"units, and their incoming weights have rank {rank} only, so that {group.size - rank} of "
        "their directions are dead. Drop these with dead_units='drop', or leave this network out."
    )
