"""How the bends of chains are trained."""

from dataclasses import dataclass

from torch import Tensor

from symgeom.ground.checks import SymgeomError


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
    threshold : float
        How far above its worse end the training error along a chain may rise that counts as
        connected.
    evaluation_samples : int, optional
        Samples on which it is evaluated, the first of the data; all by default.
    """

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 0.05
    momentum: float = 0.9
    evaluate_every: int = 5
    points: int = 13
    threshold: float = 0.001
    evaluation_samples: int | None = None

    def __post_init__(self) -> None:
        lowest = {
            "epochs": 1,
            "batch_size": 1,
            "learning_rate": 0,
            "momentum": 0,
            "evaluate_every": 1,
            "points": 3,
            "threshold": 0,
            "evaluation_samples": 1,
        }
        for name, least in lowest.items():
            value = getattr(self, name)
            if not (value is None or value >= least):
                raise SymgeomError(
                    f"Cannot train a chain with {name} = {value}: it must be at least {least}."
                )

    def limit(self, errors: Tensor) -> Tensor:
        """Return up to which training error chains count as connected.

        Parameters
        ----------
        errors : Tensor, shape (pair, point)
            Along each chain, ends included.

        Returns
        -------
        Tensor, shape (pair,)
            The error of the worse end, and the threshold.

        Examples
        --------
        >>> import torch
        >>> ChainPlan(threshold=0.25).limit(torch.tensor([[0.0, 0.9, 0.5]]))
        tensor([0.7500])
        """
        return errors[:, [0, -1]].amax(1) + self.threshold
