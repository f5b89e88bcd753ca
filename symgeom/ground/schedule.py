"""Schedules over the epochs: the cosine of learning rates, and when weights are averaged.

Torch is not imported, so that the plan of a study knows a mean that would never be full.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Averaging:
    """When the weights of a training enter their running mean.

    Attributes
    ----------
    average_from : float
        Share of the epochs after which averaging begins.
    average_every : int
        Epochs between two terms of the mean.
    averages_least : int
        Terms that the mean must have before a seed may stop.

    Examples
    --------
    >>> Averaging(average_from=0.5).terms(10)
    5
    """

    average_from: float = 0.75
    average_every: int = 1
    averages_least: int = 5

    def terms(self, epochs: int) -> int:
        """Return how many terms the mean has after so many epochs."""
        return (epochs - self._first(epochs)) // self.average_every

    def obstacle(self, epochs: int) -> str | None:
        """Return why the mean can never have enough terms in so many epochs, if so."""
        terms = self.terms(epochs)
        if terms >= self.averages_least:
            return None
        return (
            f"averaging begins after epoch {self._first(epochs)} (average_from = "
            f"{self.average_from}), so that the mean has {terms} terms in the end, and "
            f"averages_least = {self.averages_least}. Raise epochs, or lower average_from, "
            "average_every or averages_least."
        )

    def _first(self, epochs: int) -> int:
        """Return the first epoch of which the weights may enter the mean."""
        first = max(0, math.floor(self.average_from * epochs) - 1)  # one step before, or two
        while first / epochs < self.average_from:
            first += 1
        return first


def cosine_decay(progress: float) -> float:
    """Return the factor of a learning rate that follows half a cosine from 1 to 0.

    Parameters
    ----------
    progress : float
        Share of the training that is done, from 0 to 1.

    Returns
    -------
    float
        ``(1 + cos(pi progress)) / 2``.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (1608.03983),
    equation 5 with ``eta_min = 0``, without restarts.

    Examples
    --------
    >>> [cosine_decay(progress) for progress in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    return 0.5 * (1 + math.cos(math.pi * progress))
