r"""What an ensemble predicts: the class probabilities of every member, and their mean.

Members are stacked networks :math:`\theta_1, \dots, \theta_M`; the ensemble predicts

.. math:: \bar p(c \mid x) = \frac1M \sum_m p(c \mid x, \theta_m),

in logarithms, so that small probabilities keep their digits. All members run together. A tensor
that they have in common is used once: where a group acts on the last hidden layer, the layers
before it run once for all members, whatever their number.

References
----------
Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep
ensembles" (1612.01474), section 2.4: the mean of the members' probabilities.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters, stack, unstack
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.landscape.problem.losses import at_least_single, check_precision
from symgeom.neighbours.ensembles.portions import Portions, shared_tensors

MemberFunction = Callable[[Tensor], Tensor]
"""From inputs ``(sample, ...)`` to log probabilities ``(member, sample, class)``."""


def member_function(problem: Problem, members: Parameters) -> MemberFunction:
    """Return the log probabilities of every member as a function of the inputs.

    Parameters
    ----------
    problem : Problem
        The landscape, whose targets are classes. With ``batch_norm="recompute"`` the statistics of
        every member are measured once, on the training inputs.
    members : Parameters
        Stacked networks.

    Returns
    -------
    callable
        Differentiable by the inputs, of which each is predicted on its own: batch norms use the
        statistics of the members.

    Raises
    ------
    SymgeomError
        If the targets are no classes, the members are no stacked networks of the architecture, or
        their precision is another than that of the inputs.

    Examples
    --------
    >>> problem = Problem(torch.nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> function = member_function(problem, {"weight": torch.zeros(3, 2, 1)})
    >>> function(torch.ones(5, 1)).shape
    torch.Size([3, 5, 2])
    """
    check_classification(problem)
    check_members(problem, members)
    networks = _with_statistics(problem, members)
    shared = shared_tensors(networks)
    tensors = dict(networks)
    axes: dict[str, int | None] = dict.fromkeys(networks, 0)
    for name in shared:
        tensors[name] = networks[name][0]
        axes[name] = None
    portions = Portions.of(problem, networks, shared)

    def of_network(params: Parameters, inputs: Tensor) -> Tensor:
        outputs = call_module(problem.module, params, inputs)
        _check_logits(outputs, inputs)
        return at_least_single(outputs).log_softmax(-1)

    of_members = torch.vmap(of_network, in_dims=(axes, None), chunk_size=portions.members)

    def log_probabilities(inputs: Tensor) -> Tensor:
        parts = [of_members(tensors, part) for part in inputs.split(portions.samples)]
        return torch.cat(parts, dim=1)

    return log_probabilities


@door
@torch.no_grad()
def member_log_probabilities(problem: Problem, members: Parameters) -> Tensor:
    """Return what every member of an ensemble predicts on the data.

    Parameters
    ----------
    problem : Problem
        The landscape, whose targets are classes.
    members : Parameters
        Stacked networks: every tensor with a leading axis.

    Returns
    -------
    Tensor, shape (member, sample, class)
        Logarithms of probabilities, in the precision of the members (at least single).

    Raises
    ------
    SymgeomError
        If the targets are no classes, the members are no stacked networks of the architecture, or
        their precision is another than that of the inputs.

    Examples
    --------
    >>> problem = Problem(torch.nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> member_log_probabilities(problem, {"weight": torch.zeros(1, 2, 1)}).exp()
    tensor([[[0.5000, 0.5000]]])
    """
    problem = laid_out(problem)
    return member_function(problem, members)(problem.inputs)


@door
def mean_prediction(log_probabilities: Tensor) -> Tensor:
    """Return the logarithm of the mean of the members' probabilities.

    Parameters
    ----------
    log_probabilities : Tensor, shape (member, sample, class)
        Of every member.

    Returns
    -------
    Tensor, shape (sample, class)
        Those of the ensemble; of one member they are its own. Differentiable.

    Raises
    ------
    SymgeomError
        If the tensor has other axes, or none of a member.

    Examples
    --------
    >>> sure = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]).log()
    >>> mean_prediction(sure).exp()
    tensor([[0.5000, 0.5000]])
    """
    check_log_probabilities(log_probabilities)
    return log_probabilities.logsumexp(0) - math.log(len(log_probabilities))


def check_log_probabilities(log_probabilities: Tensor) -> None:
    """Raise unless a tensor has the axes of members, samples and classes.

    Parameters
    ----------
    log_probabilities : Tensor, shape (member, sample, class)
        What members predict.

    Raises
    ------
    SymgeomError
        If it has other axes, or one of them is empty.

    Examples
    --------
    >>> check_log_probabilities(torch.zeros(3, 5, 1))
    """
    shape = tuple(log_probabilities.shape)
    real = log_probabilities.is_floating_point()
    if len(shape) != 3 or 0 in shape or not real:
        raise SymgeomError(
            f"Cannot read predictions from a tensor of shape {shape} and type "
            f"{log_probabilities.dtype}: give the log probabilities (member, sample, class) that "
            "member_log_probabilities returns."
        )


def check_classification(problem: Problem) -> None:
    """Raise unless the targets of a problem are classes.

    Parameters
    ----------
    problem : Problem
        The landscape.

    Raises
    ------
    SymgeomError
        If they are real numbers, or a sample has several.

    Examples
    --------
    >>> inputs, targets = torch.ones(1, 1), torch.tensor([1])
    >>> check_classification(Problem(torch.nn.Linear(1, 2), inputs, targets))
    """
    targets = problem.targets
    if targets.ndim != 1 or targets.dtype != torch.int64:
        raise SymgeomError(
            f"Cannot predict classes for targets of shape {tuple(targets.shape)} and type "
            f"{targets.dtype}: accuracy, likelihood and calibration of an ensemble are those of a "
            "classification. Give a problem whose targets are classes (int64), one per sample; of "
            "a regression, compare the losses."
        )


def check_members(problem: Problem, members: Parameters) -> None:
    """Raise unless members are stacked networks of a problem's architecture.

    Parameters
    ----------
    problem : Problem
        The landscape.
    members : Parameters
        What shall be stacked networks.

    Raises
    ------
    SymgeomError
        If a tensor has no leading axis, the axes differ in length or are empty, or the networks are
        of another architecture or precision.

    Examples
    --------
    >>> problem = Problem(torch.nn.Linear(1, 2), torch.ones(1, 1), torch.tensor([1]))
    >>> check_members(problem, {"weight": torch.ones(3, 2, 1), "bias": torch.ones(3, 2)})
    """
    counts = {len(tensor) if tensor.ndim else 0 for tensor in members.values()}
    if len(counts) != 1 or 0 in counts:
        raise SymgeomError(
            f"Cannot take an ensemble whose tensors have {sorted(counts)} members: give stacked "
            "networks, all tensors with one leading axis (member, ...)."
        )
    first = {name: tensor[0] for name, tensor in members.items()}
    problem.architecture.check(first)
    check_precision(first, problem.inputs)


def _with_statistics(problem: Problem, members: Parameters) -> Parameters:
    """Return the members with the statistics that their batch norms use."""
    if problem.batch_norm != "recompute" or problem.training_inputs is None:
        return members
    networks = []
    for network in unstack(members):
        networks.append(
            recompute_statistics(
                problem.module, network, problem.training_inputs, chunk=problem.chunk
            )
        )
    return stack(networks)


def _check_logits(outputs: Tensor, inputs: Tensor) -> None:
    """Raise unless a network returns one number for each class of each sample."""
    if outputs.ndim != 2 or len(outputs) != len(inputs):
        raise SymgeomError(
            f"Cannot read class probabilities from outputs of shape {tuple(outputs.shape)} for "
            f"{len(inputs)} samples: a network for an ensemble returns logits (sample, class)."
        )
