r"""The diagonal of the Hessian, where it is a sum of squares.

For the cross entropy the Gauss-Newton matrix is the mean, over samples and over labels drawn from
the network's own probabilities, of the outer products of gradients. Its diagonal is therefore a
sum of squared gradients,

.. math:: G_{ww} = \frac1N \sum_n \sum_c p_c(x_n)\, \Big(\frac{\partial \ell(x_n, c)}
                   {\partial\theta_w}\Big)^2 ,

one pass for every class. Where the outputs are linear in every single weight on its own (layers
with piecewise linear activations, each weight used once on every way), it is the diagonal of the
Hessian itself.

References
----------
Martens, "New insights and perspectives on the natural gradient method" (1412.1193), section 9: the
Gauss-Newton matrix of the cross entropy is the Fisher matrix.
"""

from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.losses import cross_entropy
from symgeom.landscape.sample_gradients import gradient_moments


def gauss_newton_diagonal(problem: Problem, params: Parameters) -> dict[str, Tensor]:
    """Return the diagonal of the Gauss-Newton matrix of the cross entropy.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    dict of str to Tensor
        One entry per trainable tensor, in its precision.

    Raises
    ------
    SymgeomError
        If the loss is not the cross entropy of classes.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(1, 2), torch.tensor([[2.0]]), torch.tensor([0]))
    >>> params = {"weight": torch.zeros(2, 1), "bias": torch.zeros(2)}
    >>> gauss_newton_diagonal(problem, params)["weight"].flatten()  # x**2 * p * (1 - p)
    tensor([1.0000, 1.0000])
    """
    if problem.sample_loss is not cross_entropy:
        raise SymgeomError(
            "Cannot sum the squares that make the Gauss-Newton matrix: this is known for the "
            "cross entropy of classes only, and the problem has a loss of its own."
        )
    classes = problem.outputs(params).shape[-1]
    diagonal: dict[str, Tensor] = {}
    for label in range(classes):
        weighted = _of_label(problem, label)
        for name, square in gradient_moments(weighted, params).square.items():
            diagonal[name] = diagonal[name] + square if name in diagonal else square
    return diagonal


def _of_label(problem: Problem, label: int) -> Problem:
    """Return the landscape in which all samples have a label, as often as the network says so."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        share = outputs.softmax(-1)[..., label].detach()
        return share.sqrt() * cross_entropy(outputs, targets)

    targets = torch.full_like(problem.targets, label)
    return replace(problem, targets=targets, sample_loss=loss)
