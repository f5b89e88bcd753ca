"""Adversarial initialisation: SGD led into sharp minima that generalise badly.

A first stage memorises random labels of the training inputs; every seed has labels of its own. All
samples have a random label, or a share of them (``pretraining_corruption``), which fills the range
between these minima and those of SGD. As published, the first stage sees several copies of every
input (``pretraining_replicas``), each with a label of its own and with other entries set to zero
(``pretraining_zeroed``, a tenth there). From there plain SGD trains on the true labels to zero
error, by default without momentum and weight decay, which would let it escape.

Differs from the source: by default there is one copy of every input, as it is; every entry is
zeroed with the same probability, independently of the others; and the learning rate of the first
stage is constant.

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
from symgeom.learning.optimizers.options import (
    BELOW_ONE,
    POSITIVE,
    Range,
    check_number,
    check_whole,
)
from symgeom.learning.optimizers.sgd import SGD


@final
@dataclass(frozen=True)
class Adversarial(Method):
    """SGD after a first stage on random labels.

    Attributes
    ----------
    pretraining_learning_rate, pretraining_momentum : float
        The options of SGD in the first stage.
    pretraining_epochs : int
        The first stage takes at most this many.
    pretraining_error : float
        The first stage ends for a seed whose error on its random labels is at most this.
    pretraining_corruption : float
        Share of the samples with a random label in the first stage.
    pretraining_replicas : int
        Copies of every training input in the first stage, each with a label of its own.
    pretraining_zeroed : float
        Probability with which each entry of a copy is zero in the first stage, as the network reads
        it: of inputs that are normalised, zero is their mean.

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
    pretraining_replicas: int = 1
    pretraining_zeroed: float = 0.0

    def __post_init__(self) -> None:
        self.check()
        rate = self.pretraining_learning_rate
        epochs = self.pretraining_epochs
        share = self.pretraining_corruption
        check_number(self.name, "pretraining_learning_rate", rate, POSITIVE)
        check_number(self.name, "pretraining_momentum", self.pretraining_momentum, BELOW_ONE)
        check_number(self.name, "pretraining_error", self.pretraining_error, BELOW_ONE)
        check_whole(self.name, "pretraining_epochs", epochs, least=1, otherwise="use 'sgd'")
        check_number(self.name, "pretraining_corruption", share, Range(least=0, most=1))
        copies = self.pretraining_replicas
        check_whole(self.name, "pretraining_replicas", copies, least=1, otherwise="use 'sgd'")
        check_number(self.name, "pretraining_zeroed", self.pretraining_zeroed, BELOW_ONE)

    def start(self, params: Parameters, seeds: Tensor | None = None) -> State:
        """Start at rest."""
        return {"velocity": zeros_like(params)}

    def direction(
        self, gradient_at: Gradient, params: Parameters, state: State
    ) -> tuple[dict[str, Tensor], State]:
        """Return the new velocity."""
        velocity = heavy_ball(
            state["velocity"],
            gradient_at(params),
            params,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        return velocity, {"velocity": velocity}

    def pretraining(self) -> Pretraining:
        """Return the stage on random labels."""
        method = SGD(
            learning_rate=self.pretraining_learning_rate,
            momentum=self.pretraining_momentum,
        )
        return Pretraining(
            method=method,
            epochs=self.pretraining_epochs,
            stop_error=self.pretraining_error,
            corruption=self.pretraining_corruption,
            copies=self.pretraining_replicas,
            zeroed=self.pretraining_zeroed,
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
        Share of the samples whose label is drawn, rounded to whole samples, which are chosen at
        random. A drawn label may be the true one.

    Returns
    -------
    Tensor of int64, shape (sample,)
        Uniform and independent where drawn, the true classes elsewhere.

    Examples
    --------
    >>> targets = torch.zeros(4, dtype=torch.int64)
    >>> random_labels(targets, 10, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([4])
    """
    labels = torch.randint(classes, targets.shape, generator=generator).to(targets.device)
    count = round(share * len(targets))
    # Where all labels are random no order of the samples is drawn: the stream moves no further.
    if count == len(targets):
        return labels
    order = torch.randperm(len(targets), generator=generator).to(targets.device)
    corrupted = order[:count]
    return targets.index_copy(0, corrupted, labels[corrupted])
