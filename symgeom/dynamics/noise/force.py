"""The force with which the noise of SGD pushes every unit along its orbit.

It is the variance of the sample gradients on each of the unit's legs. What it does to the charges,
and where it vanishes, :mod:`symgeom.dynamics.noise.equilibrium` says.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), equation 5.
"""

import torch
from torch import Tensor

from symgeom.dynamics.noise.moments import gradient_moments
from symgeom.ground.checks import check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec, check_spec, take

ROUNDING = 1e-13
"""A variance below this fraction of the mean square is zero.

The difference of the two has no digits left.
"""


def gradient_variance(problem: Problem, params: Parameters) -> dict[str, Tensor]:
    """Variance over the samples of every entry of the gradient.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    dict of str to Tensor
        Population variance (divided by the number of samples), one entry per trainable tensor, in
        float64.

    Examples
    --------
    >>> from torch import nn
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(nn.Linear(1, 1), inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> gradient_variance(problem, {"weight": torch.ones(1, 1), "bias": torch.ones(1)})
    {'weight': tensor([[1.]], dtype=torch.float64), 'bias': tensor([0.], dtype=torch.float64)}
    """
    moments = gradient_moments(problem.cast(torch.float64), cast(params, torch.float64))
    variances = {}
    for name, square in moments.square.items():
        variance = square - moments.mean[name] ** 2
        has_digits = variance > ROUNDING * square
        variances[name] = torch.where(has_digits, variance, torch.zeros_like(variance))
    return variances


@door
def noise_force(spec: SymmetrySpec, problem: Problem, params: Parameters) -> dict[str, Tensor]:
    """Total gradient variance on every leg of every unit: what SGD's noise pushes with.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape, with the training data.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    dict of str to Tensor, shape (leg, size)
        For each group with a positive scale all of whose legs train (none is frozen), one row per
        trainable leg, in the order of the group's legs, in float64. The sum of ``power * row /
        batch_size`` is the mean of ``pairing(g, g)`` over mini-batches minus that of the full
        gradient.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, or a weight is not finite.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> params = {"0.weight": torch.full((1, 1), 2.0), "2.weight": torch.full((1, 1), 5.0)}
    >>> noise_force(spec, problem, params)
    {'hidden1': tensor([[25.],
            [ 4.]], dtype=torch.float64)}
    """
    check_spec(spec, params)
    check_finite(params, "the network")
    variance = gradient_variance(problem, params)
    force = {}
    moved = spec.exact().trained(problem.trainable)
    for group in charged_groups(moved, "positive").groups:
        rows = [take(variance[leg.tensor], leg, group.size).sum(1) for leg in group.legs]
        force[group.name] = torch.stack(rows)
    return force
