"""Loss and error at given points of a path."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import check_choice, check_range
from symgeom.ground.doors import door
from symgeom.ground.types import unstack
from symgeom.landscape.barriers.shared import SharedLayer
from symgeom.landscape.path import Path, PathFunction, as_path
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import evaluate, laid_out, together

VALUES = ("both", "error", "loss")
"""What a profile evaluates: loss and error, the error only (often faster), or the loss only (where
there is no error)."""

NETWORKS_HELD = 8
"""Networks of a path held in memory at once: more save no time."""

NUMBERS_HELD = 2**18
"""Weights held at once where networks are evaluated one by one: large networks reuse memory."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The landscape along a path, or along the paths of stacked pairs.

    Attributes
    ----------
    t : Tensor, shape (t,)
        Points of the path.
    loss : Tensor, shape (t,) or (pair, t)
        Mean loss in float64; NaN where the network's outputs are, or where only the error was asked
        for.
    error : Tensor, shape (t,) or (pair, t)
        Fraction misclassified in float64; NaN where the network's outputs are, for then no class is
        predicted, or where only the loss was asked for.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms of the networks used; None without batch norm.
    task : str
        What the outputs answer, and so what loss and error are: :attr:`Problem.task`.
    """

    t: Tensor
    loss: Tensor
    error: Tensor
    batch_norm: str | None
    task: str


@door
def profile(
    problem: Problem,
    path: PathFunction,
    t: Tensor,
    *,
    at_once: int | None = None,
    values: str = "both",
) -> Profile:
    """Evaluate loss and error along a path.

    Parameters
    ----------
    problem : Problem
        The landscape, in the precision of the path's networks.
    path : Path, or function of ``t``
        From ``t`` to parameters of one network, or of ``k`` stacked networks (one per pair).
    t : Tensor, shape (t,)
        Where to evaluate.
    at_once : int, optional
        Networks evaluated together by ``torch.vmap``. By default 1 on a CPU, where that is fastest
        (an MLP 64-128-128-10 on 1437 samples, one thread: 2.3 ms per network in float32 and 2.8 ms
        in float64, against 2.7 and 3.9 ms for 4 at once, 3.9 and 10 ms for 25); 32 on other
        devices. The result of a pair is that of the pair alone but for rounding.
    values : {"both", "error", "loss"}
        What is wanted; of real numbers as targets there is a loss only. The error alone is faster
        on a CPU where the first layer of the network is dense and its rows are combinations of the
        rows of the path's points (see :meth:`~symgeom.landscape.path.Path.factors`): the first
        layer is then evaluated at these points only.

    Returns
    -------
    Profile
        The values.

    Raises
    ------
    SymgeomError
        If it is not known what to evaluate, or the networks of the path are not of the problem's
        architecture.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.landscape.path import LinearPath
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> ends = {"weight": torch.tensor([[1.0], [0.0]])}, {"weight": torch.tensor([[0.0], [1.0]])}
    >>> profile(problem, LinearPath(*ends), torch.tensor([0.0, 0.25, 0.75, 1.0])).error
    tensor([1., 1., 0., 0.], dtype=torch.float64)
    """
    check_choice(values, VALUES, "choice of values")
    if at_once is not None:
        check_range(at_once, "the number of networks evaluated at once", least=1)
    t = torch.atleast_1d(t)
    path = as_path(path)
    problem = laid_out(problem)
    pairs = pairs_of(problem, path)
    one_by_one = together(problem, at_once) == 1
    if values == "error" and one_by_one:
        shared_error = _errors_by_shared_layer(problem, path, t, pairs)
        if shared_error is not None:
            no_loss = torch.full_like(shared_error, torch.nan)
            return Profile(t, no_loss, shared_error, problem.batch_norm, str(problem.task))
    networks_held = _networks_held(problem) if one_by_one else NETWORKS_HELD
    evaluated = []
    for times in t.split(max(1, networks_held // math.prod(pairs))):
        networks = {name: tensor.flatten(0, len(pairs)) for name, tensor in path(times).items()}
        loss_and_error = evaluate(problem, networks, at_once, loss_alone=values == "loss")
        evaluated.append(loss_and_error.unflatten(1, (len(times), *pairs)))
    loss, error = torch.cat(evaluated, dim=1).movedim(1, -1)
    if values == "error":
        loss = torch.full_like(loss, torch.nan)
    return Profile(t, loss, error, problem.batch_norm, str(problem.task))


def pairs_of(problem: Problem, path: Path) -> tuple[int, ...]:
    """Return the leading axes of a path's networks, once they are known to be the problem's.

    Parameters
    ----------
    problem : Problem
        The landscape.
    path : Path
        Of one network, or of stacked ones.

    Returns
    -------
    tuple of int
        ``()`` for one network, ``(k,)`` for ``k`` pairs.

    Raises
    ------
    SymgeomError
        If the path begins with a network of another architecture.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.landscape.path import LinearPath
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> stacked = {"weight": torch.zeros(3, 2, 1)}
    >>> pairs_of(problem, LinearPath(stacked, stacked))
    (3,)
    """
    start = path(0.0)
    name, parameter = next(iter(problem.module.named_parameters()))
    pairs: tuple[int, ...] = ()
    if name in start:
        shape = start[name].shape
        pairs = tuple(shape[: len(shape) - parameter.ndim])
    network = start
    for _ in pairs:
        network = unstack(network)[0]
    problem.architecture.check(network)
    return pairs


def _networks_held(problem: Problem) -> int:
    """Return how many networks to hold at once where they are evaluated one by one."""
    numbers = sum(parameter.numel() for parameter in problem.module.parameters())
    return min(NETWORKS_HELD, NUMBERS_HELD // numbers)


def _errors_by_shared_layer(
    problem: Problem, path: Path, t: Tensor, pairs: tuple[int, ...]
) -> Tensor | None:
    """Return the errors of every pair; None unless the first layer can be shared."""
    shared = SharedLayer.of(problem)
    if shared is None:
        return None
    if not pairs:
        return shared.errors(path, t)
    errors = []
    for index in range(*pairs):
        errors_of_pair = shared.errors(path.pair(index), t)
        if errors_of_pair is None:
            return None
        errors.append(errors_of_pair)
    return torch.stack(errors)
