r"""The diagonal of the Hessian, where it is a sum of squares.

For the cross entropy the Gauss-Newton matrix is the mean, over samples and over labels drawn from
the network's own probabilities, of the outer products of gradients. Its diagonal is therefore a
sum of squared gradients,

.. math:: G_{ww} = \frac1N \sum_n \sum_c p_c(x_n)\, \Big(\frac{\partial \ell(x_n, c)}
                   {\partial\theta_w}\Big)^2 ,

one pass over all samples with all labels. Where the outputs are linear in every single weight on
its own (layers with piecewise linear activations, each weight used once on every way), it is the
diagonal of the Hessian itself. Whether they are is found by trying: the derivative of a sum of
outputs by the weights of a layer must not change along these weights.

References
----------
Martens, "New insights and perspectives on the natural gradient method" (1412.1193), section 9: the
Gauss-Newton matrix of the cross entropy is the Fisher matrix.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.linalg import vector_norm

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.flatness.hessian import hessian_vector_product, trainable
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.losses import cross_entropy
from symgeom.landscape.sample_gradients import Block, blocks

ROWS = 2**13
"""Most samples with labels of one pass."""

PROBES = 32
"""On how many samples it is tried whether outputs are linear in the weights of a layer."""

ROUNDING = 1e-9
"""Derivatives that change by less than this share of their length do not change."""


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
    samples = len(problem.targets)
    diagonal: dict[str, Tensor] = {}
    for block in blocks_of_all_labels(problem, params):
        for name in block.parts:
            square = block.total_square(name) / samples
            if name in diagonal:
                square = diagonal[name] + square
            diagonal[name] = square
    return diagonal


def blocks_of_all_labels(problem: Problem, params: Parameters) -> Iterator[Block]:
    """Yield the gradients of all samples with all labels, weighed as the network says.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network (not under ``vmap``).

    Yields
    ------
    Block
        The sum of their squares over the number of samples is the Gauss-Newton matrix.

    Raises
    ------
    SymgeomError
        If the loss is not the cross entropy of classes.
    """
    if problem.sample_loss is not cross_entropy:
        raise SymgeomError(
            "Cannot sum the squares that make the Gauss-Newton matrix: this is known for the "
            "cross entropy of classes only, and the problem has another loss."
        )
    classes = problem.outputs(params).shape[-1]
    at_once = max(1, ROWS // classes)
    for index in torch.arange(len(problem.targets)).split(at_once):
        part = problem.subset(index)
        yield from blocks(_with_all_labels(part, classes), params)


def _with_all_labels(problem: Problem, classes: int) -> Problem:
    """Return the landscape in which every sample has each label, weighed as the network says."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        probabilities = outputs.softmax(-1).detach()
        column = targets.unsqueeze(-1)
        share = probabilities.gather(-1, column)
        weight = share.squeeze(-1).sqrt()
        return weight * cross_entropy(outputs, targets)

    labels = torch.arange(classes, device=problem.targets.device)
    return replace(
        problem,
        inputs=problem.inputs.repeat_interleave(classes, dim=0),
        targets=labels.repeat(len(problem.targets)),
        sample_loss=loss,
    )


def is_linear_by_layer(problem: Problem, params: Parameters) -> bool:
    """Say whether the outputs are linear in the weights of every layer on its own.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network.

    Returns
    -------
    bool
        Whether the diagonals of the Gauss-Newton matrix and of the Hessian are the same.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.ground.types import parameters
    >>> smooth = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    >>> problem = Problem(smooth, torch.ones(1, 2), torch.tensor([0]))
    >>> is_linear_by_layer(problem, parameters(smooth))
    False
    """
    count = len(problem.targets)
    probes = torch.linspace(0, count - 1, min(PROBES, count)).long()
    few = problem.cast(torch.float64).subset(probes)
    summed = replace(few, sample_loss=_sum_of_outputs)
    theta = cast(params, torch.float64)
    gradient = summed.gradient(theta)
    for name in trainable(problem, theta):
        product = hessian_vector_product(summed, theta, tensors=[name])
        change = product(_as_long_as(theta[name]))
        largest = ROUNDING * vector_norm(gradient[name])
        if vector_norm(change) > largest:
            return False
    return True


def _as_long_as(weight: Tensor) -> Tensor:
    """Return a vector with the length and the number of entries of a tensor, all of them unlike."""
    numbers = torch.arange(weight.numel(), device=weight.device)
    direction = numbers.to(weight).cos()
    length = vector_norm(weight)
    return direction * length / vector_norm(direction)


def _sum_of_outputs(outputs: Tensor, _: Tensor) -> Tensor:
    """Return a sum of the outputs of each sample, with a factor of its own for each."""
    rows = outputs.flatten(1)
    numbers = torch.arange(1, rows.shape[1] + 1, device=outputs.device)
    factors = numbers.to(outputs).cos()
    return (rows * factors).sum(1)
