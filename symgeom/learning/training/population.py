"""Stacked networks, differentiated and evaluated in one batched pass or one network after another.

One after another, a network's result is the same, bit for bit, whichever others are in the stack.
Batched passes are faster where networks are small or the device is wide. But the last bits of a
batched product depend on the size of the batch and on the position in it, because kernels are
chosen by shape and by alignment in memory: there the rounding of a seed depends on its company. A
rerun of the same stack is still exact on a CPU.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, stack, unstack
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.landscape.problem.losses import at_least_single
from symgeom.learning.training.dense import dense_outputs, is_dense_chain
from symgeom.learning.training.mode import TrainingMode
from symgeom.learning.training.plan import Plan
from symgeom.learning.training.record import Evaluation


def trains_together(problem: Problem, members: int, plan: Plan) -> bool:
    """Choose whether stacked networks are computed in one batched pass.

    Parameters
    ----------
    problem : Problem
        The training set: its device, its precision and the layers of its network decide.
    members : int
        Networks in the stack.
    plan : Plan
        ``plan.together`` other than ``"auto"`` settles it.

    Returns
    -------
    bool
        Never for networks with dropout or other layers that draw random numbers, which each network
        has for itself. Else always off the CPU. On a CPU, for several networks in single precision
        all of whose weights are in dense layers (``nn.Linear``, subclasses included) and batch
        norms: in double precision little is gained, and convolutions are slower.

    Examples
    --------
    >>> problem = Problem(nn.Linear(3, 2), torch.zeros(2, 3), torch.tensor([0, 1]))
    >>> trains_together(problem, 8, Plan()), trains_together(problem, 1, Plan())
    (True, False)
    """
    if plan.together != "auto":
        return plan.together == "batched"
    if problem.inputs.device.type == "cpu":
        if members == 1 or problem.precision != torch.float32:
            return False
        if not all(_is_dense(layer) for layer in problem.module.modules()):
            return False
    return not TrainingMode.of(problem).draws


def _is_dense(layer: nn.Module) -> bool:
    """Return whether a layer is dense or a batch norm, or has no weights itself."""
    has_weights = next(layer.parameters(recurse=False), None) is not None
    return isinstance(layer, (nn.Linear, nn.BatchNorm1d)) or not has_weights


@dataclass(frozen=True, eq=False)
class Population:
    """How the networks of a stack are computed.

    Attributes
    ----------
    problem : Problem
        The training set.
    together : bool
        Whether they are computed in one batched pass, or one after another.
    autocast : torch.dtype or None
        Precision of the forward pass in training.
    mode : TrainingMode
        The network as it is trained.

    Examples
    --------
    >>> targets = torch.tensor([0, 1, 1, 1])
    >>> problem = Problem(nn.Linear(3, 2), torch.zeros(4, 3), targets)
    >>> population = Population(problem, together=False, autocast=None)
    >>> stacked = {"weight": torch.zeros(5, 2, 3), "bias": torch.tensor([[0.0, 1.0]]).repeat(5, 1)}
    >>> population.evaluate(stacked, targets.expand(5, 4)).error
    tensor([0.2500, 0.2500, 0.2500, 0.2500, 0.2500], dtype=torch.float64)
    """

    problem: Problem
    together: bool
    autocast: torch.dtype | None
    mode: TrainingMode = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", TrainingMode.of(self.problem))
        if self.together and self.mode.draws:
            raise SymgeomError(
                f"Cannot train networks ({type(self.problem.module).__name__}) in batched passes "
                "whose layers draw random numbers (dropout): each would depend on the others. "
                "Choose together='auto' or 'one'."
            )
        if self.autocast is not None and self.problem.precision == torch.float64:
            raise SymgeomError(
                f"Cannot train under autocast to {self.autocast} in double precision, which "
                "autocast leaves alone: use problem.cast(torch.float32) and cast the weights too."
            )

    def samples(self, index: Tensor) -> Tensor | list[Tensor]:
        """Return each member's mini-batch.

        Parameters
        ----------
        index : Tensor of int64, shape (member, sample)
            Which samples.

        Returns
        -------
        Tensor of shape (member, sample, ...), or a list of as many tensors
            The inputs; those of networks that are computed apart lie apart in memory too.
        """
        inputs = self.problem.inputs
        if self.together:
            return inputs.index_select(0, index.flatten()).unflatten(0, index.shape)
        return [inputs[row] for row in index]

    def gradients(
        self,
        params: Parameters,
        names: Sequence[str],
        inputs: Tensor | list[Tensor],
        targets: Tensor,
        draws: Sequence[int],
    ) -> dict[str, Tensor]:
        """Return the gradients of the mean losses of the members' mini-batches, as in training.

        Parameters
        ----------
        params : Parameters
            Stacked networks.
        names : sequence of str
            The trainable tensors.
        inputs : Tensor or list of Tensor, shape (member, sample, ...)
            What :meth:`samples` returned, augmented or not.
        targets : Tensor of int64, shape (member, sample)
            Classes.
        draws : sequence of int
            For each member the seed of what its layers draw.

        Returns
        -------
        dict of str to Tensor
            New tensors, stacked.
        """
        if not self.together:
            return self._gradients_apart(params, names, inputs, targets, draws)
        batch = inputs if isinstance(inputs, Tensor) else torch.stack(inputs)
        return self._gradients_together(params, names, batch, targets)

    @torch.no_grad()
    def evaluate(self, params: Parameters, labels: Tensor) -> Evaluation:
        """Return the networks as they are evaluated, and what comes of it.

        Parameters
        ----------
        params : Parameters
            Stacked networks.
        labels : Tensor of int64, shape (member, sample)
            Classes of all samples.

        Returns
        -------
        Evaluation
            Losses and errors over all samples, not augmented. Where statistics of batch norms are
            recomputed, the networks have those that their weights give: evaluated as ``carried``
            they are the same.
        """
        problem = self.problem
        networks = dict(params)
        if problem.training_inputs is not None and problem.batch_norm == "recompute":
            networks = self._with_statistics(params, problem.training_inputs)
            # Laid out anew, because the chunks of the statistics may suit the evaluation badly.
            carried = replace(problem, batch_norm="carried", training_inputs=None)
            problem = laid_out(carried)
        if self.together:
            loss, error = _evaluate_together(problem, networks, labels)
        else:
            loss, error = _evaluate_apart(problem, networks, labels)
        return Evaluation(networks, loss, error)

    def _gradients_together(
        self, params: Parameters, names: Sequence[str], inputs: Tensor, targets: Tensor
    ) -> dict[str, Tensor]:
        """Return the gradients from one batched pass."""
        leaves = {name: params[name].detach().requires_grad_() for name in names}
        with self._forward_precision():
            outputs = self._training_outputs({**params, **leaves}, inputs)
        logits = at_least_single(outputs).flatten(0, 1)
        losses = self.problem.sample_loss(logits, targets.flatten(0, 1))
        # One backward pass through the sum, whose terms share no weights, does without the imports
        # of torch.func.grad.
        total = losses.unflatten(0, targets.shape[:2]).mean(1).sum()
        return _differentiated(total, leaves)

    def _gradients_apart(
        self,
        params: Parameters,
        names: Sequence[str],
        inputs: Iterable[Tensor],
        targets: Tensor,
        draws: Sequence[int],
    ) -> dict[str, Tensor]:
        """Return the gradients of one network after another."""
        gradients = []
        members = zip(_apart(params), inputs, targets, draws, strict=True)
        for network, batch, labels, seed in members:
            leaves = {name: network[name].requires_grad_() for name in names}
            with self._forward_precision():
                outputs = self.mode.drawn_outputs({**network, **leaves}, batch, seed)
                logits = at_least_single(outputs)
                loss = self.problem.sample_loss(logits, labels).mean()
            gradients.append(_differentiated(loss, leaves))
        return stack(gradients)

    def _training_outputs(self, params: Parameters, inputs: Tensor) -> Tensor:
        """Return the outputs of all members, each on its mini-batch."""
        module = self.problem.module
        # Under autocast the products of a layer change precision, which the backward pass of
        # ``dense_outputs`` would have to know.
        if self.autocast is None and is_dense_chain(module, self.problem.inputs):
            return dense_outputs(module, params, inputs)
        return torch.vmap(self.mode.outputs)(dict(params), inputs)

    def _forward_precision(self) -> AbstractContextManager[object]:
        """Return the context of a forward pass in training."""
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.problem.inputs.device.type, self.autocast)

    def _with_statistics(self, params: Parameters, inputs: Tensor) -> dict[str, Tensor]:
        """Return stacked networks with the statistics of batch norms that their weights give."""
        problem = self.problem

        def measured(network: Parameters) -> dict[str, Tensor]:
            return recompute_statistics(problem.module, network, inputs, chunk=problem.chunk)

        if self.together:
            return torch.vmap(measured)(params)
        return stack([measured(network) for network in _apart(params)])


def _evaluate_together(
    problem: Problem, networks: Parameters, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return losses and errors of stacked networks, from batched passes."""
    members = len(labels)
    chunk = max(1, problem.chunk // members)
    parts = [_outputs(problem, networks, part, members) for part in problem.inputs.split(chunk)]
    outputs = torch.cat(parts, 1).flatten(0, 1)
    targets = labels.flatten(0, 1)
    shape = labels.shape[:2]
    losses = problem.sample_loss(outputs, targets).unflatten(0, shape)
    wrong = problem.wrong(outputs, targets).unflatten(0, shape)
    return losses.mean(1), wrong.mean(1)


def _outputs(problem: Problem, networks: Parameters, samples: Tensor, members: int) -> Tensor:
    """Return the outputs of all members on the same samples."""
    if is_dense_chain(problem.module, problem.inputs):
        shared = samples.expand(members, *samples.shape)
        return dense_outputs(problem.module, networks, shared)
    forward = torch.vmap(problem.batch_outputs, in_dims=(0, None))
    return forward(dict(networks), samples)


def _evaluate_apart(
    problem: Problem, networks: Parameters, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return losses and errors of stacked networks, one after another."""
    losses = []
    errors = []
    for network, targets in zip(_apart(networks), labels, strict=True):
        loss, error = problem.relabel(targets).loss_and_error(network)
        losses.append(loss)
        errors.append(error)
    return torch.stack(losses), torch.stack(errors)


def _differentiated(loss: Tensor, leaves: Parameters) -> dict[str, Tensor]:
    """Return the gradient of a loss with respect to the leaves."""
    gradients = torch.autograd.grad(loss, tuple(leaves.values()), materialize_grads=True)
    return dict(zip(leaves, gradients, strict=True))


def _apart(params: Parameters) -> Iterator[dict[str, Tensor]]:
    """Yield the networks of a stack, each in memory of its own."""
    # The last bits of a product depend on how its factors are aligned in memory: a view into the
    # stack would have the alignment of its place there.
    for network in unstack(params):
        yield {name: tensor.clone() for name, tensor in network.items()}
