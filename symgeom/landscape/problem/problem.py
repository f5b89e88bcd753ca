r"""A network, a loss and data, as pure functions of the network's parameters.

The landscape is the mean loss (and the fraction of misclassified samples, the *error*) over a fixed
data set,

.. math:: L(\theta) = \frac1N \sum_{i=1}^N \ell\big(f(\theta, x_i), y_i\big), \qquad
          E(\theta) = \frac1N \sum_{i=1}^N \big[\arg\max_c f_c(\theta, x_i) \ne y_i\big].

Every method takes the parameters of one network and is pure, so that ``torch.vmap`` lifts it to
stacked networks. Data are visited in chunks to bound memory; chunks are summed and divided by ``N``
once, so that a short last chunk weighs what it should. The network is used in evaluation mode, by
definition: no dropout, whatever mode the module is in (training has it,
:mod:`symgeom.learning.training.mode`). Batch norm needs a choice of statistics: those among the
parameters (``"carried"``), or those that the weights give on the training inputs (``"recompute"``),
measured anew for every network that is evaluated. Gradients are then those of training: each batch
is normalised by its own statistics.

What the module says is frozen (``requires_grad_(False)``) is a constant of the landscape, as
buffers are: gradients and training leave it out, and so does all that differentiates or displaces
weights by default (Hessians, noise, gradient flow).
"""

import copy
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import grad, vmap

from symgeom.ground.architecture import Architecture
from symgeom.ground.checks import SymgeomError, check_index, check_range
from symgeom.ground.doors import check_attributes, comes_from_outside, door, door_with
from symgeom.ground.modules import call_module, copied, in_mode
from symgeom.ground.types import Parameters, parameters, precision
from symgeom.ground.wrappers import unwrapped
from symgeom.landscape.batchnorm import BatchMode, check_policy
from symgeom.landscape.problem.fit import first_outputs
from symgeom.landscape.problem.losses import (
    at_least_single,
    check_precision,
    cross_entropy,
    losses_of_samples,
)
from symgeom.landscape.problem.one_output import check_one_input, with_one_output
from symgeom.landscape.problem.tasks import LOSSES, TASKS, choose_task, wrong_answers

GRADIENT_BYTES = 2**26
"""Memory (bytes) that one chunk of per-sample gradients of one network may take."""


def _check_network(problem: "Problem", params: Parameters, *_: object, **__: object) -> None:
    """Raise unless a network is one of the problem's architecture."""
    problem.architecture.check(params)


