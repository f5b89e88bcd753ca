"""Adversarial initialisation: SGD led into sharp minima that generalise badly.

A first stage memorises random labels of the training inputs, each seed its own: uniform ones of all
samples, or of a share of them (``pretraining_corruption``), to fill the range between these minima
and those of SGD. From there plain SGD trains on the true labels to zero error, by default without
momentum and weight decay, which would let it escape.

Differs from the source: the inputs of the first stage are not corrupted (there, a tenth of the
pixels of each copy is zeroed).

References
----------
Liu, Papailiopoulos and Achlioptas, "Bad global minima exist and SGD can reach them" (1906.02613).
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.arithmetic import heavy_ball, zeros_like
from symgeom.learning.optimizers.method import Gradient, Method, Pretraining, State
from symgeom.learning.optimizers.options import check_number, check_whole
from symgeom.learning.optimizers.sgd import SGD


@final
@dataclass(frozen=True)
class Adversarial(Method):
    """SGD after a first stage on random labels.

    Attributes
    ----------
    pretraining_learning_rate, pretraining_momentum : float
        Of the first stage, SGD too.
    pretraining_epochs : int
        The first stage takes at most so many.
    pretraining_error : float
        The first stage ends for a seed whose error on its random labels is at most this.
    pretraining_corruption : float
        Share of the samples with a random label in the first stage.

    Examples
    --------
    >>> Adversarial(pretraining_epochs=50).pretraining().epochs
    50
    """

    name: ClassVar[str] = "adv"
    equivariant: ClassVar[bool] = True
    learning_rate: float = 0.1
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    pretraining_learning_rate: float = 0.1
    pretraining_momentum: float = 0.0
    pretraining_epochs: int = 350
    pretraining_error: float = 1e-4
    pretraining_corruption: float = 1.0

    def __post_init__(self) -> None:
        self.check()
        check_number(self, "pretraining_learning_rate", above=0)
        check_number(self, "pretraining_momentum", least=0, below=1)
        check_number(self, "pretraining_error", least=0, below=1)
        check_whole(self, "pretraining_epochs", least=1, otherwise="use 'sgd'")
        check_number(self, "pretraining_corruption", least=0, most=1)

    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Start at rest."""
        return {"velocity": zeros_like(params)}

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the new velocity."""
        coefficients = {"momentum": self.momentum, "weight_decay": self.weight_decay}
        velocity = heavy_ball(state["velocity"], gradient_at(params), params, **coefficients)
        return velocity, {"velocity": velocity}

    def pretraining(self) -> Pretraining:
        """Return the stage on random labels."""
        method = SGD(
            learning_rate=self.pretraining_learning_rate, momentum=self.pretraining_momentum
        )
        return Pretraining(
            method, self.pretraining_epochs, self.pretraining_error, self.pretraining_corruption
        )


def random_labels(
    targets: Tensor, classes: int, *, generator: torch.Generator, share: float = 1.0
) -> Tensor:
    """Draw labels that say nothing about the inputs, for all samples or a share of them.

    Parameters
    ----------
    targets : Tensor of int64, shape (sample,)
        The true classes.
    classes : int
        Number of classes.
    generator : torch.Generator
        The source of randomness.
    share : float
        Of the samples, chosen at random, whose label is drawn; rounded to whole samples. A label
        drawn may be the true one.

    Returns
    -------
    Tensor of int64, shape (sample,)
        Uniform and independent where drawn, the true classes elsewhere.

    Examples
    --------
    >>> random_labels(torch.zeros(4, dtype=torch.int64), 10, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([4])
    """
    drawn = torch.randint(classes, targets.shape, generator=generator).to(targets.device)
    count = round(share * len(targets))
    if count == len(
        targets
    ):  # no order is drawn: the labels of a whole share do not move the stream further
        return drawn
    chosen = torch.randperm(len(targets), generator=generator).to(targets.device)[:count]
    return targets.index_copy(0, chosen, drawn[chosen])
