r"""The landscape along a path, and the barrier that it has to cross.

A *profile* is the loss and the error at given points of a path. The *barrier* of values :math:`E(t)` is, by default, the largest
rise above the straight line between the values at the ends,

.. math:: B = \max_t\;\big[E(t) - (1-t)\,E(0) - t\,E(1)\big],

which is zero or positive because the ends are among the points. For minima of zero training error it is the largest error on the
path, which is the other definition (``"maximum"``): the two differ where the ends have errors of their own.

References
----------
Entezari et al., "The role of permutation invariance in linear mode connectivity of neural networks" (2110.06296): the barrier
as the rise above the line between the ends, our default. Frankle et al., "Linear mode connectivity and the lottery ticket
hypothesis" (1912.05671) subtract the mean of the ends instead. Pittorino et al., "Deep networks on toroids" (2202.03038): the
error, not the loss, along geodesics.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.checks import SymgeomError, check_choice
from symgeom.path import Path
from symgeom.problem import Problem
from symgeom.types import Parameters, unstack

DEFINITIONS = ("above_line", "maximum")
"""What is called the barrier: the largest value above the line between the ends, or the largest value."""

NETWORKS_HELD = 8
"""Networks of a path that are held in memory at once; more bring nothing (building one is a tenth of evaluating it)."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The landscape along a path, or along the paths of stacked pairs.

    Attributes
    ----------
    t : Tensor, shape (t,)
        Points of the path.
    loss : Tensor, shape (t,) or (pair, t)
        Mean loss in float64; NaN where the network's outputs are.
    error : Tensor, shape (t,) or (pair, t)
        Fraction misclassified in float64; NaN where the network's outputs are, for then no class is predicted.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms of the networks used; None without batch norm.
    """

    t: Tensor
    loss: Tensor
    error: Tensor
    batch_norm: str | None


def profile(problem: Problem, path: Path, t: Tensor, *, at_once: int | None = None) -> Profile:
    """Evaluate loss and error along a path.

    Parameters
    ----------
    problem : Problem
        The landscape, in the precision of the path's networks.
    path : Path
        From ``t`` to parameters of one network, or of ``k`` stacked networks (one per pair).
    t : Tensor, shape (t,)
        Where to evaluate.
    at_once : int, optional
        Networks evaluated together by ``torch.vmap``. By default 1 on a CPU, where that is fastest (an MLP 64-128-128-10 on
        1437 samples, one thread: 2.3 ms per network in float32 and 2.8 ms in float64, against 2.7 and 3.9 ms for 4 at once,
        3.9 and 10 ms for 25) and where the result of a pair is bit for bit that of the pair alone; 32 on other devices.

    Returns
    -------
    Profile
        The values.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.path import LinearPath
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> path = LinearPath({"weight": torch.tensor([[1.0], [0.0]])}, {"weight": torch.tensor([[0.0], [1.0]])})
    >>> profile(problem, path, torch.tensor([0.0, 0.25, 0.75, 1.0])).error
    tensor([1., 1., 0., 0.], dtype=torch.float64)
    """
    if at_once is None:
        at_once = 1 if problem.inputs.device.type == "cpu" else 32
    name, parameter = next(iter(problem.module.named_parameters()))
    sample = path(t[:1])[name]
    pairs = sample.shape[1 : sample.ndim - parameter.ndim]
    values = []
    for part in t.split(max(1, NETWORKS_HELD // math.prod(pairs))):
        flat = {name: tensor.flatten(0, len(pairs)) for name, tensor in path(part).items()}
        values.append(_evaluate(problem, flat, at_once).unflatten(1, (len(part), *pairs)))
    loss, error = torch.cat(values, dim=1).movedim(1, -1)
    return Profile(t, loss, error, problem.batch_norm)


@torch.no_grad()
def _evaluate(problem: Problem, networks: Parameters, at_once: int) -> Tensor:
    """Loss and error, shape ``(2, network)``."""
    if at_once == 1:
        values = [torch.stack([x.double() for x in problem.loss_and_error(network)]) for network in unstack(networks)]
        loss, error = torch.stack(values, dim=1)
    else:
        loss, error = torch.vmap(problem.loss_and_error, chunk_size=at_once)(networks)
    return torch.stack([loss.double(), torch.where(loss.isnan(), torch.nan, error)])


def barrier(t: Tensor, values: Tensor, *, definition: str = "above_line") -> Tensor:
    """Height of the barrier along a path.

    Parameters
    ----------
    t : Tensor, shape (t,)
        Increasing from 0 to 1.
    values : Tensor, shape (..., t)
        Loss or error along the path.
    definition : {"above_line", "maximum"}
        The largest rise above the straight line between the values at the ends, or the largest value.

    Returns
    -------
    Tensor, shape (...)
        In the unit of the values; NaN where any of them is NaN (an end that diverged, say).

    Raises
    ------
    SymgeomError
        If the definition is unknown, or if ``t`` is not an increasing grid from 0 to 1 with one point per value.

    Examples
    --------
    >>> t = torch.tensor([0.0, 0.5, 1.0])
    >>> barrier(t, torch.tensor([0.0, 0.5, 0.5])), barrier(t, torch.tensor([0.0, 0.5, 0.5]), definition="maximum")
    (tensor(0.2500), tensor(0.5000))
    """
    check_choice(definition, DEFINITIONS, "definition of the barrier")
    if len(t) != values.shape[-1] or t[0] != 0 or t[-1] != 1 or (t.diff() <= 0).any():
        raise SymgeomError(
            f"Cannot measure a barrier on {len(t)} points from t = {t[0]:.6g} to {t[-1]:.6g} with {values.shape[-1]} values: "
            "give one value for each point of a grid that increases from 0 to 1."
        )
    if definition == "above_line":
        t = t.to(values.dtype)
        values = values - ((1 - t) * values[..., :1] + t * values[..., -1:])
    return values.amax(-1)
