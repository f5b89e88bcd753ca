r"""Variance repair: give the units of a network between two networks the statistics that lie between theirs.

Between two networks the pre-activations of a unit are averages of imperfectly correlated ones, so
that their variance is too small, layer after layer. Repair rescales and shifts every hidden unit
:math:`k` such that, over training inputs (and positions),

.. math:: \mathbb E[z_k] = (1-t)\,\mathbb E[z_k^{(0)}] + t\,\mathbb E[z_k^{(1)}], \qquad
          \mathrm{std}(z_k) = (1-t)\,\mathrm{std}(z_k^{(0)}) + t\,\mathrm{std}(z_k^{(1)}),

from the first layer to the last, each measured behind the repaired ones before it. Rescaled
incoming weights and shifted biases do it, so that what comes out are plain parameters of the same
module. A layer without bias has its variance repaired and its mean only rescaled; a unit that does
not vary is shifted and not rescaled. The head stays as it is. For networks with batch norm the
natural form is to measure its statistics anew (``batch_norm="recompute"`` of
:class:`~symgeom.landscape.problem.Problem`); folded networks are repaired like any other.

References
----------
Jordan et al., "REPAIR: renormalizing permuted activations for interpolation repair" (2211.08403),
section 3. Differs from the source: exact statistics of one batch of inputs instead of running ones
of batch norms that are added for it and folded again.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from symgeom.ground.checks import SymgeomError, check_same_tensors
from symgeom.ground.types import Parameters, stack
from symgeom.landscape.batchnorm.statistics import tensor_name
from symgeom.landscape.path import Path, PathFunction, as_path
from symgeom.symmetry.spec import SymmetrySpec

_UNIT_AXIS = {nn.Linear: -1, nn.Conv1d: 1, nn.Conv2d: 1, nn.Conv3d: 1}
"""Layers that can be repaired, and the axis of their outputs that their units index."""


class Statistics(NamedTuple):
    """Mean and standard deviation of every unit's pre-activations, in float64: each of shape ``(unit,)``."""

    mean: Tensor
    deviation: Tensor


def hidden_layers(spec: SymmetrySpec, module: nn.Module) -> tuple[str, ...]:
    """Return the layers that feed the hidden units of a network.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network.

    Returns
    -------
    tuple of str
        Paths of linear and convolutional layers, in the order of the modules.

    Raises
    ------
    SymgeomError
        If the network has batch norm, or no such layer.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> hidden_layers(discover(network, torch.zeros(2, 3)), network)
    ('0', '2')
    """
    layers = dict(module.named_modules())
    norms = [path for path, layer in layers.items() if isinstance(layer, _BatchNorm)]
    if norms:
        raise SymgeomError(
            f"Cannot repair a network with batch norm ('{norms[0]}' is the first of {len(norms)}): measure its statistics anew "
            "instead, by a Problem with batch_norm='recompute', or fold it first (fold_batchnorm)."
        )
    hidden = (
        leg
        for group in spec.groups
        if group.exact_for == "loss"
        for leg in group.incoming()
        if leg.axis == 0
    )
    owners = {
        leg.tensor.rpartition(".")[0] for leg in hidden if leg.tensor.rpartition(".")[2] == "weight"
    }
    found = tuple(
        path for path, layer in layers.items() if path in owners and type(layer) in _UNIT_AXIS
    )
    if not found:
        raise SymgeomError(
            f"Cannot repair a network without hidden units behind linear or convolutional layers: the groups of its spec are "
            f"{[group.name for group in spec.groups]}. Profile it as it is."
        )
    return found


def unit_statistics(
    spec: SymmetrySpec, module: nn.Module, *, network: Parameters, inputs: Tensor
) -> dict[str, Statistics]:
    """Measure the mean and standard deviation of every hidden unit's pre-activations.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network; evaluated in eval mode, not modified.
    network : Parameters
        Its weights and buffers.
    inputs : Tensor, shape (sample, ...)
        Training inputs, evaluated in one batch: memory grows with samples times positions.

    Returns
    -------
    dict of str to Statistics
        By layer.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> module = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 2))
    >>> params = parameters(module) | {"0.weight": torch.tensor([[2.0]])}
    >>> unit_statistics(discover(module, torch.zeros(2, 1)), module, network=params, inputs=torch.tensor([[1.0], [2.0]]))
    {'0': Statistics(mean=tensor([3.], dtype=torch.float64), deviation=tensor([1.], dtype=torch.float64))}
    """
    found: dict[str, Statistics] = {}

    def measure(path: str, layer: nn.Module, output: Tensor) -> None:
        found[path] = _statistics(layer, output)

    _run(module, hidden_layers(spec, module), network, inputs, measure)
    return found


def repair(
    spec: SymmetrySpec,
    module: nn.Module,
    *,
    network: Parameters,
    ends: tuple[Parameters, Parameters],
    t: float,
    inputs: Tensor,
) -> dict[str, Tensor]:
    """Give a network between two networks unit statistics between theirs.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network; evaluated in eval mode, not modified.
    network : Parameters
        What to repair; not modified.
    ends : tuple of Parameters
        The two networks, aligned.
    t : float
        0 asks for the statistics of the first, 1 for those of the second.
    inputs : Tensor, shape (sample, ...)
        Training inputs, evaluated in one batch: memory grows with samples times positions.

    Returns
    -------
    dict of str to Tensor
        The repaired network.

    Raises
    ------
    SymgeomError
        If the network has batch norm, no layer to repair, or one that is used twice; or if the
        networks differ.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    >>> spec, params = discover(module, torch.zeros(2, 1)), parameters(module)
    >>> ends = [params | {"0.weight": torch.tensor([[w]]), "0.bias": torch.zeros(1)} for w in (1.0, 3.0)]
    >>> found = repair(spec, module, network=ends[0], ends=ends, t=0.5, inputs=torch.tensor([[1.0], [2.0]]))
    >>> found["0.weight"], found["0.bias"]
    (tensor([[2.]]), tensor([0.]))
    """
    for end in ends:
        check_same_tensors(end, network, "an end")
    first, second = (unit_statistics(spec, module, network=end, inputs=inputs) for end in ends)
    return _repaired(module, network, _between(first, second, t), inputs)


