"""Inputs at random, for looking at a network without data."""

from collections.abc import Sequence

import torch
from torch import Tensor


def example_inputs(
    shape: Sequence[int], tokens: int | None, *, generator: torch.Generator
) -> Tensor:
    """Draw a batch of inputs.

    Parameters
    ----------
    shape : sequence of int
        Of the batch.
    tokens : int or None
        If it is given, inputs are whole numbers below it.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor
        Normal numbers in float64, or tokens.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> example_inputs((2, 3), 7, generator=generator).dtype
    torch.int64
    """
    if tokens:
        return torch.randint(tokens, tuple(shape), generator=generator)
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
