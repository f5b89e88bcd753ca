"""SGD of many copies of the model with one hidden weight, side by side.

Inputs are normal, targets are linear in them, with noise; each step of each copy draws a batch of
its own, as if the training set had no end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from symgeom.ground.checks import SymgeomError
from symgeom.models.noise.product import Moments, gaussian_moments


@dataclass(frozen=True)
class Line:
    """Data on a line, with noise.

    Attributes
    ----------
    slope, noise : float
        Targets are ``slope * x + noise * e`` with normal x and e of variance 1.
    """

    slope: float
    noise: float

    def moments(self) -> Moments:
        """Return the moments of the population."""
        return gaussian_moments(self.slope, self.noise)

    def batches(self, runs: int, size: int, generator: torch.Generator) -> tuple[NDArray, NDArray]:
        """Draw a batch for each run.

        Parameters
        ----------
        runs, size : int
            How many batches, and samples in each.
        generator : torch.Generator
            The source of the samples.

        Returns
        -------
        squares, products : arrays of float64, shape (run,)
            Mean of x squared and of x y over each batch.
        """
        # Normal numbers of single precision take a quarter of the time.
        normal = torch.randn((2, size, runs), generator=generator).double()
        inputs, errors = normal.numpy()
        squares = (inputs**2).mean(0)
        crossed = (inputs * errors).mean(0)
        return squares, self.slope * squares + self.noise * crossed


@dataclass(frozen=True)
class Steps:
    """How SGD steps.

    Attributes
    ----------
    learning_rate : float
        Size of a step.
    batch_size : int
        Samples in a step.
    weight_decay : float
        What is added to the gradient, in units of the weight.
    momentum : float
        Share of the last step that the next one repeats.
    """

    learning_rate: float
    batch_size: int = 1
    weight_decay: float = 0.0
    momentum: float = 0.0

    def __post_init__(self) -> None:
        """Check that there is a step, and that momentum forgets."""
        if not (self.learning_rate > 0 and self.batch_size > 0 and 0 <= self.momentum < 1):
            raise SymgeomError(
                f"Cannot step with learning rate {self.learning_rate}, batch size "
                f"{self.batch_size} and momentum {self.momentum}: the first two must be positive, "
                "momentum at least 0 and less than 1."
            )

    @property
    def temperature(self) -> float:
        """Learning rate over batch size, with what momentum makes of the learning rate."""
        return self.learning_rate / (1 - self.momentum) / self.batch_size


def descend_product(
    outgoing: NDArray,
    incoming: NDArray,
    line: Line,
    *,
    steps: Steps,
    records: Sequence[int],
    generator: torch.Generator,
) -> tuple[NDArray, NDArray]:
    """Train copies of the model.

    Parameters
    ----------
    outgoing, incoming : arrays, shape (run,)
        Where each copy starts: u and w; not modified.
    line : Line
        The data.
    steps : Steps
        How SGD steps.
    records : sequence of int
        Steps after which to record, increasing; the last one ends the descent.
    generator : torch.Generator
        The source of batches.

    Returns
    -------
    outgoing, incoming : arrays of float64, shape (record, run)
        The weights along the way; NaN or infinite once a run diverged.

    Examples
    --------
    >>> start = np.full(100, 1.0)
    >>> generator = torch.Generator().manual_seed(0)
    >>> line = Line(0.5, 0.0)
    >>> steps = Steps(0.1, 64)
    >>> u, w = descend_product(
    ...     start, 2 * start, line, steps=steps, records=[100], generator=generator
    ... )
    >>> round(float((u * w).mean()), 3)
    0.5
    """
    u = np.array(outgoing, dtype=np.float64)
    w = np.array(incoming, dtype=np.float64)
    u_velocity = np.zeros_like(u)
    w_velocity = np.zeros_like(w)
    u_records = []
    w_records = []
    done = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for record in records:
            for _ in range(done, record):
                squares, products = line.batches(len(u), steps.batch_size, generator)
                slope = 2 * (squares * u * w - products)
                u_velocity = steps.momentum * u_velocity + slope * w + steps.weight_decay * u
                w_velocity = steps.momentum * w_velocity + slope * u + steps.weight_decay * w
                u = u - steps.learning_rate * u_velocity
                w = w - steps.learning_rate * w_velocity
            done = record
            u_records.append(u)
            w_records.append(w)
    return np.stack(u_records), np.stack(w_records)
