r"""The statistics of batch norms: which ones a network uses, and how to measure them anew.

A chunk of :math:`n_c` training samples gives every channel the mean :math:`\mu_c` and the variance
:math:`v_c` of the batch, as in training mode; the other layers are in eval mode. The statistics of
the network are

.. math:: \mu = \frac1N \sum_c n_c\, \mu_c, \qquad v = \frac1N \sum_c n_c\, v_c,

over the :math:`\lceil N / \mathtt{chunk} \rceil` chunks, of equal size up to one sample. The
variance is torch's ``running_var``: unbiased, and within chunks (what their means vary by is not
part of it).

References
----------
Ioffe and Szegedy, "Batch normalization" (1502.03167), section 3.1. Izmailov et al., "Averaging
weights leads to wider optima" (1803.05407), section 3.2: statistics measured anew after the weights
were moved. Jordan et al., "REPAIR" (2211.08403): what carried statistics do to a network between
two networks.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from symgeom.ground.architecture import Architecture
from symgeom.ground.checks import SymgeomError, check_choice, check_samples
from symgeom.ground.doors import door
from symgeom.ground.modules import copied, in_mode, refuse, run
from symgeom.ground.types import Parameters

POLICIES = ("carried", "recompute")
"""Batch norms use the statistics among the parameters, or those measured anew for every network."""


def batch_norms(module: nn.Module) -> dict[str, _BatchNorm]:
    """Return the batch norms of a network by their path.

    Parameters
    ----------
    module : nn.Module
        Any network.

    Returns
    -------
    dict of str to nn.BatchNorm1d, 2d or 3d
        In the order of the modules.

    Raises
    ------
    SymgeomError
        If one of them keeps no running statistics.

    Examples
    --------
    >>> list(batch_norms(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))))
    ['1']
    """
    norms = {}
    for path, layer in module.named_modules():
        if not isinstance(layer, _BatchNorm):
            continue
        if layer.running_mean is None or layer.running_var is None:
            raise SymgeomError(
                f"Cannot fold or evaluate batch norm '{path}' {layer}: it keeps no running "
                "statistics, so that its outputs depend on the batch. "
                "Build it with track_running_stats=True."
            )
        norms[path] = layer
    return norms


def tensor_name(path: str, tensor: str) -> str:
    """Return the name of a tensor of the module at a path (empty for the network itself)."""
    return f"{path}.{tensor}" if path else tensor


def sharing_copy(module: nn.Module) -> nn.Module:
    """Return a copy of a module in eval mode that shares its tensors with the module.

    Parameters
    ----------
    module : nn.Module
        Any network; not modified.

    Returns
    -------
    nn.Module
        The copy.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> sharing_copy(layer).weight is layer.weight
    True
    """
    tensors = [*module.parameters(), *module.buffers()]
    twin = copied(module, tensors)
    return in_mode(twin, training=False)


def check_policy(
    module: nn.Module, policy: str | None, training_inputs: Tensor | None
) -> str | None:
    """Raise unless the policy says which statistics the batch norms of a network use.

    Parameters
    ----------
    module : nn.Module
        Any network.
    policy : None or {"carried", "recompute"}
        Where the statistics come from.
    training_inputs : Tensor or None
        The samples on which statistics are measured.

    Returns
    -------
    None or str
        The policy; None for a network without batch norm, where it has no effect.

    Raises
    ------
    SymgeomError
        If the network has batch norm and there is no policy, an unknown one, or no samples to
        measure statistics on.

    Examples
    --------
    >>> network = nn.Sequential(nn.BatchNorm1d(2))
    >>> check_policy(network, "carried", None), check_policy(nn.ReLU(), "carried", None)
    ('carried', None)
    """
    if policy is not None:
        check_choice(policy, POLICIES, "policy for batch norm")
    norms = batch_norms(module)
    if not norms:
        return None
    if policy is None:
        first = next(iter(norms))
        raise SymgeomError(
            f"Cannot evaluate a network with batch norm ('{first}' is the first of {len(norms)}) "
            "before it is said which statistics it uses. Fold it first (fold_batchnorm), or choose "
            "batch_norm='recompute' with training_inputs, to measure them for every network, or "
            "batch_norm='carried', to use those among the parameters."
        )
    if policy == "recompute" and (training_inputs is None or len(training_inputs) == 0):
        raise SymgeomError(
            "Cannot recompute the statistics of batch norms without samples: "
            "give the training_inputs."
        )
    return policy


@dataclass(frozen=True, eq=False)
class BatchMode:
    """A network that normalises by the statistics of its batch.

    All else is in evaluation mode, or in training mode too.

    Attributes
    ----------
    module : nn.Module
        A copy that shares its tensors with the network it was made from.
    norms : tuple of str
        Paths of the batch norms.
    """

    module: nn.Module
    norms: tuple[str, ...]

    @staticmethod
    def of(module: nn.Module, *, training: bool = False) -> "BatchMode":
        """Return a network in batch mode; the module itself is left as it is."""
        twin = in_mode(sharing_copy(module), training=training)
        norms = batch_norms(twin)
        for norm in norms.values():
            norm.train()
            norm.momentum = None  # averages over the calls of a layer that is used more than once
        return BatchMode(twin, tuple(norms))

    def outputs(self, params: Parameters, inputs: Tensor) -> Tensor:
        """Return the outputs on one batch.

        Parameters
        ----------
        params : Parameters
            One network; its statistics are neither used nor changed.
        inputs : Tensor, shape (sample, ...)
            The batch.

        Returns
        -------
        Tensor
            As the network returns it; differentiable.
        """
        return self._run(params, inputs)[0]

    @torch.no_grad()
    def recomputed(self, params: Parameters, inputs: Tensor, chunk: int) -> dict[str, Tensor]:
        """Return the network with the statistics of its weights (:func:`recompute_statistics`)."""
        mean: dict[str, Tensor] = {}
        for part in inputs.tensor_split(math.ceil(len(inputs) / chunk)):
            _, statistics = self._run(params, part)
            for name, values in statistics.items():
                share = values * (len(part) / len(inputs))
                mean[name] = mean[name] + share if name in mean else share
        return {**params, **mean}

    def _run(self, params: Parameters, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return outputs and statistics: what the layers write into buffers that begin at zero."""
        statistics = {}
        counts = {}
        for path in self.norms:
            for statistic in ("running_mean", "running_var"):
                name = tensor_name(path, statistic)
                statistics[name] = torch.zeros_like(params[name])
            counted = tensor_name(path, "num_batches_tracked")
            counts[counted] = torch.zeros((), dtype=torch.int64)
        network = {**params, **statistics, **counts}
        try:
            outputs = run(self.module, network, inputs)
        except Exception as error:  # the user's own code runs here
            if "more than 1 value per channel" not in str(error):
                refuse(self.module, inputs, error)
            raise SymgeomError(
                f"Cannot take the statistics of a batch of {len(inputs)} sample for batch norm: "
                "a channel has one value there. Give larger batches (or chunks)."
            ) from None
        return outputs, statistics


