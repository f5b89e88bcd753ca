r"""Move along the valley to chosen charges: other weights, the same function.

The charges are coordinates along the orbit of a network. Scaling unit :math:`k` by
:math:`e^{\lambda_k}` changes its charge to :math:`\sum_\ell p_\ell e^{2 p_\ell\lambda_k} T_{\ell
k}` (:math:`T` the squared lengths on its legs), the derivative of

.. math:: \Phi(\lambda) = \tfrac12\sum_{\text{weights}} \theta_w^2\,
          e^{2\,(\text{sum of } p\lambda \text{ over its units})} ,

which is convex in all :math:`\lambda` together. The scales that lead to a target :math:`Q^*`
therefore minimise :math:`\Phi(\lambda) - \langle Q^*, \lambda\rangle`; they are unique if they
exist, and are found group by group, again and again, because neighbouring groups share a weight
matrix. The target 0 gives the balanced network, the shortest of its orbit. For linear groups see
:mod:`symgeom.dynamics.fibre.mixing_matrix`.

References
----------
Zhao et al. (2210.17216), sections 4 and 5 (charges as coordinates of the minimum); the way there is
ours.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre.mixing_matrix import mixing_to
from symgeom.dynamics.fibre.unit_scales import scales_to
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.bilinear import charged_groups, leg_powers, leg_products, pairing_bound
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, check_spec, take

TOLERANCE = 1e-13
"""How near charges are reached.

It is a share of the sum of squared lengths that they are differences of, the largest in the group.
"""

SWEEPS = 2000
"""Most visits of every group."""


@door
def move_on_fibre(
    spec: SymmetrySpec, params: Parameters, target: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], GroupElement]:
    """Move a network to chosen charges without changing its outputs.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network; not modified.
    target : mapping of str to Tensor, shape (size,) or (size, size)
        The charges to move to, as :func:`symgeom.dynamics.charge.charges` gives them; groups
        without an entry are not moved (their charges change where they share weights with those
        that are). Zeros balance the network.

    Returns
    -------
    params : dict of str to Tensor
        The moved network, in the precision of ``params``.
    element : GroupElement
        What moved it, in float64: of all exact groups.

    Raises
    ------
    SymgeomError
        If the spec does not fit, the target is of no group with a charge, of another shape, not
        symmetric or not finite, or no scale leads there: a unit without outgoing weights cannot
        lower its charge to zero, and a matrix can have no more positive eigenvalues than its units
        have independent incoming weights.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.tensor([[4.0]]), "out": torch.tensor([[1.0]])}
    >>> balanced, element = move_on_fibre(spec, params, {"hidden1": torch.zeros(1)})
    >>> balanced
    {'in': tensor([[2.]]), 'out': tensor([[2.]])}
    """
    exact = spec.exact()
    check_spec(exact, params)
    check_finite(params, "the network to move", masks=spec.constants)
    goals = _checked(exact, params, target)
    element = _element_to(exact, cast(params, torch.float64), goals)
    return act(exact, element, params), element


def _element_to(spec: SymmetrySpec, start: Parameters, goals: Mapping[str, Tensor]) -> GroupElement:
    """Return the group element that moves a network to its goals, found group by group."""
    scales = {name: identity(spec).scales[name] for name in goals}
    moved: Parameters = start
    for _ in range(SWEEPS):
        if _distance(spec, moved, goals) <= TOLERANCE:
            return _element(spec, scales)
        for name, goal in goals.items():
            step = _step(spec, moved, name, goal)
            scales[name] = _composed(spec[name], step, scales[name])
            moved = act(spec, _element(spec, scales), start)
    raise SymgeomError(
        f"Cannot move the network to the charges of {sorted(goals)}: after {SWEEPS} rounds they "
        f"are still {_distance(spec, moved, goals):.1g} of their scale away. Either no scales lead "
        "there, or they are too far apart to be found; move in smaller steps, or fewer groups."
    )


def _step(spec: SymmetrySpec, params: Parameters, name: str, goal: Tensor) -> Tensor:
    """Return the scales, or the matrix, that lead one group to its goal while the others rest."""
    alone = charged_groups(SymmetrySpec((spec[name],)))
    group = alone[name]
    if group.scale == "positive":
        powers = leg_powers(alone, name).flatten()
        lengths = leg_products(alone, params, params)[name]
        return scales_to(powers, lengths, goal, what=name)
    incoming = torch.zeros(group.size, group.size, dtype=torch.float64)
    outgoing = torch.zeros_like(incoming)
    for leg in group.legs:
        rows = take(params[leg.tensor], leg, group.size)
        if leg.power > 0:
            incoming = incoming + rows @ rows.T
        else:
            outgoing = outgoing + rows @ rows.T
    return mixing_to(incoming, outgoing, goal, what=name)


def _composed(group: UnitGroup, step: Tensor, scales: Tensor) -> Tensor:
    """Return the scales, or the matrix, of one step after others."""
    return step @ scales if group.scale == "linear" else step * scales


def _element(spec: SymmetrySpec, scales: Mapping[str, Tensor]) -> GroupElement:
    """Return the group element that scales some groups and leaves the others alone."""
    rest = identity(spec)
    return GroupElement(rest.permutations, {**rest.scales, **scales})


def _distance(spec: SymmetrySpec, params: Parameters, goals: Mapping[str, Tensor]) -> float:
    """Return how far a network is from its goals, of the scale of its charges."""
    now = charges(spec, params)
    bounds = pairing_bound(spec, params, params)
    distances = []
    for name, goal in goals.items():
        largest = (now[name] - goal).abs().max()
        distances.append(float(largest / bounds[name].max()))
    return max(distances)


def _checked(
    spec: SymmetrySpec, params: Parameters, target: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the target in float64, in the order of the spec's groups."""
    now = charges(spec, params)
    if not target or not target.keys() <= now.keys():
        raise SymgeomError(
            f"Cannot move to charges of {sorted(target)}: give some of the groups that have them, "
            f"{list(now)}."
        )
    check_finite(target, "the charges to move to")
    for name, goal in target.items():
        if goal.shape != now[name].shape:
            raise SymgeomError(
                f"Cannot move to charges of shape {tuple(goal.shape)} in group '{name}': its "
                f"charges have shape {tuple(now[name].shape)}."
            )
        if goal.ndim == 2 and not torch.allclose(goal, goal.T):
            raise SymgeomError(
                f"Cannot move group '{name}' to a matrix that is not symmetric: its charges always "
                "are."
            )
    return {name: target[name].to(torch.float64) for name in now if name in target}
