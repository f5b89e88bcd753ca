r"""Points of an orbit that have a name, and the way there.

All networks of an orbit compute one function. Three of them minimise a convex sum over the scales
of all units together (:mod:`symgeom.dynamics.noise.balancing`), and over the matrices that mix
units (:mod:`symgeom.dynamics.noise.together`):

* "balanced" is the shortest, where all charges are zero: weight decay alone leads there;
* "noise" has the smallest variance of its sample gradients: the noise of SGD alone leads there;
* "flattest" has the smallest trace of the Gauss-Newton matrix, which is the trace of the Hessian
  wherever outputs are linear in the weights of every layer on its own
  (:func:`symgeom.landscape.flatness.diagonal.is_linear_by_layer`).

At a minimum of the cross entropy the last two are nearly one: with the labels drawn from the
network's own probabilities, the variance of the sample gradients would be the diagonal of the
Gauss-Newton matrix. Labels that the network is sure to get wrong undo that: they have most of the
noise and no part in the curvature. Two perceptrons 10-24-24-4 were measured on 300 samples. At a
minimum the trace at "noise" was 1.02 and 1.05 times the smallest, at the start and in the course of
training 1.00 to 1.13 times, with the squared loss (of which the Hessian is a sum of squares at a
perfect fit) 1.01 times. With every fiftieth label of the minimum made wrong it was 1.6 and 1.8
times the smallest, and larger than where the networks were; after training on labels of which 30 %
were random, 1.35 times.

References
----------
Ziyin et al. (2402.07193) for the noise equilibrium; that it is next to the flattest point is ours.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial

import torch
from torch import Tensor

from symgeom.dynamics.noise.balancing import balance
from symgeom.dynamics.noise.curvature import curvature_force, no_force
from symgeom.dynamics.noise.force import NoiseForce, gradient_variance, noise_force
from symgeom.dynamics.noise.together import balance_together
from symgeom.ground.checks import check_choice, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, act
from symgeom.symmetry.spec import SymmetrySpec, check_spec

POINTS = ("balanced", "noise", "flattest")
"""The points that have a name."""


@door
def move_to_point(
    spec: SymmetrySpec, problem: Problem, params: Parameters, point: str
) -> tuple[dict[str, Tensor], GroupElement]:
    """Move a network to a point of its orbit, without changing its outputs.

    Units that are not decided (without weights, noise or curvature on one side) stay as they are.
    Of units that matrices mix (``discover(..., within_heads=True)``) the point is one up to
    rotations.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; units with positive scales and units that matrices mix are moved, except
        those with a frozen leg.
    problem : Problem
        The landscape.
    params : Parameters
        One network; not modified.
    point : {"balanced", "noise", "flattest"}
        Where to.

    Returns
    -------
    params : dict of str to Tensor
        The moved network, in the precision of ``params``.
    element : GroupElement
        What moved it, in float64.

    Raises
    ------
    SymgeomError
        If the point has no such name, the spec does not fit, a weight is not finite, the loss of
        one sample depends on others, or the flattest point is asked for with a loss other than the
        cross entropy.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 2, bias=False))
    >>> problem = Problem(net, torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1]))
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> params = {"0.weight": torch.full((1, 1), 8.0), "2.weight": torch.ones(2, 1)}
    >>> balanced, _ = move_to_point(spec, problem, params, "balanced")
    >>> balanced["0.weight"].square().sum(), balanced["2.weight"].square().sum()
    (tensor(11.3137), tensor(11.3137))
    """
    check_choice(point, POINTS, "point of an orbit")
    check_spec(spec, params)
    check_finite(params, "the network to move", masks=spec.constants)
    exact = problem.cast(torch.float64)
    theta = cast(params, torch.float64)
    if point == "balanced":
        return move_to_shortest(spec, params, problem.trainable)
    moved = spec.exact().trained(problem.trainable)
    if charged_groups(moved, "linear").groups:
        element = element_with_matrices(charged_groups(moved), exact, theta, point)
    elif point == "noise":
        element = balance(moved, gradient_variance(exact, theta), {}).element
    else:
        element = balance(moved, gauss_newton_diagonal(exact, theta), {}).element
    return act(moved, element, params), element


def move_to_shortest(
    spec: SymmetrySpec, params: Parameters, trainable: Collection[str]
) -> tuple[dict[str, Tensor], GroupElement]:
    """Move a network to the point "balanced" of its orbit, which needs no data.

    Parameters
    ----------
    spec : SymmetrySpec
        As in :func:`move_to_point`.
    params : Parameters
        One network; not modified.
    trainable : collection of str
        The names of the weights that are not frozen.

    Returns
    -------
    params : dict of str to Tensor
        The moved network, in the precision of ``params``.
    element : GroupElement
        What moved it, in float64.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.tensor([[4.0]]), "out": torch.tensor([[1.0]])}
    >>> balanced, _ = move_to_shortest(spec, params, ["in", "out"])
    >>> balanced["in"], balanced["out"]
    (tensor([[2.]]), tensor([[2.]]))
    """
    moved = spec.exact().trained(trainable)
    theta = cast(params, torch.float64)
    if charged_groups(moved, "linear").groups:
        element = _shortest_with_matrices(charged_groups(moved), theta)
    else:
        squares = {name: theta[name] ** 2 for name in trainable}
        element = balance(moved, {}, squares).element
    return act(moved, element, params), element


def element_with_matrices(
    moved: SymmetrySpec, problem: Problem, params: Parameters, point: str
) -> GroupElement:
    """Return what leads to a point of an orbit on which matrices mix units.

    Parameters
    ----------
    moved : SymmetrySpec
        The groups that move, with a continuous scale; all of their legs train.
    problem : Problem
        The landscape, in float64.
    params : Parameters
        One network, in float64.
    point : {"balanced", "noise", "flattest"}
        Where to.

    Returns
    -------
    GroupElement
        Scales and matrices.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 2, bias=False)).double()
    >>> problem = Problem(net, torch.ones(2, 1).double(), torch.tensor([0, 1]))
    >>> legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs, scale="linear"),))
    >>> params = {"0.weight": torch.full((1, 1), 8.0), "1.weight": torch.ones(2, 1) / 2**0.5}
    >>> theta = {name: tensor.double() for name, tensor in params.items()}
    >>> element_with_matrices(spec, problem, theta, "balanced").scales["hidden1"]
    tensor([[0.3536]], dtype=torch.float64)
    """
    if point == "balanced":
        return _shortest_with_matrices(moved, params)
    measure = partial(FORCES[point], moved, problem)
    return balance_together(moved, params, measure(params), decay=0.0, measure=measure).element


def _shortest_with_matrices(moved: SymmetrySpec, params: Parameters) -> GroupElement:
    """Return what leads to the shortest network, which needs no data."""
    measure = partial(no_force, moved)
    return balance_together(moved, params, measure(params), decay=1.0, measure=measure).element


FORCES: Mapping[str, Callable[[SymmetrySpec, Problem, Parameters], NoiseForce]] = {
    "noise": noise_force,
    "flattest": curvature_force,
}
"""What leads to the points that need data."""
