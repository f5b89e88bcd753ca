"""How the bends of chains are trained."""

import math
from dataclasses import dataclass

from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import check_attributes
from symgeom.ground.schedule import cosine_decay

LOWEST = {
    "epochs": 1,
    "batch_size": 1,
    "learning_rate": 0,
    "momentum": 0,
    "evaluate_every": 1,
    "points": 3,
    "refinements": 0,
    "threshold": 0,
    "evaluation_samples": 1,
}
"""The smallest value of every number of a plan."""


@dataclass(frozen=True)
class ChainPlan:
    """How the bends of chains are trained.

    Attributes
    ----------
    epochs : int
        Passes over the data; every pair takes all of them.
    batch_size : int
        Samples per mini-batch; the last one of an epoch holds what is left.
    learning_rate : float
        Initial learning rate; it follows half a cosine to zero.
    momentum : float
        Momentum of SGD.
    evaluate_every : int
        Epochs between two evaluations of the training error along the chain; the first is before
        training, the last at its end.
    points : int
        Points of the equidistant grid in ``t``, ends included, on which it is evaluated.
    refinements : int
        How often up to four points are added around the peaks of every chain, as by
        :func:`~symgeom.landscape.barriers.refine`.
    threshold : float
        How far the training error along a chain that counts as connected may rise above that of
        the worse end.
    evaluation_samples : int, optional
        Number of samples on which the error is evaluated, the first of the data; all by default.
    """

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 0.05
    momentum: float = 0.9
    evaluate_every: int = 5
    points: int = 13
    refinements: int = 2
    threshold: float = 0.001
    evaluation_samples: int | None = None

    def __post_init__(self) -> None:
        check_attributes(self)
        for name, least in LOWEST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise SymgeomError(
                    f"Cannot train a chain with {name} = {value}: it must be at least {least}."
                )

    def steps(self, samples: int) -> int:
        """Return the number of mini-batches in an epoch.

        Parameters
        ----------
        samples : int
            How many samples there are.

        Returns
        -------
        int
            The last mini-batch, which may be smaller, included.

        Examples
        --------
        >>> ChainPlan(batch_size=32).steps(75)
        3
        """
        return math.ceil(samples / self.batch_size)

    def learning_rates(self, epoch: int, steps: int) -> list[float]:
        """Return the learning rates of an epoch.

        Parameters
        ----------
        epoch : int
            Which one, counted from 0.
        steps : int
            Steps in an epoch.

        Returns
        -------
        list of float
            One per step.

        Examples
        --------
        >>> ChainPlan(epochs=2, learning_rate=1.0).learning_rates(1, 1)
        [0.5]
        """
        rates = []
        for step in range(steps):
            progress = (epoch + step / steps) / self.epochs
            rates.append(self.learning_rate * cosine_decay(progress))
        return rates

    def limit(self, errors: Tensor) -> Tensor:
        """Return the largest training error at which a chain counts as connected.

        Parameters
        ----------
        errors : Tensor, shape (pair, point)
            Along each chain, ends included.

        Returns
        -------
        Tensor, shape (pair,)
            The error of the worse end plus the threshold.

        Examples
        --------
        >>> import torch
        >>> ChainPlan(threshold=0.25).limit(torch.tensor([[0.0, 0.9, 0.5]]))
        tensor([0.7500])
        """
        return errors[:, [0, -1]].amax(1) + self.threshold
