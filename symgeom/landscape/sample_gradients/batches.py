"""The gradients of mini-batches as training takes them: batch statistics, dropout and all."""

import torch
from torch import Generator, Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import call_module
from symgeom.ground.randomness import global_seed
from symgeom.ground.types import Parameters, precision
from symgeom.landscape.batchnorm import BatchMode, training_copy
from symgeom.landscape.problem import Problem


class BatchGradients:
    """The gradients of the mean losses of mini-batches, in training mode.

    Parameters
    ----------
    problem : Problem
        The landscape, in any precision.
    params : Parameters
        One network, in the precision in which to compute.
    """

    def __init__(self, problem: Problem, params: Parameters) -> None:
        self._problem = problem
        self._module: nn.Module | BatchMode = training_copy(problem.module)
        if problem.batch_norm == "recompute":
            self._module = BatchMode.of(problem.module, training=True)
        self._theta = {}
        for name, tensor in params.items():
            self._theta[name] = tensor.detach().requires_grad_(name in problem.trainable)

    def at(self, index: Tensor, generator: Generator) -> dict[str, Tensor]:
        """Return the gradient of one mini-batch.

        Parameters
        ----------
        index : Tensor of int64, shape (sample,)
            Its samples.
        generator : Generator
            Seeds what layers draw.

        Returns
        -------
        dict of str to Tensor
            One entry per trainable tensor.

        Raises
        ------
        SymgeomError
            If a loss is not finite, or there is not one for each sample.
        """
        where = index.to(self._problem.targets.device)
        part = self._problem.subset(where)
        part = part.cast(precision(self._theta))
        drawn = torch.randint(2**62, (), generator=generator)
        with global_seed(int(drawn), part.inputs.device), torch.enable_grad():
            outputs = self._outputs(part.inputs)
            losses = part.sample_loss(outputs, part.targets)
        _check_losses(losses, index)
        names = self._problem.trainable
        weights = [self._theta[name] for name in names]
        gradients = torch.autograd.grad(losses.mean(), weights, materialize_grads=True)
        return dict(zip(names, gradients, strict=True))

    def _outputs(self, inputs: Tensor) -> Tensor:
        if isinstance(self._module, BatchMode):
            return self._module.outputs(self._theta, inputs)
        return call_module(self._module, self._theta, inputs)


def _check_losses(losses: Tensor, index: Tensor) -> None:
    """Raise unless there is a finite loss for each sample of a mini-batch."""
    if losses.shape != index.shape:
        raise SymgeomError(
            f"Cannot take the gradient of a mini-batch: of {len(index)} samples the loss gives "
            f"a tensor of shape {tuple(losses.shape)}. Give a sample_loss that returns one "
            "number per sample, without reduction."
        )
    finite = losses.isfinite().cpu()
    wrong = index[~finite]
    if len(wrong):
        raise SymgeomError(
            f"Cannot take the gradient of a mini-batch: the losses of {len(wrong)} of its "
            f"{len(index)} samples are NaN or infinite though all weights are finite (the "
            f"first is sample {int(wrong[0])}). Leave these samples out (problem.subset), or "
            "look at what the network makes of them."
        )
