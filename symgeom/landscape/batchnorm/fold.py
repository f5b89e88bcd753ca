r"""Fold batch norms into the layers before them.

With running mean :math:`\mu` and variance :math:`v`, a batch norm in eval mode is an affine map of
every channel,

.. math:: y = a\,x + c, \qquad a = \frac{\gamma}{\sqrt{v + \epsilon}}, \qquad c = \beta - a\,\mu,

and where :math:`x = W z + b` comes from a convolution or linear layer that nothing else reads,
:math:`y = (a W) z + (a b + c)` is one layer. Any other batch norm (behind a sum or a concatenation,
say) becomes the affine map itself: a layer with one weight and one bias per channel. A negative
:math:`\gamma` needs no care. The pairs are read from the ``torch.export`` graph, not from the order
of the modules, and the result is compared with the network before it is returned.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038), section on normalisation: networks as
functions, batch norm included. Jacob et al., "Quantization and training of neural networks"
(1712.05877), section 3.2: the folded weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from symgeom.ground.architecture import Architecture, check_same_tensors
from symgeom.ground.calling import Inputs, NetworkCall, tensors_of
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.modules import call_module, copied, run
from symgeom.ground.types import Parameters, cast, parameters
from symgeom.ground.wrappers import unwrapped
from symgeom.landscape.batchnorm.feeding import Fold, find_folds
from symgeom.landscape.batchnorm.statistics import sharing_copy, tensor_name
from symgeom.symmetry.evaluation import TOLERANCE


class ChannelAffine(nn.Module):
    """Multiply every channel (axis 1) by a weight and add a bias.

    Parameters
    ----------
    weight, bias : Tensor, shape (channel,)
        Initial values.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ``weight * inputs + bias``."""
        shape = (-1, *[1] * (inputs.ndim - 2))
        return inputs * self.weight.view(shape) + self.bias.view(shape)


@dataclass(frozen=True, eq=False)
class Folded:
    """An architecture without its batch norms.

    Attributes
    ----------
    module : nn.Module
        The folded network in eval mode, with the folded weights of the module it was made from.
    folds : tuple of Fold
        Where every batch norm went.
    unchanged : dict of str to str
        Tensors that are as they were: name in the folded network, name in the original one.
    original : dict of str to Tensor
        Names and shapes of the original tensors (on the meta device).
    """

    module: nn.Module
    folds: tuple[Fold, ...]
    unchanged: Mapping[str, str]
    original: Parameters

    @door
    def parameters(self, params: Parameters) -> dict[str, Tensor]:
        """Fold a network of the original architecture.

        Parameters
        ----------
        params : Parameters
            One network with its running statistics (``torch.vmap`` for stacked ones); not modified.

        Returns
        -------
        dict of str to Tensor
            The network for :attr:`module`, computed in float64 and returned in the precision of its
            tensors.

        Raises
        ------
        SymgeomError
            If the network is of another architecture.

        Examples
        --------
        >>> network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1, eps=1.0))
        >>> folded = fold_batchnorm(network, torch.ones(2, 1))
        >>> params = parameters(network) | {"0.weight": torch.tensor([[8.0]])}
        >>> params |= {"1.running_mean": torch.tensor([5.0]), "1.running_var": torch.tensor([3.0])}
        >>> folded.parameters(params)
        {'0.weight': tensor([[4.]]), '0.bias': tensor([-2.5000])}
        """
        check_same_tensors(params, self.original, "the network to fold")
        folded = {name: params[source] for name, source in self.unchanged.items()}
        for fold in self.folds:
            factor, term = fold.affine(params)
            if not fold.layers:
                dtype = params[fold.tensors["running_var"]].dtype
                folded[tensor_name(fold.norm, "weight")] = factor.to(dtype)
                folded[tensor_name(fold.norm, "bias")] = term.to(dtype)
            for weight, bias in fold.layers:
                before = params[weight]
                factors = factor.reshape(-1, *[1] * (before.ndim - 1))
                folded[weight] = (factors * before.double()).to(before.dtype)
                shift = factor * params[bias].double() + term if bias else term
                folded[bias or _bias_of(weight)] = shift.to(before.dtype)
        return {name: folded[name] for name in _tensors(self.module)}


@door
def fold_batchnorm(module: nn.Module, example: Inputs) -> Folded:
    """Return an architecture without batch norm, and the map that takes networks to it.

    Parameters
    ----------
    module : nn.Module
        Any network whose batch norms are ``nn.BatchNorm1d``, ``2d`` or ``3d``; not modified.
    example : Tensor, tuple, mapping or NetworkCall
        A batch of inputs as the network takes them, or several arguments.

    Returns
    -------
    Folded
        The folded network, which computes the same function in eval mode. A batch norm that eval
        mode never reaches is dropped.

    Raises
    ------
    SymgeomError
        If a batch norm keeps no running statistics, is not a module of its own, or does more than a
        batch norm does; if a weight is not finite; or if the network cannot take the example or
        cannot be captured.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.ReLU())
    >>> fold_batchnorm(network, torch.zeros(1, 1, 4, 4)).module
    Sequential(
      (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
      (2): ReLU()
    )
    """
    module = unwrapped(module)
    tensors = _tensors(module)
    check_finite(tensors, "the network to fold", masks=Architecture.of(module).masks)
    folds = find_folds(module, example)
    twin = _without_norms(sharing_copy(module), folds)
    original = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    unchanged = _unchanged_tensors(tensors, twin, folds)
    folded = Folded(copied(twin), tuple(folds), unchanged, original)
    _compare(module, folded, example)
    with torch.no_grad():
        for name, tensor in folded.parameters(parameters(module)).items():
            _tensors(folded.module)[name].copy_(tensor)
    for fold in folds:
        _freeze(folded.module, fold, module)
    return folded


def _freeze(twin: nn.Module, fold: Fold, module: nn.Module) -> None:
    """Freeze the tensors that take in a batch norm if none of what they are made of trains."""
    before = _tensors(module)
    after = _tensors(twin)
    affine = [fold.tensors[key] for key in ("weight", "bias") if key in fold.tensors]
    layers = [tensor for layer in fold.layers for tensor in layer if tensor]
    trains = any(before[name].requires_grad for name in (*affine, *layers))
    taken_in = [tensor_name(fold.norm, "weight"), tensor_name(fold.norm, "bias")]
    if fold.layers:
        taken_in = [weight for weight, _ in fold.layers]
        taken_in += [bias or _bias_of(weight) for weight, bias in fold.layers]
    for name in taken_in:
        after[name].requires_grad_(trains)


def _without_norms(twin: nn.Module, folds: list[Fold]) -> nn.Module:
    """Replace the batch norms of a copy, and add the biases that are missing."""
    replacements: dict[int, nn.Module] = {}
    for layer in twin.modules():
        if isinstance(layer, _BatchNorm):
            replacements[id(layer)] = nn.Identity()
    for fold in folds:
        norm = twin.get_submodule(fold.norm)
        if not fold.layers:
            replacements[id(norm)] = _affine_like(norm)
        for weight, bias in fold.layers:
            if bias is None:
                _add_bias(twin.get_submodule(weight.rpartition(".")[0]))
    for layer in list(twin.modules()):
        for name, child in list(layer._modules.items()):
            if id(child) in replacements:
                setattr(layer, name, replacements[id(child)])
    return replacements.get(id(twin), twin)


def _affine_like(norm: nn.Module) -> ChannelAffine:
    """Return the layer of its own that a batch norm becomes."""
    return ChannelAffine(
        norm.get_buffer("running_var").clone(), norm.get_buffer("running_mean").clone()
    )


def _add_bias(layer: nn.Module) -> None:
    """Give a layer a bias of zeros."""
    weight = layer.get_parameter("weight").detach()
    layer.bias = nn.Parameter(weight.new_zeros(len(weight)))


def _unchanged_tensors(tensors: Parameters, twin: nn.Module, folds: list[Fold]) -> dict[str, str]:
    """Return the tensors that folding leaves alone: name in the copy, name in the original."""
    changed: set[str | None] = set()
    for fold in folds:
        for layer in fold.layers:
            changed.update(layer)
    names = {id(tensor): name for name, tensor in tensors.items()}
    unchanged = {}
    for name, tensor in _tensors(twin).items():
        source = names.get(id(tensor))
        if source is not None and source not in changed:
            unchanged[name] = source
    return unchanged


@torch.no_grad()
def _compare(module: nn.Module, folded: Folded, example: Inputs) -> None:
    """Raise unless both networks compute the same, with statistics that no new network has."""
    params = _with_waves(cast(parameters(module), torch.float64), folded.folds)
    inputs = NetworkCall.of(example).in_precision(torch.float64)
    try:
        after = tensors_of(run(folded.module, folded.parameters(params), inputs))
    except AttributeError as error:
        _refuse(module, str(error))
    before = tensors_of(call_module(sharing_copy(module), params, inputs))
    gaps = []
    for x, y in zip(before, after, strict=True):
        if x.is_floating_point():
            gaps.append(_relative_gap(x, y))
    if not all(gap <= TOLERANCE[torch.float64] for gap in gaps):  # true if one is not a number
        _refuse(module, f"outputs would change by {max(gaps):.2g} of their size")


def _with_waves(params: dict[str, Tensor], folds: Sequence[Fold]) -> dict[str, Tensor]:
    """Return a network whose batch norms' tensors differ from channel to channel."""
    changed = dict(params)
    for fold in folds:
        for key, name in fold.tensors.items():
            tensor = changed[name]
            wave = (torch.arange(len(tensor)).to(tensor) + len(key)).cos() / 2
            if key == "running_var":
                changed[name] = tensor.abs() + 1 + wave
            else:
                changed[name] = tensor + wave
    return changed


def _relative_gap(before: Tensor, after: Tensor) -> float:
    if not before.any() and not after.any():
        return 0.0
    return float((after - before).norm() / before.norm())


def _refuse(module: nn.Module, reason: str) -> NoReturn:
    raise SymgeomError(
        f"Cannot fold the batch norms of the network ({type(module).__name__}): {reason}. One of "
        "them is no plain batch norm (a subclass with a forward of its own?), or its tensors are "
        "read elsewhere; replace it by nn.BatchNorm1d, 2d or 3d."
    )


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _bias_of(weight: str) -> str:
    return weight.removesuffix("weight") + "bias"
