"""A network in training mode: dropout, stochastic depth, whatever the module does while it trains.

Evaluation has none of it: a :class:`~symgeom.landscape.problem.Problem` is in evaluation mode by
definition, and only the gradients of training are taken in training mode (``module.train()``, also
if the module overrides it). Batch norms are the exception: which statistics they use is the
problem's choice (see :class:`~symgeom.landscape.problem.Problem`).

What the layers draw comes from PyTorch's global generators, which every step of every member seeds
anew, from a number of the member's own and the number of the step, and puts back afterwards. So a
network with dropout does not depend on the company in which it trains, nor on where its training
was interrupted; and all gradients that one step takes (two, with SAM) are those of one function.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import call_module
from symgeom.ground.randomness import global_seed
from symgeom.ground.types import Parameters, cast, parameters
from symgeom.landscape.batchnorm import BatchMode, training_copy
from symgeom.landscape.problem import Problem
from symgeom.learning.training.dense import is_dense_chain

SAMPLES = 8
"""How many samples are fed to a network to see what it does in training mode."""


@dataclass(frozen=True, eq=False)
class TrainingMode:
    """A network as it is trained.

    Attributes
    ----------
    module : nn.Module or BatchMode
        The network in training mode; its own weights are not used.
    device : torch.device
        Where it computes.
    draws : bool
        Whether its layers draw random numbers.
    differs : bool
        Whether it computes anything else than in evaluation mode (apart from batch norms).
    """

    module: nn.Module | BatchMode
    device: torch.device
    draws: bool = False
    differs: bool = False

    @staticmethod
    def of(problem: Problem) -> "TrainingMode":
        """Return the network of a problem in training mode, once it is seen what that does.

        Parameters
        ----------
        problem : Problem
            The training set and its network.

        Returns
        -------
        TrainingMode
            The network.

        Raises
        ------
        SymgeomError
            If the outputs in training mode are others than in evaluation mode in kind or shape, or
            depend on anything but weights, inputs and PyTorch's global generators.

        Examples
        --------
        >>> network = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))
        >>> TrainingMode.of(Problem(network, torch.ones(2, 3), torch.tensor([0, 1]))).draws
        True
        """
        mode = TrainingMode(_in_training(problem), problem.inputs.device)
        if is_dense_chain(problem.module, problem.inputs):
            return mode
        return mode._tried(problem)

    def outputs(self, params: Parameters, inputs: Tensor) -> Tensor:
        """Return the outputs on one batch.

        Parameters
        ----------
        params : Parameters
            One network.
        inputs : Tensor, shape (sample, ...)
            The batch.

        Returns
        -------
        Tensor, shape (sample, class)
            Logits; differentiable.
        """
        if isinstance(self.module, BatchMode):
            return self.module.outputs(params, inputs)
        return call_module(self.module, params, inputs)

    def drawn_outputs(self, params: Parameters, inputs: Tensor, seed: int) -> Tensor:
        """Return the outputs on one batch; what layers draw depends on the seed alone.

        Parameters
        ----------
        params, inputs
            As in :meth:`outputs`.
        seed : int
            For PyTorch's global generators; not used by a network that draws nothing.

        Returns
        -------
        Tensor, shape (sample, class)
            Logits; differentiable.
        """
        if not self.draws:
            return self.outputs(params, inputs)
        with global_seed(seed, self.device):
            return self.outputs(params, inputs)

    @torch.no_grad()
    def _tried(self, problem: Problem) -> "TrainingMode":
        """Feed a few samples twice, and say what was seen, or raise."""
        kind = type(problem.module).__name__
        samples = problem.inputs[:SAMPLES]
        dtype = samples.dtype if samples.is_floating_point() else torch.float32
        network = cast(parameters(problem.module), dtype)
        evaluated = problem.batch_outputs(network, samples)
        with global_seed(0, self.device):
            before = self._random_state()
            first = self.outputs(network, samples)
            draws = not torch.equal(before, self._random_state())
        with global_seed(0, self.device):
            second = self.outputs(network, samples)
        if not isinstance(first, Tensor) or first.shape != evaluated.shape:
            raise SymgeomError(
                f"Cannot train the network ({kind}): in training mode it gives {_described(first)} "
                f"where it gives {_described(evaluated)} in evaluation mode. Turn off what it adds "
                "while it trains (auxiliary classifiers, for instance)."
            )
        if not _same(first, second):
            raise SymgeomError(
                f"Cannot train the network ({kind}): in training mode two evaluations of one "
                "batch differ, though PyTorch's global generator began at one seed. Draw from that "
                "generator alone, and let no layer keep what it has seen in buffers (a spectral "
                "norm, a running average)."
            )
        return replace(self, draws=draws, differs=draws or not _same(first, evaluated))

    def _random_state(self) -> Tensor:
        """Return the state of the global generators that layers draw from."""
        state = torch.get_rng_state()
        if self.device.type == "cuda":
            state = torch.cat([state, torch.cuda.get_rng_state(self.device)])
        return state


def _in_training(problem: Problem) -> nn.Module | BatchMode:
    """Return a copy of a network in training mode, its batch norms as the problem says."""
    if problem.batch_norm == "recompute":
        return BatchMode.of(problem.module, training=True)
    return training_copy(problem.module)


def _same(first: Tensor, second: Tensor) -> bool:
    """Return whether two tensors are equal, one NaN being equal to another."""
    return torch.equal(first.nan_to_num(), second.nan_to_num())


def _described(outputs: object) -> str:
    """Return what a network gave, in words."""
    if isinstance(outputs, Tensor):
        return f"a tensor of shape {tuple(outputs.shape)}"
    return f"a {type(outputs).__name__}"
