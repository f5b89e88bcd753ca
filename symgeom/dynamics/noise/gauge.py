r"""The gauge in which the noise of SGD is in balance.

Of all networks that differ by the scales of their units one has the smallest variance of its sample
gradients: the noise equilibrium without weight decay. No recipe enters, neither learning rate nor
batch size. In this gauge what depends on the scales, such as the Hessian, is a number of the
function and the data alone.

Where any matrix may mix units, the balance is one up to rotations of them, which leave the spectrum
of the Hessian as it is.

Scales that the noise does not decide are those of the canonical representative: that of a unit that
no sample reaches, or with noise on one side only.

References
----------
Ziyin et al. (2402.07193), theorem 4.3, for one generator; the gauge is ours.
"""

from dataclasses import replace
from functools import partial

from symgeom.dynamics.noise.balancing import balance
from symgeom.dynamics.noise.force import gradient_variance, noise_force
from symgeom.dynamics.noise.together import balance_together
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import Canonical, canonicalise
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, act, compose, identity
from symgeom.symmetry.spec import SymmetrySpec


@door
def noise_gauge(spec: SymmetrySpec, problem: Problem, params: Parameters) -> Canonical:
    """Move a network along its orbit to where the noise of SGD is in balance.

    The result is the same for all networks that differ by scalings of the spec (the head's is none
    of them), up to rounding, and up to rotations in linear groups. It computes the same function.
    Groups with a frozen leg stay as they are.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture, groups ordered from input to output.
    problem : Problem
        The landscape: its samples decide where the balance is.
    params : Parameters
        One network; not modified.

    Returns
    -------
    Canonical
        The representative in float64, and the element that leads to it.

    Raises
    ------
    SymgeomError
        If a unit has no incoming weights, the spec does not fit, a weight is not finite, or the
        loss of one sample depends on others.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> spec = SymmetrySpec(
    ...     (UnitGroup("hidden1", 1, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))),)
    ... )
    >>> params = {"0.weight": torch.ones(1, 1), "2.weight": torch.full((1, 1), 4.0)}
    >>> noise_gauge(spec, problem, params).parameters["0.weight"]
    tensor([[2.]], dtype=torch.float64)
    """
    scaled = spec.exact().trained(problem.trainable)
    canonical = canonicalise(scaled, params)
    balanced = _balanced(scaled, problem, canonical.parameters)
    return replace(
        canonical,
        parameters=act(scaled, balanced, canonical.parameters),
        element=compose(scaled, balanced, canonical.element),
    )


def _balanced(spec: SymmetrySpec, problem: Problem, params: Parameters) -> GroupElement:
    """Return what leads a network to the balance of its noise."""
    if not charged_groups(spec, "linear").groups:
        return balance(spec, gradient_variance(problem, params), {}).element
    moved = charged_groups(spec)
    measure = partial(noise_force, moved, problem)
    force = measure(params)
    there = balance_together(moved, params, force, decay=0.0, measure=measure).element
    rest = identity(spec)
    return GroupElement(rest.permutations, {**rest.scales, **there.scales})