@dataclass(frozen=True, eq=False)
class Problem:
    """A loss landscape: network, data and loss.

    Attributes
    ----------
    module : nn.Module
        The architecture; its own weights are not used, but which of them are frozen counts. If any
        of it is in training mode, it is copied and put in evaluation mode.
    inputs : Tensor, shape (sample, ...)
        In the precision of the parameters. It is one tensor: a network that takes several is put
        into a module that takes one and cuts it.
    targets : Tensor, shape (sample,)
        Classes as int64, or what the ``task`` says, or whatever ``sample_loss`` takes.
    sample_loss : callable
        ``(outputs, targets) -> losses`` of shape ``(sample,)``, without reduction; that of the task
        by default.
    chunk : int
        Samples per forward pass.
    batch_norm : None or {"carried", "recompute"}
        Which statistics batch norms use; to be chosen for a network that has them, None for one
        that has not.
    training_inputs : Tensor, shape (sample, ...), optional
        What :func:`~symgeom.landscape.batchnorm.recompute_statistics` measures on, in chunks of at
        most ``chunk``.
    task : {"classes", "pixels", "tokens", "binary", "regression", "other"}
        What the outputs answer, which gives the loss and says when an answer is wrong: one class
        per sample; one class per position, whose outputs are along the first axis behind the
        samples (pixels) or along the last (tokens), where the class -100 does not count; one logit
        for each target of 0 or 1 (two classes, several labels); real numbers (mean squared error);
        or what only the loss knows. Loss and error are means over the answers of a sample, and then
        over samples; real numbers and other tasks have no error. By default the one of the first
        three that outputs and targets fit, or other, if there is a ``sample_loss`` and none fits.
    output : str or int, optional
        The name or the index of the output that is looked at, of a network that returns several (a
        mapping, a tuple, a dataclass). ``module`` is then a copy that returns it alone.

    Examples
    --------
    >>> problem = Problem(nn.Linear(2, 2), torch.eye(2), torch.tensor([0, 1]))
    >>> problem.error({"weight": torch.eye(2), "bias": torch.zeros(2)})
    tensor(0., dtype=torch.float64)
    """

    module: nn.Module
    inputs: Tensor
    targets: Tensor
    sample_loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    chunk: int = 2048
    batch_norm: str | None = None
    training_inputs: Tensor | None = None
    task: str | None = None
    output: str | int | None = None
    _batch_mode: BatchMode | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        check_one_input(self.inputs)
        check_attributes(self)
        module = with_one_output(unwrapped(self.module), self.output)
        object.__setattr__(self, "module", module)
        policy = check_policy(self.module, self.batch_norm, self.training_inputs)
        object.__setattr__(self, "batch_norm", policy)
        if policy == "recompute":
            object.__setattr__(self, "_batch_mode", BatchMode.of(self.module))
        if any(layer.training for layer in self.module.modules()):
            evaluated = in_mode(copied(self.module), training=False)
            object.__setattr__(self, "module", evaluated)
        check_range(self.chunk, "the number of samples in a chunk", least=1)
        if self.task is None or comes_from_outside():
            self._settle_task()

    @cached_property
    def architecture(self) -> Architecture:
        """Names and shapes of the tensors that the network has."""
        return Architecture.of(self.module)

    @property
    def precision(self) -> torch.dtype:
        """Return the precision of networks that are evaluated here.

        Returns
        -------
        torch.dtype
            That of the inputs; if these are whole numbers, that of the module.
        """
        if self.inputs.is_floating_point():
            return self.inputs.dtype
        return precision(parameters(self.module))

    @property
    def trainable(self) -> tuple[str, ...]:
        """Return the names of the weights that train: the parameters that are not frozen.

        Returns
        -------
        tuple of str
            In the order of ``module.named_parameters()``.

        Raises
        ------
        SymgeomError
            If the network has weights and all of them are frozen.
        """
        weights = dict(self.module.named_parameters())
        names = tuple(name for name, weight in weights.items() if weight.requires_grad)
        if weights and not names:
            raise SymgeomError(
                f"Cannot train or differentiate the network ({type(self.module).__name__}): all "
                f"its {len(weights)} weights are frozen. Call requires_grad_(True) on what is to "
                "train."
            )
        return names

    @door
    def outputs(self, params: Parameters, *, index: Tensor | None = None) -> Tensor:
        """Return the network's outputs.

        Parameters
        ----------
        params : Parameters
            One network.
        index : Tensor of int64, shape (sample,), optional
            The samples of a mini-batch; all data by default.

        Returns
        -------
        Tensor, shape (sample, ...)
            Logits of classes: ``(sample, class)``.
        """
        self.architecture.check(params)
        check_precision(params, self.inputs)
        network = self._with_statistics(params)
        if index is not None:
            check_index(index, len(self.targets))
        inputs = self.inputs if index is None else self.inputs[index]
        outputs = []
        for part in inputs.split(self.chunk):
            outputs.append(call_module(self.module, network, part))
        return torch.cat(outputs)

    @door
    def loss(self, params: Parameters, *, index: Tensor | None = None) -> Tensor:
        """Return the mean loss over the data, or over one mini-batch.

        Parameters
        ----------
        params : Parameters
            One network.
        index : Tensor of int64, shape (sample,), optional
            The samples of a mini-batch; ``vmap`` over it gives each stacked network its own.

        Returns
        -------
        Tensor, shape ()
            In the precision of the parameters.
        """
        outputs = self.outputs(params, index=index)
        targets = self.targets if index is None else self.targets[index]
        return self._losses(outputs, targets).mean()

    @door
    def error(self, params: Parameters) -> Tensor:
        """Return the fraction of misclassified samples, or of wrong answers.

        Parameters
        ----------
        params : Parameters
            One network.

        Returns
        -------
        Tensor, shape ()
            In float64; of classes a multiple of one over the number of samples.
        """
        return self.error_of(self.outputs(params))

    @door
    def loss_and_error(self, params: Parameters) -> tuple[Tensor, Tensor]:
        """Return :meth:`loss` and :meth:`error` from one pass over the data.

        Parameters
        ----------
        params : Parameters
            One network.

        Returns
        -------
        tuple of Tensor, shapes () and ()
            Loss and error.
        """
        outputs = self.outputs(params)
        loss = self._losses(outputs, self.targets).mean()
        return loss, self.error_of(outputs)

    @door
    def gradient(self, params: Parameters, *, index: Tensor | None = None) -> dict[str, Tensor]:
        """Return the gradient of the mean loss over the data, or over one mini-batch.

        Parameters
        ----------
        params : Parameters
            One network.
        index : Tensor of int64, shape (sample,), optional
            The samples of a mini-batch; ``vmap`` over it gives each stacked network its own.

        Returns
        -------
        dict of str to Tensor
            One entry per trainable tensor (buffers and frozen weights have none). With
            ``batch_norm="recompute"`` the samples are one batch, whatever ``chunk`` is.
        """
        trainable, rest = self._split(params)
        inputs = self.inputs
        targets = self.targets
        if index is not None:
            check_index(index, len(targets))
            inputs = inputs[index]
            targets = targets[index]
        chunk = len(targets) if self._batch_mode else self.chunk
        first, *others = zip(inputs.split(chunk), targets.split(chunk), strict=True)
        gradient_on = grad(self._total_loss)
        total = gradient_on(trainable, rest, *first)
        for part in others:
            for name, addend in gradient_on(trainable, rest, *part).items():
                total[name] = total[name] + addend
        return {name: tensor / len(targets) for name, tensor in total.items()}

    @door_with(_check_network)
    def batch_outputs(self, params: Parameters, inputs: Tensor) -> Tensor:
        """Return the outputs on one batch of any samples.

        Parameters
        ----------
        params : Parameters
            One network.
        inputs : Tensor, shape (sample, ...)
            The batch; with ``batch_norm="recompute"`` it is normalised by its own statistics, and
            no average is kept of them.

        Returns
        -------
        Tensor, shape (sample, class)
            Logits; differentiable.
        """
        if self._batch_mode:
            return self._batch_mode.outputs(params, inputs)
        return call_module(self.module, params, inputs)

    @door_with(_check_network)
    def batch_loss(self, params: Parameters, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of one batch of any samples, augmented ones for instance.

        Parameters
        ----------
        params : Parameters
            One network.
        inputs, targets : Tensor, shapes (sample, ...) and (sample,)
            The batch; see :meth:`batch_outputs`.

        Returns
        -------
        Tensor, shape ()
            Its gradient at ``inputs[index]``, ``targets[index]`` is :meth:`gradient` of that
            mini-batch.
        """
        outputs = at_least_single(self.batch_outputs(params, inputs))
        return self._losses(outputs, targets).mean()

    @door
    def sample_gradients(
        self, params: Parameters, *, names: Collection[str] | None = None
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the gradients of the samples' losses, chunk by chunk, so that memory is bounded.

        Parameters
        ----------
        params : Parameters
            One network (for stacked networks ``vmap`` over :meth:`mean_over_samples`).
        names : collection of str, optional
            The trainable tensors to differentiate by; all by default.

        Yields
        ------
        dict of str to Tensor, shape (sample in chunk, *shape)
            Their mean over all samples is :meth:`gradient`.

        Raises
        ------
        SymgeomError
            If statistics are recomputed: the loss of one sample then depends on the others.
        """
        self.check_samples_apart()
        trainable, rest = self._split(params)
        if names is not None:
            rest = {name: tensor for name, tensor in params.items() if name not in names}
            trainable = {name: trainable[name] for name in names}
        gradient_size = sum(tensor.nbytes for tensor in trainable.values())
        count = max(1, min(self.chunk, GRADIENT_BYTES // gradient_size))

        def of_sample(sample: Tensor, target: Tensor) -> dict[str, Tensor]:
            batch = sample.unsqueeze(0), target.unsqueeze(0)
            return grad(self._total_loss)(trainable, rest, *batch)

        chunks = zip(self.inputs.split(count), self.targets.split(count), strict=True)
        for inputs, targets in chunks:
            yield vmap(of_sample)(inputs, targets)

    def check_samples_apart(self) -> None:
        """Raise unless the loss of every sample depends on that sample alone.

        Raises
        ------
        SymgeomError
            If statistics of batch norms are recomputed.
        """
        if self._batch_mode:
            raise SymgeomError(
                "Cannot give the gradients of single samples: with batch_norm='recompute' the "
                "loss of one depends on all others. Fold the network first (fold_batchnorm), or "
                "choose 'carried'. The noise of whole mini-batches is still that of the theory: "
                "noise_force_of_batches measures it."
            )

    @door
    def mean_over_samples(
        self, params: Parameters, function: Callable[[dict[str, Tensor]], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Average a function of one sample's gradient over the data, without holding all gradients.

        Parameters
        ----------
        params : Parameters
            One network.
        function : callable
            From one sample's gradient to named tensors, for instance ``lambda g: pairing(spec, g,
            g)``.

        Returns
        -------
        dict of str to Tensor
            The means.
        """
        total: dict[str, Tensor] = {}
        for gradients in self.sample_gradients(params):
            for name, values in vmap(function)(gradients).items():
                addend = values.sum(0)
                total[name] = total[name] + addend if name in total else addend
        return {name: tensor / len(self.targets) for name, tensor in total.items()}

    @door
    def subset(self, index: Tensor) -> "Problem":
        """Return the landscape of the samples that ``index`` (int64 or bool) picks."""
        check_index(index, len(self.targets))
        return replace(self, inputs=self.inputs[index], targets=self.targets[index])

    @door
    def relabel(self, targets: Tensor) -> "Problem":
        """Return the landscape of other targets of the same inputs.

        They are not checked, so that ``vmap`` may give every network its own.

        Parameters
        ----------
        targets : Tensor, shape (sample,)
            The targets.

        Returns
        -------
        Problem
            The landscape.
        """
        relabelled = copy.copy(self)
        object.__setattr__(relabelled, "targets", targets)
        return relabelled

    @door
    def cast(self, dtype: torch.dtype) -> "Problem":
        """Return the landscape with its real numbers in another precision (not parameters)."""
        targets = self.targets.to(dtype) if self.targets.is_floating_point() else self.targets
        training = self.training_inputs
        if training is not None and training.is_floating_point():
            training = training.to(dtype)
        inputs = self.inputs.to(dtype) if self.inputs.is_floating_point() else self.inputs
        problem = copy.copy(self)
        vars(problem).update(inputs=inputs, targets=targets, training_inputs=training)
        if problem.precision != dtype:  # whole numbers do not say it
            vars(problem).update(module=copied(self.module).to(dtype))
        return problem

    @door
    def to(self, device: torch.device | str) -> "Problem":
        """Return the landscape with network and data on another device (not parameters)."""
        try:
            module = copied(self.module).to(device)
        except (RuntimeError, AssertionError) as error:  # no such device, or none of its kind
            raise SymgeomError(
                f"Cannot move the problem to device {device!r}: {str(error).splitlines()[0]}. Give "
                "a device that torch has here, 'cpu' for instance."
            ) from error
        training = None if self.training_inputs is None else self.training_inputs.to(device)
        moved = copy.copy(self)
        vars(moved).update(
            module=module,
            inputs=self.inputs.to(device),
            targets=self.targets.to(device),
            training_inputs=training,
            _batch_mode=BatchMode.of(module) if self._batch_mode else None,
        )
        return moved

    def error_of(self, outputs: Tensor) -> Tensor:
        """Return the fraction of wrong answers in outputs on the data."""
        return self.wrong(outputs, self.targets).mean()

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the share of wrong answers of each sample, or raise if no answer is wrong."""
        return wrong_answers(TASKS[str(self.task)], outputs, targets)

    def _settle_task(self) -> None:
        """Find out what the outputs answer, and take the loss that belongs to it."""
        outputs = first_outputs(self.module, self.inputs, self.targets)
        has_own_loss = self.sample_loss not in LOSSES
        task = choose_task(self.task, outputs, self.targets, has_own_loss=has_own_loss)
        object.__setattr__(self, "task", task.name)
        if task.losses is not None and not has_own_loss:
            object.__setattr__(self, "sample_loss", task.losses)

    def _losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each sample, or raise if the loss gives something else."""
        return losses_of_samples(self.sample_loss, outputs, targets)

    def _with_statistics(self, params: Parameters) -> dict[str, Tensor]:
        """Return a network with the statistics that its batch norms use."""
        if self._batch_mode is None or self.training_inputs is None:
            return dict(params)
        return self._batch_mode.recomputed(params, self.training_inputs, self.chunk)

    def _split(self, params: Parameters) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the trainable tensors of a network, and the others."""
        self.architecture.check(params)
        check_precision(params, self.inputs)
        names = set(self.trainable)
        trainable = {name: tensor for name, tensor in params.items() if name in names}
        rest = {name: tensor for name, tensor in params.items() if name not in names}
        return trainable, rest

    def _total_loss(
        self, trainable: Parameters, rest: Parameters, inputs: Tensor, targets: Tensor
    ) -> Tensor:
        outputs = self.batch_outputs({**trainable, **rest}, inputs)
        return self._losses(outputs, targets).sum()
