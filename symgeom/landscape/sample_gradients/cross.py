r"""Products of the gradients of two units, entry by entry, summed over samples.

With :math:`g_{ni}(m)` the gradient of sample :math:`n` on entry :math:`m` of what unit :math:`i`
owns on a leg, it is :math:`\sum_n g_{ni}(m)\,g_{nk}(m)`. Where a sample's gradient is one outer
product it is a weighted Gram matrix of the units' factors; elsewhere the gradients of one tensor
are formed, a few samples at a time.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from symgeom.landscape.sample_gradients.products import (
    LAYER_BYTES,
    Products,
    Rows,
    SampleGradients,
)
from symgeom.symmetry.spec import Leg, take


def cross_sums(run: SampleGradients, leg: Leg, size: int, *, by_entry: bool) -> Tensor:
    """Sum the products of the gradients of every two units over samples.

    Parameters
    ----------
    run : Products or Rows
        Gradients of some samples on the tensor of the leg.
    leg : Leg
        Where the units lie.
    size : int
        Number of units.
    by_entry : bool
        Whether entries are told apart, or summed, too.

    Returns
    -------
    Tensor, shape (entry, size, size)
        One matrix for every entry that a unit owns, or one for all.

    Examples
    --------
    >>> gradients = Rows(torch.tensor([[[1.0, 0.0], [2.0, 3.0]]]))
    >>> cross_sums(gradients, Leg("weight", 0), 2, by_entry=False)
    tensor([[[ 1.,  2.],
             [ 2., 13.]]])
    """
    if isinstance(run, Products) and run.single and _is_plain(run, leg):
        units, others = _factors(run, leg, size)
        weights = others.square().T
        if not by_entry:
            weights = weights.sum(0, keepdim=True)
        return torch.stack([_weighted_gram(units, weight) for weight in weights])
    total = torch.zeros(())
    for gradients in _formed(run):
        rows = torch.vmap(take, in_dims=(0, None, None))(gradients, leg, size)
        by_column = rows.permute(2, 1, 0) if by_entry else rows.movedim(1, 0).flatten(1)[None]
        total = total + by_column @ by_column.mT
    return total


def _is_plain(run: Products, leg: Leg) -> bool:
    """Whether the units are consecutive rows or columns of a matrix."""
    return len(run.shape) == 2 and leg.block == 1 and leg.outer == 1 and not leg.region


def _factors(run: Products, leg: Leg, size: int) -> tuple[Tensor, Tensor]:
    """Return the factors of the outer products: those of the units, and the others."""
    slopes = run.slopes.flatten(1)
    inputs = run.patches(run.inputs).flatten(1)
    units = slopes if leg.axis == 0 else inputs
    others = inputs if leg.axis == 0 else slopes
    return units.narrow(1, leg.start, size), others


def _weighted_gram(rows: Tensor, weights: Tensor) -> Tensor:
    return (rows * weights.unsqueeze(1)).T @ rows


def _formed(run: SampleGradients) -> Iterator[Tensor]:
    """Yield the gradients of a few samples at a time, shape (sample, *shape)."""
    if isinstance(run, Rows):
        yield run.rows
        return
    size = run.shape.numel() * run.slopes.element_size()
    count = max(1, LAYER_BYTES // size)
    for slopes, inputs in zip(run.slopes.split(count), run.inputs.split(count), strict=True):
        gradients = torch.einsum("ntbo,ntbi->nboi", slopes, run.patches(inputs))
        yield gradients.reshape(-1, *run.shape)
