"""Colours of entries of the weights: what may be exchanged among itself has one colour.

A colouring is a tensor of whole numbers, one for each entry; copies of a network are coloured
together, row by row, so that a colour means the same in all of them.
"""

import torch
from torch import Tensor

ALIKE = 1e-9
"""Gradients that differ by less, relative to themselves, are alike."""

ROUNDING = 1e-12
"""Or relative to the largest gradient."""


def split(colours: Tensor, slopes: Tensor) -> Tensor:
    """Give entries of one colour different ones if their gradients differ.

    Parameters
    ----------
    colours : Tensor of int64, shape (copy, entry)
        The colours.
    slopes : Tensor, shape (copy, entry)
        The gradients.

    Returns
    -------
    Tensor of int64, shape (copy, entry)
        Colours from 0 on.

    Examples
    --------
    >>> split(torch.tensor([[0, 0, 0, 1]]), torch.tensor([[2.0, 3.0, 2.0, 2.0]]))
    tensor([[0, 1, 0, 2]])
    """
    values = slopes.reshape(-1)
    old = colours.reshape(-1)
    order = values.argsort(stable=True)
    order = order[old[order].argsort(stable=True)]
    ladder = values[order]
    steps = ladder.diff()
    larger = torch.maximum(ladder[1:].abs(), ladder[:-1].abs())
    differ = steps > ALIKE * larger + ROUNDING * values.abs().max()
    differ |= old[order].diff() != 0
    fresh = torch.zeros_like(old)
    fresh[order[1:]] = differ.cumsum(0)
    return fresh.reshape(colours.shape)


def balanced(colours: Tensor) -> bool:
    """Return whether all copies have equally many entries of every colour.

    Parameters
    ----------
    colours : Tensor of int64, shape (copy, entry)
        The colours.

    Returns
    -------
    bool
        Whether a permutation could carry one copy to another.

    Examples
    --------
    >>> balanced(torch.tensor([[0, 1, 1], [1, 0, 1]])), balanced(torch.tensor([[0, 0], [0, 1]]))
    (True, False)
    """
    first, *others = colours.sort(1).values
    return all(torch.equal(first, other) for other in others)


def rest_fixed(pair: Tensor) -> Tensor:
    """Let every entry whose colour is in the same places of both copies be its own partner.

    Parameters
    ----------
    pair : Tensor of int64, shape (2, entry)
        The colours of two copies.

    Returns
    -------
    Tensor of int64, shape (2, entry)
        Such entries have a colour of their own.

    Examples
    --------
    >>> rest_fixed(torch.tensor([[0, 1, 2, 2], [1, 0, 2, 2]]))
    tensor([[0, 1, 3, 4],
            [1, 0, 3, 4]])
    """
    wandering = pair[0][pair[0] != pair[1]]
    wandering = torch.cat([wandering, pair[1][pair[0] != pair[1]]])
    still = ~torch.isin(pair[0], wandering)
    fixed = pair.clone()
    fixed[:, still] = int(pair.max()) + 1 + torch.arange(int(still.sum()))
    return fixed
