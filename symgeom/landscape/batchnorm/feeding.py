"""Which layers feed the batch norms of a network, read from its ``torch.export`` graph."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.fx import Node

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.batchnorm.statistics import batch_norms
from symgeom.symmetry.discovery.graph import export, operation, tensor_names

_LAYERS = {"linear": nn.Linear, "conv1d": nn.Conv1d, "conv2d": nn.Conv2d, "conv3d": nn.Conv3d}
"""Operations that take a factor and a term per output channel into their weight and bias, and the modules that give them one."""

_TENSORS = ("weight", "bias", "running_mean", "running_var")
"""What a batch norm reads; the first two may be missing."""


@dataclass(frozen=True)
class Fold:
    """Where one batch norm went.

    Attributes
    ----------
    norm : str
        Path of the batch norm.
    eps : float
        What it adds to the variance.
    tensors : dict of str to str
        Names of its ``weight`` and ``bias`` (left out where it has none), ``running_mean`` and
        ``running_var``.
    layers : tuple of (str, str or None)
        Names of the weight and bias of each layer that took it in (None where a bias was added);
        empty for a layer of its own.
    """

    norm: str
    eps: float
    tensors: Mapping[str, str]
    layers: tuple[tuple[str, str | None], ...]

    def affine(self, params: Parameters) -> tuple[Tensor, Tensor]:
        """Return factor and term of every channel, in float64."""
        found = {key: params[name].double() for key, name in self.tensors.items()}
        deviation = (found["running_var"] + self.eps).sqrt()
        factor = found["weight"] / deviation if "weight" in found else 1 / deviation
        term = -factor * found["running_mean"]
        return factor, term + found["bias"] if "bias" in found else term


def find_folds(module: nn.Module, example: Tensor) -> list[Fold]:
    """Read from the graph of a network which layers feed its batch norms.

    Parameters
    ----------
    module : nn.Module
        The network; not modified.
    example : Tensor, shape (sample, ...)
        A batch of inputs.

    Returns
    -------
    list of Fold
        One for each batch norm that eval mode reaches, in the order of their first calls.

    Raises
    ------
    SymgeomError
        If a batch norm keeps no running statistics or is not a module of its own.

    Examples
    --------
    >>> import torch
    >>> [fold.layers for fold in find_folds(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), torch.zeros(1, 2))]
    [(('0.weight', '0.bias'),)]
    """
    norms = batch_norms(module)
    program = export(module, example)
    graph = program.graph_module.graph
    graph.eliminate_dead_code()
    names = tensor_names(program, module)
    uses = Counter(name for node, name in names.items() for _ in node.users)
    calls: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op == "call_function" and operation(node)[0] == "batch_norm":
            arguments = operation(node)[1]
            found = {names.get(arguments[key]) for key in _TENSORS if arguments[key] is not None}
            variance = names.get(arguments["running_var"]) or "statistics of the batch"
            path = variance.rpartition(".")[0]
            if path not in norms or None in found:
                raise SymgeomError(
                    f"Cannot fold a batch norm that is not a module of its own (a call of batch_norm with {variance}): make it "
                    "an nn.BatchNorm1d, 2d or 3d that keeps its running statistics."
                )
            calls.setdefault(path, []).append(node)
    return [_fold(path, nodes, module, names, uses) for path, nodes in calls.items()]


def _fold(
    path: str, calls: list[Node], module: nn.Module, names: Mapping[Node, str], uses: Counter[str]
) -> Fold:
    """Say where one batch norm goes: into the layers before all of its calls, or into a layer of its own."""
    arguments = operation(calls[0])[1]
    tensors = {key: names[arguments[key]] for key in _TENSORS if arguments[key] is not None}
    layers = [_layer_before(call, module, names, uses) for call in calls]
    return Fold(path, arguments["eps"], tensors, () if None in layers else tuple(layers))


def _layer_before(
    call: Node, module: nn.Module, names: Mapping[Node, str], uses: Counter[str]
) -> tuple[str, str | None] | None:
    """Return weight and bias of the layer that feeds a batch norm, if it feeds nothing else and can be changed for it."""
    source = operation(call)[1]["source"]
    name, arguments = operation(source) if source.op == "call_function" else ("", {})
    if name not in _LAYERS or len(source.users) > 1:
        return None
    weight, bias = arguments["weight"], arguments["bias"]
    parameters_used = [names.get(node) for node in (weight, bias) if node is not None]
    if any(tensor is None or uses[tensor] > 1 for tensor in parameters_used):
        return None
    if (
        source.meta["val"].ndim != weight.meta["val"].ndim
    ):  # its channels are not those of the batch norm
        return None
    owner = module.get_submodule(names[weight].rpartition(".")[0])
    if bias is None and not (type(owner).forward is _LAYERS[name].forward and owner.bias is None):
        return None
    return names[weight], names[bias] if bias is not None else None
