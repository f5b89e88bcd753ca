r"""Match the units of one family: linear assignment, or an orthogonal matrix for linear groups.

For permutations :math:`\pi` and signs :math:`s` the sum :math:`\sum_k (E + s_k O)_{k\,\pi(k)}` is
largest for :math:`s_k = \mathrm{sign}\,O_{k\pi(k)}`, so that the assignment is made on :math:`E +
|O|`: ``E`` are similarities that a sign leaves alone, ``O`` those that it flips. Rows and columns
are centred first, which changes no assignment and saves the solver work where units have much in
common. For a linear group, the orthogonal matrix that maximises :math:`\langle Q, S\rangle` is that
of the polar decomposition of :math:`S` (Procrustes).

References
----------
Crouse, "On implementing 2D rectangular assignment algorithms" (2016): the solver behind scipy's
``linear_sum_assignment``. Schönemann, "A generalized solution of the orthogonal Procrustes problem"
(1966).
"""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def best_permutation(worth: Tensor) -> Tensor:
    """Return the permutation with the largest sum.

    The solver works on the CPU: of networks on another device the matrix goes there, and the
    permutation comes back.

    Parameters
    ----------
    worth : Tensor, shape (size, size)
        Row: place (unit of the reference); column: unit.

    Returns
    -------
    Tensor of int64, shape (size,)
        For each place, the unit that takes it.

    Examples
    --------
    >>> best_permutation(torch.tensor([[1.0, 2.0], [2.0, 2.0]]))
    tensor([1, 0])
    """
    centred = worth - worth.mean(1, keepdim=True)
    centred -= centred.mean(0)
    # What scipy would do itself, in two copies more: it minimises in float64.
    costs = centred.neg_().to("cpu", torch.float64)
    del centred
    _, units = linear_sum_assignment(costs.numpy())
    return torch.from_numpy(units).to(worth.device)


def best_rotation(scores: Tensor) -> Tensor:
    """Return the orthogonal matrix with the largest inner product with ``scores``.

    Parameters
    ----------
    scores : Tensor, shape (size, size)
        Row: unit of the reference; column: unit.

    Returns
    -------
    Tensor, shape (size, size)
        The matrix ``Q`` that takes the units to the reference.

    Examples
    --------
    >>> best_rotation(torch.tensor([[0.0, -2.0], [3.0, 0.0]]))
    tensor([[ 0., -1.],
            [ 1.,  0.]])
    """
    left, _, right = torch.linalg.svd(scores)
    return left @ right


def ties(worth: Tensor, permutation: Tensor, tolerance: float) -> tuple[int, ...]:
    """Return the places whose unit could be exchanged with that of another place at no loss.

    Parameters
    ----------
    worth : Tensor, shape (size, size)
        As for :func:`best_permutation`.
    permutation : Tensor of int64, shape (size,)
        The assignment.
    tolerance : float
        Loss up to which two assignments count as equally good.

    Returns
    -------
    tuple of int
        Places (units of the reference), ascending. Twin units of either network are among them.

    Examples
    --------
    >>> worth = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> ties(worth, torch.arange(3), 1e-9)
    (0, 1)
    """
    matched = worth.index_select(1, permutation)
    as_matched = matched.diagonal().clone()
    gain = matched + matched.T
    gain.sub_(as_matched).sub_(as_matched.unsqueeze(1))
    gain.fill_diagonal_(-torch.inf)
    at_no_loss = gain.amax(1) >= -tolerance
    return tuple(at_no_loss.nonzero().reshape(-1).tolist())
