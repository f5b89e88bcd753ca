"""Loss and error at given points of a path."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import check_choice
from symgeom.landscape.barriers.shared import Shared
from symgeom.landscape.path import GeodesicPath, Path
from symgeom.landscape.path.curves import Curve
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import evaluate, laid_out, together

VALUES = ("both", "error")
"""What a profile evaluates: loss and error, or the error only, which is faster where the first layer is dense."""

NETWORKS_HELD = 8
"""Networks of a path that are held in memory at once; more bring nothing (building one is a tenth of evaluating it)."""

NUMBERS_HELD = 2**18
"""Numbers in them where they are evaluated one by one on a CPU: larger networks are built one at a time, in memory just freed."""


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
        predicted.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms of the networks used; None without batch norm.
    """

    t: Tensor
    loss: Tensor
    error: Tensor
    batch_norm: str | None


def profile(
    problem: Problem, path: Path, t: Tensor, *, at_once: int | None = None, values: str = "both"
) -> Profile:
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
        Networks evaluated together by ``torch.vmap``. By default 1 on a CPU, where that is fastest
        (an MLP 64-128-128-10 on 1437 samples, one thread: 2.3 ms per network in float32 and 2.8 ms
        in float64, against 2.7 and 3.9 ms for 4 at once, 3.9 and 10 ms for 25) and where the result
        of a pair is bit for bit that of the pair alone; 32 on other devices.
    values : {"both", "error"}
        Whether the loss is wanted. The error alone is faster on a CPU where the first layer of the
        network is dense and the path is one of :mod:`symgeom.landscape.path`: the first layer is
        then evaluated at the path's points only.

    Returns
    -------
    Profile
        The values.

    Raises
    ------
    SymgeomError
        If it is not known what to evaluate.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.landscape.path import LinearPath
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> path = LinearPath({"weight": torch.tensor([[1.0], [0.0]])}, {"weight": torch.tensor([[0.0], [1.0]])})
    >>> profile(problem, path, torch.tensor([0.0, 0.25, 0.75, 1.0])).error
    tensor([1., 1., 0., 0.], dtype=torch.float64)
    """
    check_choice(values, VALUES, "choice of values")
    problem, pairs = laid_out(problem), pairs_of(problem, path)
    if (
        values == "error"
        and together(problem, at_once) == 1
        and isinstance(path, Curve | GeodesicPath)
    ):
        error = _errors(problem, path, t, pairs)
        if error is not None:
            return Profile(t, torch.full_like(error, torch.nan), error, problem.batch_norm)
    numbers = sum(parameter.numel() for parameter in problem.module.parameters())
    held = (
        min(NETWORKS_HELD, NUMBERS_HELD // numbers)
        if together(problem, at_once) == 1
        else NETWORKS_HELD
    )
    found = []
    for part in t.split(max(1, held // math.prod(pairs))):
        flat = {name: tensor.flatten(0, len(pairs)) for name, tensor in path(part).items()}
        found.append(evaluate(problem, flat, at_once).unflatten(1, (len(part), *pairs)))
    loss, error = torch.cat(found, dim=1).movedim(1, -1)
    return Profile(
        t, loss if values == "both" else torch.full_like(loss, torch.nan), error, problem.batch_norm
    )


def pairs_of(problem: Problem, path: Path) -> tuple[int, ...]:
    """Return the leading axes of a path's networks: ``()`` for one network, ``(k,)`` for ``k`` pairs."""
    name, parameter = next(iter(problem.module.named_parameters()))
    sample = path(0.0)[name]
    return tuple(sample.shape[: sample.ndim - parameter.ndim])


def _errors(
    problem: Problem, path: Curve | GeodesicPath, t: Tensor, pairs: tuple[int, ...]
) -> Tensor | None:
    """Errors of every pair, if the first layer can be shared."""
    shared = Shared.of(problem)
    if shared is None:
        return None
    singles = [path.pair(index) for index in range(*pairs)] if pairs else [path]
    errors = [shared.errors(single, t) for single in singles]
    if any(error is None for error in errors):
        return None
    return torch.stack(errors) if pairs else errors[0]
