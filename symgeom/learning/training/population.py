"""Stacked networks, differentiated and evaluated in one batched pass or one network after another.

One after another, a network's result is the same, bit for bit, whichever others are in the stack.
Batched passes are faster where networks are small or the device is wide, but the last bits of a
batched product depend on the size of the batch and on the place in it (kernels are chosen by shape
and by alignment in memory): there a seed's rounding depends on its company, while a rerun of the
same stack is still exact on a CPU.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, stack, unstack
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.landscape.problem.losses import at_least_single, misclassified
from symgeom.learning.training.dense import dense_outputs, is_dense_chain
from symgeom.learning.training.plan import Plan


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
        Off the CPU, yes. On a CPU, yes for several networks in single precision all of whose
        weights are in dense layers (``nn.Linear``, subclasses included) and batch norms: in double
        precision little is gained, and convolutions are slower.

    Examples
    --------
    >>> data = torch.zeros(2, 3), torch.tensor([0, 1])
    >>> trains_together(Problem(nn.Linear(3, 2), *data), 8, Plan()), trains_together(Problem(nn.Linear(3, 2), *data), 1, Plan())
    (True, False)
    """
    if plan.together != "auto":
        return plan.together == "batched"
    if problem.inputs.device.type != "cpu":
        return True
    holders = [
        layer
        for layer in problem.module.modules()
        if any(True for _ in layer.parameters(recurse=False))
    ]
    dense = all(isinstance(layer, (nn.Linear, nn.BatchNorm1d)) for layer in holders)
    return members > 1 and dense and problem.inputs.dtype == torch.float32


@dataclass(frozen=True, eq=False)
class Population:
    """How the networks of a stack are computed.

    Attributes
    ----------
    problem : Problem
        The training set.
    together : bool
        In one batched pass, or one after another.
    autocast : torch.dtype or None
        Precision of the forward pass in training.

    Examples
    --------
    >>> population = Population(Problem(nn.Linear(3, 2), torch.zeros(4, 3), torch.tensor([0, 1, 1, 1])), False, None)
    >>> stacked = {"weight": torch.zeros(5, 2, 3), "bias": torch.tensor([[0.0, 1.0]]).repeat(5, 1)}
    >>> population.evaluate(stacked, population.problem.targets.expand(5, 4))[2]
    tensor([0.2500, 0.2500, 0.2500, 0.2500, 0.2500], dtype=torch.float64)
    """

    problem: Problem
    together: bool
    autocast: torch.dtype | None

    def __post_init__(self) -> None:
        if self.autocast is not None and self.problem.inputs.dtype == torch.float64:
            raise SymgeomError(
                f"Cannot train under autocast to {self.autocast} in double precision, which autocast leaves alone: "
                "use problem.cast(torch.float32) and cast the weights too."
            )

    def samples(self, index: Tensor) -> Sequence[Tensor]:
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
        if self.together:
            return self.problem.inputs.index_select(0, index.flatten()).unflatten(0, index.shape)
        return [self.problem.inputs[row] for row in index]

    def gradients(
        self, params: Parameters, names: Sequence[str], inputs: Sequence[Tensor], targets: Tensor
    ) -> dict[str, Tensor]:
        """Return the gradients of the mean losses of the members' mini-batches, as in training.

        Parameters
        ----------
        params : Parameters
            Stacked networks.
        names : sequence of str
            The trainable tensors.
        inputs, targets : Tensor or list of Tensor, shapes (member, sample, ...) and (member, sample)
            What :meth:`samples` returned, augmented or not; classes.

        Returns
        -------
        dict of str to Tensor
            New tensors, stacked.
        """
        if self.together:
            leaves = {name: params[name].detach().requires_grad_() for name in names}
            with self._forward_precision():
                outputs = self._training_outputs({**params, **leaves}, inputs)
            losses = self.problem.sample_loss(
                at_least_single(outputs).flatten(0, 1), targets.flatten()
            )
            # One backward pass through the sum, whose terms share no weights: without the imports of torch.func.grad.
            return _differentiated(losses.unflatten(0, targets.shape).mean(1).sum(), leaves)
        found = []
        for network, batch, labels in zip(_apart(params), inputs, targets, strict=True):
            leaves = {name: network[name].requires_grad_() for name in names}
            with self._forward_precision():
                loss = self.problem.batch_loss({**network, **leaves}, batch, labels)
            found.append(_differentiated(loss, leaves))
        return stack(found)

    @torch.no_grad()
    def evaluate(
        self, params: Parameters, labels: Tensor
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return the networks as they are evaluated, and what comes of it.

        Parameters
        ----------
        params : Parameters
            Stacked networks.
        labels : Tensor of int64, shape (member, sample)
            Classes of all samples.

        Returns
        -------
        networks : dict of str to Tensor
            With the statistics that their weights give, where these are recomputed: evaluated as
            ``carried`` they are the same.
        loss, error : Tensor, shape (member,)
            Over all samples, not augmented.
        """
        problem = self.problem
        if problem.batch_norm == "recompute":

            def measured(network: Parameters) -> dict[str, Tensor]:
                return recompute_statistics(
                    problem.module, network, problem.training_inputs, chunk=problem.chunk
                )

            params = (
                torch.vmap(measured)(params)
                if self.together
                else stack([measured(network) for network in _apart(params)])
            )
            problem = laid_out(
                replace(problem, batch_norm="carried", training_inputs=None)
            )  # the statistics kept their chunks
        if self.together:
            return dict(params), *self._evaluated(problem, params, labels)
        rows = [
            problem.relabel(own).loss_and_error(network)
            for network, own in zip(_apart(params), labels, strict=True)
        ]
        return dict(params), *map(torch.stack, zip(*rows, strict=True))

    def _training_outputs(self, params: Parameters, inputs: Tensor) -> Tensor:
        # Under autocast the products of a layer change precision, which its own backward pass would have to know.
        if self.autocast is None and is_dense_chain(self.problem.module, self.problem.inputs):
            return dense_outputs(self.problem.module, params, inputs)
        return torch.vmap(self.problem.batch_outputs)(dict(params), inputs)

    def _evaluated(
        self, problem: Problem, params: Parameters, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        chunk, chain = (
            max(1, problem.chunk // len(labels)),
            is_dense_chain(problem.module, problem.inputs),
        )
        forward = torch.vmap(problem.batch_outputs, in_dims=(0, None))
        parts = []
        for part in problem.inputs.split(chunk):
            everyone = part.expand(len(labels), *part.shape)
            parts.append(
                dense_outputs(problem.module, params, everyone)
                if chain
                else forward(dict(params), part)
            )
        outputs = torch.cat(parts, 1)
        losses = problem.sample_loss(outputs.flatten(0, 1), labels.flatten()).unflatten(
            0, labels.shape
        )
        return losses.mean(1), misclassified(outputs, labels)

    def _forward_precision(self) -> AbstractContextManager[object]:
        return (
            nullcontext()
            if self.autocast is None
            else torch.autocast(self.problem.inputs.device.type, self.autocast)
        )


def _differentiated(loss: Tensor, leaves: Parameters) -> dict[str, Tensor]:
    return dict(
        zip(
            leaves,
            torch.autograd.grad(loss, tuple(leaves.values()), materialize_grads=True),
            strict=True,
        )
    )


def _apart(params: Parameters) -> Iterator[dict[str, Tensor]]:
    # Copies, because a view into the stack is aligned in memory as its place in the stack has it.
    for network in unstack(params):
        yield {name: tensor.clone() for name, tensor in network.items()}
