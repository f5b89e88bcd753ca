r"""What a network, or an ensemble of networks, predicts for any inputs.

The prediction of an ensemble is the mean of its members' probabilities,

.. math:: \log \bar p(c \,|\, x) = \log \frac1k \sum_{m=1}^k p_m(c \,|\, x),

and a network is an ensemble of one. It is differentiable by the inputs, so that an attack can be
aimed at an ensemble as at a network.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, detached, stack, unstack
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.problem import Problem

Predictor = Callable[[Tensor], Tensor]
"""From inputs (sample, ...) to log probabilities (sample, class), differentiable."""


@door
def predictor(problem: Problem, members: Parameters) -> Predictor:
    """Return the prediction of an ensemble as a function of its inputs.

    Parameters
    ----------
    problem : Problem
        A landscape of classes. Batch statistics that are recomputed are measured once for every
        member, on the training inputs.
    members : Parameters
        Stacked networks; one network is ``stack([network])``.

    Returns
    -------
    callable
        From inputs of shape (sample, ...) to log probabilities of shape (sample, class).

    Raises
    ------
    SymgeomError
        If the targets of the problem are no classes, or there is no member.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.zeros(1, 1), torch.tensor([0]))
    >>> members = {"weight": torch.tensor([[[1.0], [0.0]], [[0.0], [1.0]]])}
    >>> predictor(problem, members)(torch.ones(3, 1)).exp()
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    check_targets(problem.targets, "predict classes")
    counts = {len(tensor) if tensor.ndim else 0 for tensor in members.values()}
    if len(counts) != 1 or 0 in counts:
        raise SymgeomError(
            f"Cannot predict with members whose tensors are stacked {sorted(counts)} times: give "
            "all tensors the same leading axis, at least one network long (stack)."
        )
    (count,) = counts
    landscape, networks = _with_statistics(problem, members)

    def log_probabilities(inputs: Tensor) -> Tensor:
        outputs = torch.vmap(landscape.batch_outputs, (0, None))(networks, inputs)
        return outputs.log_softmax(-1).logsumexp(0) - math.log(count)

    return log_probabilities


def check_targets(targets: Tensor, what: str) -> None:
    """Raise unless targets are classes.

    Parameters
    ----------
    targets : Tensor
        The targets.
    what : str
        What cannot be done otherwise, for the message.

    Raises
    ------
    SymgeomError
        If they are real numbers (regression), or several for a sample.
    """
    if targets.is_floating_point():
        raise SymgeomError(
            f"Cannot {what}: the targets are real numbers ({targets.dtype}), as those of a "
            "regression. Give classes (int64); there is no error without them."
        )
    if targets.ndim != 1 or targets.dtype != torch.int64:
        raise SymgeomError(
            f"Cannot {what}: the targets have shape {tuple(targets.shape)} and type "
            f"{targets.dtype}. Give one class per sample (int64)."
        )


def _with_statistics(problem: Problem, members: Parameters) -> tuple[Problem, dict[str, Tensor]]:
    """Return a landscape that carries its batch statistics, and members that have them."""
    if problem.batch_norm != "recompute" or problem.training_inputs is None:
        return problem, detached(members)
    networks = []
    for member in unstack(members):
        networks.append(
            recompute_statistics(
                problem.module, member, problem.training_inputs, chunk=problem.chunk
            )
        )
    landscape = replace(problem, batch_norm="carried", training_inputs=None)
    return landscape, stack(networks)
