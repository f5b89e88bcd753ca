"""The constraints on the sphere, and how many of them a point violates."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.symmetry.sphere import normalise


@dataclass(frozen=True, eq=False)
class Perceptron:
    """A set of constraints on the sphere.

    Attributes
    ----------
    patterns : Tensor of float64, shape (pattern, feature)
        What the weights are multiplied with.
    kappa : float
        The stability that every pattern must reach; negative.
    """

    patterns: Tensor
    kappa: float

    def __post_init__(self) -> None:
        shape = tuple(self.patterns.shape)
        is_matrix = len(shape) == 2 and 0 not in shape
        if not (is_matrix and self.patterns.is_floating_point()):
            raise SymgeomError(
                f"Cannot make a perceptron of patterns of shape {shape} and type "
                f"{self.patterns.dtype}: give real numbers of shape (pattern, feature)."
            )
        check_finite({"patterns": self.patterns}, "the patterns")
        if not -math.inf < self.kappa < 0:
            raise SymgeomError(
                f"Cannot make a negative perceptron with kappa = {self.kappa}: from 0 on, "
                "solutions are geodesically convex. Give a negative number."
            )

    @classmethod
    def gaussian(
        cls, features: int, *, alpha: float, kappa: float, generator: torch.Generator
    ) -> "Perceptron":
        """Draw ``alpha * features`` standard normal patterns, in float64 on the CPU."""
        count = round(alpha * features)
        patterns = torch.randn(count, features, generator=generator, dtype=torch.float64)
        return cls(patterns, kappa)

    def stabilities(self, weights: Tensor) -> Tensor:
        """Return the stability of every pattern.

        Parameters
        ----------
        weights : Tensor, shape (..., feature)
            Points; their lengths do not matter.

        Returns
        -------
        Tensor, shape (..., pattern)
            Of variance 1 for weights that do not depend on the patterns.
        """
        return normalise(weights) @ self.patterns.mT

    def energy(self, weights: Tensor) -> Tensor:
        """Return the fraction of patterns below kappa, shape (...)."""
        return share_below(self.stabilities(weights), self.kappa)


def share_below(stabilities: Tensor, kappa: float) -> Tensor:
    """Return the share of patterns whose stability is below kappa.

    Parameters
    ----------
    stabilities : Tensor, shape (..., pattern)
        The stability of every pattern.
    kappa : float
        What each must reach.

    Returns
    -------
    Tensor, shape (...)
        From 0 to 1.

    Examples
    --------
    >>> share_below(torch.tensor([-1.0, 0.0]), -0.5)
    tensor(0.5000)
    """
    fails = stabilities < kappa
    return fails.to(stabilities.dtype).mean(-1)