@dataclass(frozen=True, eq=False)
class RepairedPath(Path):
    """A path whose networks are repaired, each to the statistics between those of the ends.

    Attributes
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network; not modified.
    path : Path
        Of one network (one of stacked pairs is ``path.pair(index)``).
    inputs : Tensor, shape (sample, ...)
        Training inputs, in the precision of the path's networks; some thousand are enough.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.landscape.path import LinearPath
    >>> from symgeom.ground.types import parameters
    >>> module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    >>> spec, params = discover(module, torch.zeros(2, 1)), parameters(module)
    >>> ends = [params | {"0.weight": torch.tensor([[w]]), "0.bias": torch.zeros(1)} for w in (1.0, -1.0)]
    >>> path = RepairedPath(spec, module, LinearPath(*ends), torch.tensor([[1.0], [2.0]]))
    >>> path(0.25)["0.weight"], LinearPath(*ends)(0.25)["0.weight"]
    (tensor([[1.]]), tensor([[0.5000]]))
    """

    spec: SymmetrySpec
    module: nn.Module
    path: PathFunction
    inputs: Tensor

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        times = torch.as_tensor(t, dtype=torch.float64)
        found = [
            _repaired(self.module, self.path(at), _between(*self._ends, at), self.inputs)
            for at in times.reshape(-1).tolist()
        ]
        return stack(found) if times.ndim else found[0]

    def pair(self, index: int) -> "RepairedPath":
        """Return the path of one of the stacked pairs."""
        return replace(self, path=as_path(self.path).pair(index))

    @cached_property
    def _ends(self) -> tuple[dict[str, Statistics], dict[str, Statistics]]:
        first, second = (
            unit_statistics(self.spec, self.module, network=self.path(end), inputs=self.inputs)
            for end in (0.0, 1.0)
        )
        return first, second


def _between(
    first: Mapping[str, Statistics], second: Mapping[str, Statistics], t: float
) -> dict[str, Statistics]:
    return {
        path: Statistics(
            *((1 - t) * a + t * b for a, b in zip(first[path], second[path], strict=True))
        )
        for path in first
    }


def _repaired(
    module: nn.Module, network: Parameters, wanted: Mapping[str, Statistics], inputs: Tensor
) -> dict[str, Tensor]:
    """Repair layer after layer in one pass: each layer's outputs go on as they will be."""
    result, seen = dict(network), set()

    def mend(path: str, layer: nn.Module, output: Tensor) -> Tensor:
        names = {name: tensor_name(path, name) for name in ("weight", "bias")}
        if path in seen or names["weight"] not in network:
            raise SymgeomError(
                f"Cannot repair layer '{path}' {layer}: its weight is used twice, with statistics of its own each time. Leave "
                "its units out of the spec, or profile the network as it is."
            )
        seen.add(path)
        now = _statistics(layer, output)
        constant = now.deviation <= 8 * torch.finfo(output.dtype).eps * (
            now.mean.abs() + now.deviation
        )
        factor = torch.where(constant, 1.0, wanted[path].deviation / now.deviation)
        shift = (
            wanted[path].mean - factor * now.mean
            if layer.bias is not None
            else torch.zeros_like(factor)
        )
        weight = network[names["weight"]]
        result[names["weight"]] = (
            factor.reshape(-1, *[1] * (weight.ndim - 1)) * weight.double()
        ).to(weight.dtype)
        if layer.bias is not None:
            result[names["bias"]] = (factor * network[names["bias"]].double() + shift).to(
                weight.dtype
            )
        axis = _UNIT_AXIS[type(layer)]
        return (
            output.movedim(axis, -1) * factor.to(output.dtype) + shift.to(output.dtype)
        ).movedim(-1, axis)

    _run(module, tuple(wanted), network, inputs, mend)
    return result


def _statistics(layer: nn.Module, output: Tensor) -> Statistics:
    """Mean and standard deviation over samples and positions."""
    units = output.movedim(_UNIT_AXIS[type(layer)], 0).flatten(1).double()
    variance, mean = torch.var_mean(units, dim=1, correction=0)
    return Statistics(mean, variance.sqrt())


@torch.no_grad()
def _run(
    module: nn.Module,
    layers: tuple[str, ...],
    network: Parameters,
    inputs: Tensor,
    see: Callable[[str, nn.Module, Tensor], object],
) -> None:
    """Evaluate a network; ``see`` is shown the outputs of some layers in their order, and may return others in their place."""
    tensors = [*module.parameters(), *module.buffers()]
    twin = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors}).eval()
    for path in layers:
        twin.get_submodule(path).register_forward_hook(
            lambda layer, _, output, path=path: see(path, layer, output)
        )
    functional_call(twin, dict(network), (inputs,))
