r"""Worst-case sharpness: the largest increase of the loss within a ball.

.. math:: S(\rho) = \max_{|T_w^{-1}\epsilon|\,\le\,\rho} L(w + \epsilon) - L(w)

with :math:`T_w = 1` (SAM), or :math:`T_w = \operatorname{diag}|w|` (adaptive, ASAM): the ball of
relative changes is carried along by every rescaling of the weights, and so is the path to its worst
point; the adaptive sharpness is invariant.

With :math:`\epsilon = T_w u` the maximum is sought by projected gradient ascent,

.. math:: u_k = \Pi_{|u|\le\rho}\Big(u_{k-1} + \frac{\rho}{\sqrt k}\,\frac{g}{|g|}\Big), \qquad
          g = T_w \nabla L(w + T_w u_{k-1}), \qquad u_0 = 0 .

The first step leads to the point of SAM, :math:`\epsilon = \rho\, T_w^2\nabla L / |T_w \nabla L|`.
On a convex loss no step decreases it; on any loss what is found is a lower bound of the maximum.
Where the gradient vanishes there is no first step, and no increase is found.

References
----------
Foret et al., "Sharpness-aware minimization" (2010.01412), equation 2. Kwon et al., "ASAM"
(2102.11600), equations 3 and 6, with their stabiliser :math:`\eta = 0`, without which nothing is
invariant; a weight that is zero stays zero. Andriushchenko et al., "A modern look at the
relationship between sharpness and generalization" (2302.07011), section 2. Differs from the source:
one ball for all data, not one per mini-batch.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, ravel, unravel
from symgeom.landscape.flatness.hessian import trainable
from symgeom.landscape.problem import Problem


@dataclass(frozen=True, eq=False)
class Sharpness:
    """Worst-case sharpness of one network; NaN for a network that diverged.

    Attributes
    ----------
    increase : Tensor, shape (step,)
        The largest increase of the loss that was found up to each step of the ascent, in float64:
        that of SAM's step first, the best bound last.
    radius : float
        Of the ball: a length in weight space, or a relative change (adaptive).
    adaptive : bool
        Whether changes are relative to each weight.
    tensors : tuple of str
        The tensors that were moved.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms used; None without batch norm.
    """

    increase: Tensor
    radius: float
    adaptive: bool
    tensors: tuple[str, ...]
    batch_norm: str | None


@door
def sharpness(
    problem: Problem,
    params: Parameters,
    *,
    radius: float,
    adaptive: bool = False,
    steps: int = 1,
    tensors: Collection[str] | None = None,
) -> Sharpness:
    """Find the largest increase of the loss within a ball around a network.

    Parameters
    ----------
    problem : Problem
        The landscape. Evaluation is in its precision.
    params : Parameters
        One network in the precision of the problem.
    radius : float
        Of the ball: a length in weight space, or a relative change (adaptive).
    adaptive : bool
        Whether changes are relative to each weight.
    steps : int
        Steps of projected gradient ascent; one is the step of SAM.
    tensors : collection of str, optional
        The tensors to move, for instance those of one layer; all trainable ones by default.

    Returns
    -------
    Sharpness
        The increase after every step.

    Raises
    ------
    SymgeomError
        If the radius is not positive, there is no step, or a tensor is not known.

    Examples
    --------
    >>> from torch import nn
    >>> square = lambda outputs, targets: ((outputs - targets) ** 2).sum(1)
    >>> linear = nn.Linear(1, 1, bias=False)
    >>> quadratic = Problem(linear, torch.ones(1, 1), torch.zeros(1, 1), square)
    >>> sharpness(quadratic, {"weight": torch.tensor([[2.0]])}, radius=1.0).increase
    tensor([5.], dtype=torch.float64)
    """
    if not radius > 0 or steps < 1:
        raise SymgeomError(
            f"Cannot measure the sharpness within radius {radius} in {steps} steps: "
            "give a positive radius and at least 1 step."
        )
    names = trainable(problem, params, tensors=tensors)
    weights = {name: params[name].detach() for name in names}
    centre = ravel(weights)
    unit = centre.abs() if adaptive else torch.ones_like(centre)

    def displaced(change: Tensor) -> Parameters:
        return {**params, **unravel(centre + unit * change, weights)}

    change = torch.zeros_like(centre)
    before = problem.loss(params).double()
    increases = []
    for step in range(1, steps + 1):
        gradient = problem.gradient(displaced(change))
        ascent = unit * ravel({name: gradient[name] for name in names})
        change = _within(change + radius / step**0.5 * _direction(ascent), radius)
        loss = problem.loss(displaced(change)).double()
        increases.append(loss - before)
    largest = torch.stack(increases).detach().cummax(0).values
    return Sharpness(largest, radius, adaptive, tuple(names), problem.batch_norm)


def _direction(vector: Tensor) -> Tensor:
    """Return the unit vector; zero stays zero, and NaN stays NaN."""
    length = torch.linalg.vector_norm(vector)
    divisor = torch.where(length == 0, torch.ones_like(length), length)
    return vector / divisor


def _within(vector: Tensor, radius: float) -> Tensor:
    """Return the nearest point of a ball."""
    length = torch.linalg.vector_norm(vector)
    return torch.where(length > radius, vector * (radius / length), vector)
