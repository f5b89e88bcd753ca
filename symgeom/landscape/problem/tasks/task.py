"""The record of a task."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Judgement = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets of some samples to one number for each sample."""


@dataclass(frozen=True)
class Task:
    """What outputs answer.

    Attributes
    ----------
    name : str
        By which a problem names it.
    title : str
        Outputs, targets and loss in words.
    fault : callable
        From the outputs of one sample and all targets to what does not fit, and what to do; empty
        if they fit.
    losses : callable or None
        The loss of each sample, a mean over its answers; None if only the user knows it.
    wrong : callable or None
        The share of wrong answers of each sample, in float64; None if no answer is right or wrong.
    """

    name: str
    title: str
    fault: Callable[[Tensor, Tensor], str]
    losses: Judgement | None
    wrong: Judgement | None
