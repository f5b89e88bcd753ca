r"""The landscape around a network, measured there: what every orbit can do.

Derivatives of gradients and products with the Hessian are taken by automatic differentiation, for
batches that fit in memory at once. The trace of the Gauss-Newton matrix of the cross entropy is the
mean, over samples and over labels drawn from the network's own probabilities, of squared lengths of
gradients (:mod:`symgeom.landscape.flatness.diagonal`).
"""

from functools import cached_property

import torch
from torch import Tensor
from torch.func import grad, vmap

from symgeom.ground.attention import twice_differentiable
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.hessian import trainable
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.losses import cross_entropy
from symgeom.neighbours.teleportation.objective import Locality
from symgeom.neighbours.teleportation.orbit import Spent


class Measured(Locality):
    """The landscape around a network.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        The network, with the history along which to differentiate.
    spent : Spent
        What is computed is added here, with its derivatives.
    """

    def __init__(self, problem: Problem, params: Parameters, spent: Spent) -> None:
        self._problem = problem
        self._params = dict(params)
        self._spent = spent
        self._weights = trainable(problem, params)
        for name in self._weights:
            if not self._params[name].requires_grad:
                self._params[name] = self._params[name].detach().requires_grad_()

    @cached_property
    def _gradient(self) -> list[Tensor]:
        self._spent.gradients += 1
        self._spent.products += 1
        with twice_differentiable():
            loss = self._problem.loss(self._params)
        return self._slopes(loss)

    def _slopes(self, number: Tensor) -> list[Tensor]:
        weights = [self._params[name] for name in self._weights]
        slopes = torch.autograd.grad(number, weights, create_graph=True, materialize_grads=True)
        return list(slopes)

    def squared_gradient(self) -> Tensor:
        """Return the squared length of the gradient."""
        squares = [slope.square().sum() for slope in self._gradient]
        return torch.stack(squares).sum()

    def curvature_along_gradient(self) -> Tensor:
        """Return the product of gradient, Hessian and gradient."""
        self._spent.products += 2
        images = self._slopes(self.squared_gradient() / 2)
        pairs = zip(images, self._gradient, strict=True)
        terms = [(image * slope).sum() for image, slope in pairs]
        return torch.stack(terms).sum()

    def trace(self) -> Tensor:
        """Return the trace of the Gauss-Newton matrix."""
        problem = self._problem
        if problem.sample_loss is not cross_entropy:
            raise SymgeomError(
                "Cannot look for the smallest trace of the Gauss-Newton matrix: as a sum of "
                "squared gradients it is known for the cross entropy of classes only, and the "
                "problem has a loss of its own. Ask for another objective."
            )
        weights = {name: self._params[name] for name in self._weights}
        with twice_differentiable():
            outputs = problem.outputs(self._params)
        classes = outputs.shape[-1]
        self._spent.gradients += classes
        self._spent.products += classes

        def squared_slope(sample: Tensor, label: Tensor) -> Tensor:
            def loss(tensors: Parameters) -> Tensor:
                network = {**self._params, **tensors}
                with twice_differentiable():
                    return problem.batch_loss(network, sample[None], label[None])

            slopes = grad(loss)(weights)
            return torch.stack([slope.square().sum() for slope in slopes.values()]).sum()

        of_labels = vmap(vmap(squared_slope, (None, 0)), (0, None))
        squares = of_labels(problem.inputs, torch.arange(classes))
        return (outputs.softmax(-1) * squares).sum(-1).mean()