def training_copy(module: nn.Module) -> nn.Module:
    """Return a copy of a network in training mode, but for its batch norms.

    Parameters
    ----------
    module : nn.Module
        Any network; not modified.

    Returns
    -------
    nn.Module
        It shares its tensors with the network.

    Examples
    --------
    >>> network = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))
    >>> [layer.training for layer in training_copy(network)]
    [False, True]
    """
    twin = in_mode(sharing_copy(module), training=True)
    for norm in batch_norms(twin).values():
        norm.eval()
    return twin


@door
def recompute_statistics(
    module: nn.Module, params: Parameters, inputs: Tensor, *, chunk: int = 2048
) -> dict[str, Tensor]:
    """Measure the running mean and variance of every batch norm for the given weights.

    Parameters
    ----------
    module : nn.Module
        The architecture; its own weights, statistics and mode are neither used nor changed.
    params : Parameters
        One network (``torch.vmap`` for stacked ones); not modified.
    inputs : Tensor, shape (sample, ...)
        Training inputs, in the precision of the parameters.
    chunk : int
        Samples per batch at most: a convention that changes numbers, because each batch is
        normalised by its own statistics.

    Returns
    -------
    dict of str to Tensor
        The network with its ``running_mean`` and ``running_var`` replaced; constants to automatic
        differentiation.

    Raises
    ------
    SymgeomError
        If a batch norm keeps no statistics, there are no samples, or a batch has only one value per
        channel.

    Examples
    --------
    >>> from symgeom.ground.types import parameters
    >>> module, inputs = nn.Sequential(nn.BatchNorm1d(1)), torch.tensor([[1.0], [2.0], [6.0]])
    >>> network = recompute_statistics(module, parameters(module), inputs)
    >>> network["0.running_mean"], network["0.running_var"]
    (tensor([3.]), tensor([7.]))
    """
    Architecture.of(module).check(params)
    check_samples(inputs)
    if chunk < 1 or len(inputs) == 0:
        raise SymgeomError(
            f"Cannot measure the statistics of batch norms on {len(inputs)} samples in chunks of "
            f"{chunk}: give a positive number of each."
        )
    return BatchMode.of(module).recomputed(params, inputs, chunk)
