"""A suite of attacks with nothing to tune, in the manner of AutoAttack.

One attack after the other takes the samples that still stand:

1. automatic steps (:mod:`~symgeom.neighbours.robustness.automatic`) on the loss, from random
   starts;
2. the same on the log probability of another class minus that of the true one, for each of the most
   likely other classes: unlike the loss it does not saturate where a network is sure of itself;
3. random patches (:mod:`~symgeom.neighbours.robustness.squares`), which need no gradient.

References
----------
Croce and Hein (2003.01690). Differs from the source: the difference of log probabilities is not
divided by another one, because only the sign of its gradient counts, and log probabilities keep
their digits; FAB, whose smallest changes are followed with the same gradients, is left out; patches
get ten looks for each step, not fifty.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from symgeom.neighbours.robustness.automatic import climb
from symgeom.neighbours.robustness.chase import Chase
from symgeom.neighbours.robustness.kind import AttackKind, Effort
from symgeom.neighbours.robustness.squares import patch_by_patch

RIVALS = 9
"""Other classes that are aimed at, the most likely first."""

LOOKS = 10
"""Patches for each step of the other attacks."""


def one_after_the_other(chase: Chase, effort: Effort, generator: torch.Generator) -> None:
    """Attack what still stands, by gradients of the loss and of margins, and by patches.

    Parameters
    ----------
    chase : Chase
        What is attacked.
    effort : Effort
        Steps of every ascent, and starts of the first attack and the last.
    generator : torch.Generator
        Draws starts and patches.
    """
    rivals = chase.rivals()

    def raise_loss(part: Chase, _samples: Tensor) -> None:
        climb(part, part.box.random(generator), effort.steps)

    def raise_rival(part: Chase, samples: Tensor, rank: int) -> None:
        climb(part, part.box.random(generator), effort.steps, rivals[samples, rank])

    def try_patches(part: Chase, _samples: Tensor) -> None:
        patch_by_patch(part, LOOKS * effort.steps, generator)

    for _ in range(effort.restarts):
        _attack_standing(chase, raise_loss)
    for rank in range(min(RIVALS, rivals.shape[1])):
        _attack_standing(chase, partial(raise_rival, rank=rank))
    for _ in range(effort.restarts):
        _attack_standing(chase, try_patches)


def _attack_standing(chase: Chase, attack: Callable[[Chase, Tensor], None]) -> None:
    """Attack the samples for which no wrong point was found, if there are any."""
    standing = chase.standing
    if len(standing):
        part = chase.select(standing)
        attack(part, standing)
        chase.merge(part, standing)


SUITE = AttackKind("suite", "suite of attacks", follows_gradient=True, run=one_after_the_other)
