"""Which layers feed the batch norms of a network, read from its ``torch.export`` graph."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.fx import Node

from symgeom.ground.calling import Inputs
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.batchnorm.statistics import batch_norms
from symgeom.symmetry.discovery.calls import Call, read_call, tensor_names
from symgeom.symmetry.discovery.capture import export

_TENSORS = ("weight", "bias", "running_mean", "running_var")
"""The tensors of a batch norm; the first two may be missing."""


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
        tensors = {key: params[name].double() for key, name in self.tensors.items()}
        deviation = (tensors["running_var"] + self.eps).sqrt()
        factor = 1 / deviation
        if "weight" in tensors:
            factor = tensors["weight"] / deviation
        term = -factor * tensors["running_mean"]
        if "bias" in tensors:
            term = term + tensors["bias"]
        return factor, term


def find_folds(module: nn.Module, example: Inputs) -> list[Fold]:
    """Read from the graph of a network which layers feed its batch norms.

    Parameters
    ----------
    module : nn.Module
        The network; not modified.
    example : Tensor, tuple, mapping or NetworkCall
        A batch of inputs, or several arguments.

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
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    >>> [fold.layers for fold in find_folds(network, torch.zeros(1, 2))]
    [(('0.weight', '0.bias'),)]
    """
    norms = batch_norms(module)
    program = export(module, example)
    graph = program.graph_module.graph
    graph.eliminate_dead_code()
    network = _Network(module, set(norms), tensor_names(program, module))
    calls: dict[str, list[Call]] = {}
    for node in graph.nodes:
        call = read_call(node)
        if call.operation is not None and call.operation.statistics is not None:
            path = network.path_of(call)
            calls.setdefault(path, []).append(call)
    return [network.fold(path, norm_calls) for path, norm_calls in calls.items()]


class _Network:
    """A network, the paths of its batch norms, and the names of the parameters in its graph."""

    def __init__(self, module: nn.Module, norms: set[str], names: Mapping[Node, str]) -> None:
        self.module = module
        self.norms = norms
        self.names = names
        self.uses: Counter[str] = Counter()
        for node, name in names.items():
            self.uses[name] += len(node.users)

    def path_of(self, call: Call) -> str:
        """Return the path of the batch norm that a call is of."""
        tensors = self.tensors_of(call)
        variance = tensors.get("running_var") or "statistics of the batch"
        path = variance.rpartition(".")[0]
        if path not in self.norms or None in tensors.values():
            raise SymgeomError(
                f"Cannot fold a batch norm that is not a module of its own (a call of batch_norm "
                f"with {variance}): make it an nn.BatchNorm1d, 2d or 3d that keeps its running "
                "statistics."
            )
        return path

    def tensors_of(self, call: Call) -> dict[str, str | None]:
        """Return the names of the tensors of a batch norm; None for what is no parameter."""
        tensors: dict[str, str | None] = {}
        for argument in _TENSORS:
            node = call.node(argument)
            if node is not None:
                tensors[argument] = self.names.get(node)
        return tensors

    def fold(self, path: str, calls: list[Call]) -> Fold:
        """Say where one batch norm goes: into the layers before it, or a layer of its own."""
        tensors: dict[str, str] = {}
        for argument, name in self.tensors_of(calls[0]).items():
            if name is not None:
                tensors[argument] = name
        layers: list[tuple[str, str | None]] = []
        for call in calls:
            layer = self.layer_before(call)
            if layer is None:
                layers = []
                break
            layers.append(layer)
        eps = calls[0].arguments["eps"]
        assert isinstance(eps, int | float)
        return Fold(path, eps, tensors, tuple(layers))

    def layer_before(self, call: Call) -> tuple[str, str | None] | None:
        """Return weight and bias of the layer that feeds a batch norm alone, if it can change."""
        source = call.node("source")
        if source is None or len(source.users) > 1:
            return None
        layer_call = read_call(source)
        if layer_call.operation is None or layer_call.operation.layer is None:
            return None
        weight = layer_call.node("weight")
        bias = layer_call.node("bias")
        if weight is None or source.meta["val"].ndim != weight.meta["val"].ndim:
            return None  # its channels are not those of the batch norm
        weight_name = self._name_if_used_once(weight)
        if weight_name is None:
            return None
        if bias is not None:
            bias_name = self._name_if_used_once(bias)
            return None if bias_name is None else (weight_name, bias_name)
        owner = self.module.get_submodule(weight_name.rpartition(".")[0])
        if _takes_a_bias(owner, layer_call.operation.layer):
            return weight_name, None
        return None

    def _name_if_used_once(self, node: Node) -> str | None:
        name = self.names.get(node)
        if name is None or self.uses[name] > 1:
            return None
        return name


def _takes_a_bias(module: nn.Module, layer: type[nn.Module]) -> bool:
    """Whether a module would read a bias, if it had one."""
    return type(module).forward is layer.forward and module.bias is None
