r"""What a network, or an ensemble of networks, predicts for any inputs.

The prediction of an ensemble is the mean of its members' probabilities,

.. math:: \bar p(c \mid x) = \frac1M \sum_m p(c \mid x, \theta_m),

and a network is an ensemble of one. It is differentiable by the inputs, so that an attack can be
aimed at an ensemble as at a network.
"""

from collections.abc import Callable

from torch import Tensor

from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.neighbours.ensembles import mean_prediction, member_function

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
        If the targets of the problem are no classes, or the members are no stacked networks of it.

    Examples
    --------
    >>> import torch
    >>> problem = Problem(torch.nn.Linear(1, 2, bias=False), torch.zeros(1, 1), torch.tensor([0]))
    >>> members = {"weight": torch.tensor([[[1.0], [0.0]], [[0.0], [1.0]]])}
    >>> predictor(problem, members)(torch.ones(3, 1)).exp()
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    of_members = member_function(problem, members)

    def log_probabilities(inputs: Tensor) -> Tensor:
        return mean_prediction(of_members(inputs))

    return log_probabilities
