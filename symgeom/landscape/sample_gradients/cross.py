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
    SampleGradients,
)
from symgeom.symmetry.spec import Leg, take


def cross_sums(run: SampleGradients, leg: Leg, size: int, *, by_entry: bool) -> Tensor:
    """Sum the products of the gradients of every two units over samples.

    Parameters
    ----------
    run : Products, Lookups or Rows
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
    >>> from symgeom.landscape.sample_gradients.products import Rows
    >>> gradients = Rows(torch.tensor([[[1.0, 0.0], [2.0, 3.0]]]))
    >>> cross_sums(gradients, Leg("weight", 0), 2, by_entry=False)
    tensor([[[ 1.,  2.],
             [ 2., 13.]]])
    """
    if isinstance(run, Products) and _is_plain(run, leg):
        units, others = _factors(run, leg, size)
        if run.single:
            return _weighted_grams(units[:, 0], others[:, 0], by_entry=by_entry)
        formed = _outer_products(units, others)
    else:
        formed = _taken(run, leg, size)
    total = torch.zeros(())
    for rows in formed:
        columns = rows.permute(2, 1, 0) if by_entry else rows.movedim(1, 0).flatten(1).unsqueeze(0)
        total = total + columns @ columns.mT
    return total


def _is_plain(run: Products, leg: Leg) -> bool:
    """Whether the units are consecutive rows or columns of a matrix."""
    return len(run.shape) == 2 and leg.block == 1 and leg.outer == 1 and not leg.region


def _factors(run: Products, leg: Leg, size: int) -> tuple[Tensor, Tensor]:
    """Return the factors of the outer products, (sample, position, ...): the units', the others."""
    slopes = run.slopes.flatten(2)
    inputs = run.patches(run.inputs).flatten(2)
    units = slopes if leg.axis == 0 else inputs
    others = inputs if leg.axis == 0 else slopes
    return units.narrow(2, leg.start, size), others


def _weighted_grams(units: Tensor, others: Tensor, *, by_entry: bool) -> Tensor:
    """Return the sums of products of units, weighted by the squares of the other factors."""
    weights = others.square().T
    if not by_entry:
        weights = weights.sum(0, keepdim=True)
    return torch.stack([(units * weight.unsqueeze(1)).T @ units for weight in weights])


def _outer_products(units: Tensor, others: Tensor) -> Iterator[Tensor]:
    """Yield what the units own of the gradients of a few samples, shape (sample, unit, entry)."""
    size = units.shape[2] * others.shape[2] * units.element_size()
    count = max(1, LAYER_BYTES // size)
    for left, right in zip(units.split(count), others.split(count), strict=True):
        yield left.mT @ right


def _taken(run: SampleGradients, leg: Leg, size: int) -> Iterator[Tensor]:
    """Yield the same, cut out of gradients of the whole tensor."""
    for gradients in run.formed():
        yield torch.vmap(take, in_dims=(0, None, None))(gradients, leg, size)
