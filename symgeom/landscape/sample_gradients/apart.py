"""Whether the loss of a mini-batch is the mean over samples that do not depend on each other.

The noise of SGD follows from the gradients of single samples only where it is. A few samples tell,
together and one by one: batch statistics, layers that draw at random and losses that compare
samples come to light.
"""

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
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


def _close(alone: Tensor, together: Tensor) -> bool:
    """Whether two tensors are equal but for rounding, in half of their digits."""
    tolerance = torch.finfo(together.dtype).eps ** 0.5
    size = float(together.nan_to_num().abs().max())
    return torch.allclose(alone, together, rtol=0, atol=tolerance * size, equal_nan=True)
