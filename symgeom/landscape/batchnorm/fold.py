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

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from symgeom.ground.checks import SymgeomError, check_finite, check_same_tensors
from symgeom.ground.types import Parameters, cast, parameters
from symgeom.landscape.batchnorm.feeding import Fold, find_folds
from symgeom.landscape.batchnorm.statistics import tensor_name
from symgeom.symmetry.certificate import TOLERANCE
from symgeom.symmetry.discovery.capture import tensors_of


class ChannelAffine(nn.Module):
    """Multiply every channel (axis 1) by a weight and add a bias.

    Parameters
    ----------
    weight, bias : Tensor, shape (channel,)
        Initial values.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

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
    kept : dict of str to str
        Tensors that are as they were: name in the folded network, name in the original one.
    original : dict of str to Tensor
        Names and shapes of the original tensors (on the meta device).
    """

    module: nn.Module
    folds: tuple[Fold, ...]
    kept: Mapping[str, str]
    original: Parameters

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
        >>> statistics = {"1.running_mean": torch.tensor([5.0]), "1.running_var": torch.tensor([3.0])}
        >>> folded.parameters(parameters(network) | {"0.weight": torch.tensor([[8.0]])} | statistics)
        {'0.weight': tensor([[4.]]), '0.bias': tensor([-2.5000])}
        """
        check_same_tensors(params, self.original, "the network to fold")
        folded = {name: params[source] for name, source in self.kept.items()}
        for fold in self.folds:
            factor, term = fold.affine(params)
            if not fold.layers:
                dtype = params[fold.tensors["running_var"]].dtype
                folded[tensor_name(fold.norm, "weight")] = factor.to(dtype)
                folded[tensor_name(fold.norm, "bias")] = term.to(dtype)
            for weight, bias in fold.layers:
                before = params[weight]
                shift = factor * params[bias].double() + term if bias else term
                folded[weight] = (
                    factor.reshape(-1, *[1] * (before.ndim - 1)) * before.double()
                ).to(before.dtype)
                folded[bias or _bias_of(weight)] = shift.to(before.dtype)
        return {name: folded[name] for name in _tensors(self.module)}


def fold_batchnorm(module: nn.Module, example: Tensor) -> Folded:
    """Return an architecture without batch norm, and the map that takes networks to it.

    Parameters
    ----------
    module : nn.Module
        Any network whose batch norms are ``nn.BatchNorm1d``, ``2d`` or ``3d``; not modified.
    example : Tensor, shape (sample, ...)
        A batch of inputs as the network takes them.

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
    tensors = _tensors(module)
    check_finite(tensors, "the network to fold")
    folds = find_folds(module, example)
    twin = _without_norms(_twin(module), folds)
    names = {id(tensor): name for name, tensor in tensors.items()}
    changed = {name for fold in folds for layer in fold.layers for name in layer}
    sources = {name: names.get(id(tensor)) for name, tensor in _tensors(twin).items()}
    kept = {
        name: source
        for name, source in sources.items()
        if source is not None and source not in changed
    }
    original = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    folded = Folded(copy.deepcopy(twin), tuple(folds), kept, original)
    _compare(module, folded, example)
    with torch.no_grad():
        for name, tensor in folded.parameters(parameters(module)).items():
            _tensors(folded.module)[name].copy_(tensor)
    return folded


def _twin(module: nn.Module) -> nn.Module:
    """Return a copy in eval mode that shares its tensors with the module."""
    return copy.deepcopy(
        module, {id(tensor): tensor for tensor in _tensors(module).values()}
    ).eval()


def _without_norms(twin: nn.Module, folds: list[Fold]) -> nn.Module:
    """Replace the batch norms of a copy, and add the biases that are missing."""
    new: dict[int, nn.Module] = {
        id(layer): nn.Identity() for layer in twin.modules() if isinstance(layer, _BatchNorm)
    }
    for fold in folds:
        norm = twin.get_submodule(fold.norm)
        if not fold.layers:
            new[id(norm)] = ChannelAffine(norm.running_var.clone(), norm.running_mean.clone())
        for weight, bias in fold.layers:
            if bias is None:
                owner = twin.get_submodule(weight.rpartition(".")[0])
                owner.bias = nn.Parameter(owner.weight.detach().new_zeros(len(owner.weight)))
    for layer in list(twin.modules()):
        for name, child in list(layer._modules.items()):
            if id(child) in new:
                setattr(layer, name, new[id(child)])
    return new.get(id(twin), twin)


@torch.no_grad()
def _compare(module: nn.Module, folded: Folded, example: Tensor) -> None:
    """Raise unless both networks compute the same, also where no batch norm is as it was initialised."""
    params = cast(parameters(module), torch.float64)
    for fold in folded.folds:
        for key, name in fold.tensors.items():
            wave = (torch.arange(len(params[name])).to(params[name]) + len(key)).cos() / 2
            params[name] = (
                params[name].abs() + 1 + wave if key == "running_var" else params[name] + wave
            )
    inputs = example.double() if example.is_floating_point() else example
    try:
        after = tensors_of(functional_call(folded.module, folded.parameters(params), (inputs,)))
    except AttributeError as error:
        found = str(error)
    else:
        before = tensors_of(functional_call(_twin(module), params, (inputs,)))
        pairs = [(x, y) for x, y in zip(before, after, strict=True) if x.is_floating_point()]
        gaps = [float((y - x).norm() / x.norm()) if x.any() or y.any() else 0.0 for x, y in pairs]
        if all(gap <= TOLERANCE[torch.float64] for gap in gaps):  # false if one is not a number
            return
        found = f"outputs would change by {max(gaps):.2g} of their size"
    raise SymgeomError(
        f"Cannot fold the batch norms of the network ({type(module).__name__}): {found}. One of them is no plain batch norm (a "
        "subclass with a forward of its own?), or its tensors are read elsewhere; replace it by nn.BatchNorm1d, 2d or 3d."
    )


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _bias_of(weight: str) -> str:
    return weight.removesuffix("weight") + "bias"
