"""Whether the loss of a mini-batch is the mean over samples that do not depend on each other.

The noise of SGD follows from the gradients of single samples only where it is. A few samples tell,
together and one by one: batch statistics, layers that draw at random and losses that compare
samples come to light.
"""

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import call_module
from symgeom.ground.randomness import global_seed
from symgeom.ground.types import Parameters, precision
from symgeom.landscape.batchnorm import training_copy
from symgeom.landscape.problem import Problem

PROBES = 4
"""How many samples are looked at."""

STILL_VALID = (
    "The symmetries hold for every mini-batch all the same, and so do charges and their ledger: "
    "noise_force_of_batches measures the noise of whole mini-batches."
)
"""What can be said of networks whose samples are not apart."""


@torch.no_grad()
def check_apart(few: Problem, params: Parameters) -> None:
    """Raise unless the mean loss of some samples is the mean of the losses of each on its own.

    Parameters
    ----------
    few : Problem
        The landscape of some samples.
    params : Parameters
        One network.

    Raises
    ------
    SymgeomError
        If the network draws at random, or the outputs or losses of samples depend on others.

    Examples
    --------
    >>> from torch import nn
    >>> few = Problem(nn.Linear(1, 1), torch.ones(2, 1), torch.zeros(2, dtype=torch.int64))
    >>> check_apart(few, {"weight": torch.ones(1, 1), "bias": torch.ones(1)})
    """
    few.check_samples_apart()
    together = few.outputs(params)
    if not torch.equal(together.nan_to_num(), few.outputs(params).nan_to_num()):
        raise SymgeomError(
            "Cannot take the gradients of single samples: two calls of the network on the same "
            "samples differ (dropout that is active in evaluation mode?), and the theory takes a "
            f"sample's loss to depend on the weights alone. {STILL_VALID}"
        )
    outputs = []
    losses = []
    for number in range(len(few.targets)):
        alone = few.subset(torch.tensor([number], device=few.targets.device))
        outputs.append(alone.outputs(params))
        losses.append(alone.loss(params))
    if not _close(torch.cat(outputs), together):
        raise SymgeomError(
            "Cannot take the gradients of single samples: the outputs of a sample depend on the "
            "others of its mini-batch (batch statistics?), and the theory takes the loss of a "
            f"mini-batch to be a mean over samples. {STILL_VALID}"
        )
    if not _close(torch.stack(losses).mean(), few.loss(params)):
        raise SymgeomError(
            f"Cannot take the gradients of single samples: the loss of {len(losses)} together is "
            "not the mean of the losses of each (does sample_loss compare samples, or weigh them "
            f"by their number?), and the theory takes it to be. {STILL_VALID}"
        )


def draws_in_training(problem: Problem, params: Parameters) -> bool:
    """Whether a network draws at random while it trains, as dropout does.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network, in any precision.

    Returns
    -------
    bool
        Whether a few samples have other outputs at another seed of PyTorch's generators.

    Examples
    --------
    >>> from torch import nn
    >>> network = nn.Sequential(nn.Linear(1, 2), nn.Dropout(0.5))
    >>> problem = Problem(network, torch.ones(2, 1), torch.tensor([0, 1]))
    >>> draws_in_training(problem, {"0.weight": torch.ones(2, 1), "0.bias": torch.ones(2)})
    True
    """
    module = training_copy(problem.module)
    few = problem.subset(torch.arange(min(PROBES, len(problem.targets)))).cast(precision(params))
    outputs = []
    for seed in range(2):
        with global_seed(seed, few.inputs.device), torch.no_grad():
            outputs.append(call_module(module, params, few.inputs).nan_to_num())
    return not torch.equal(*outputs)


def check_silent(problem: Problem, params: Parameters) -> None:
    """Raise if a network draws at random while it trains.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network.

    Raises
    ------
    SymgeomError
        If it does, so that single samples do not make all of its noise.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(1, 2), torch.ones(2, 1), torch.tensor([0, 1]))
    >>> check_silent(problem, {"weight": torch.ones(2, 1), "bias": torch.ones(2)})
    """
    if draws_in_training(problem, params):
        raise SymgeomError(
            "Cannot measure the noise of SGD on single samples: the network draws at random while "
            "it trains (dropout?), and the theory takes samples for the only noise. "
            f"{STILL_VALID} Or take the dropout out of the module, for the noise of samples alone."
        )


def _close(alone: Tensor, together: Tensor) -> bool:
    """Whether two tensors are equal but for rounding, in half of their digits."""
    tolerance = torch.finfo(together.dtype).eps ** 0.5
    size = float(together.nan_to_num().abs().max())
    return torch.allclose(alone, together, rtol=0, atol=tolerance * size, equal_nan=True)
