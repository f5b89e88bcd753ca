r"""Variance repair: the units of a network between two networks get statistics between theirs.

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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from symgeom.ground.architecture import Architecture, check_same_tensors
from symgeom.ground.checks import SymgeomError, check_range, check_samples
from symgeom.ground.doors import door
from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters, stack
from symgeom.landscape.batchnorm.statistics import sharing_copy, tensor_name
from symgeom.landscape.path import Path, PathFunction, as_path, check_times
from symgeom.symmetry.spec import SymmetrySpec

_UNIT_AXIS = {nn.Linear: -1, nn.Conv1d: 1, nn.Conv2d: 1, nn.Conv3d: 1}
"""Layers that can be repaired, and the axis of their outputs that their units index."""


class Statistics(NamedTuple):
    """Mean and deviation of every unit's pre-activations, in float64, shape ``(unit,)``."""

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
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> hidden_layers(discover(network, torch.zeros(2, 3)), network)
    ('0',)
    """
    layers = dict(module.named_modules())
    norms = [path for path, layer in layers.items() if isinstance(layer, _BatchNorm)]
    if norms:
        raise SymgeomError(
            f"Cannot repair a network with batch norm ('{norms[0]}' is the first of {len(norms)}): "
            "measure its statistics anew instead, by a Problem with batch_norm='recompute', or "
            "fold it first (fold_batchnorm)."
        )
    feeding = _layers_with_unit_rows(spec)
    hidden = []
    for path, layer in layers.items():
        if path in feeding and type(layer) in _UNIT_AXIS:
            hidden.append(path)
    if not hidden:
        raise SymgeomError(
            "Cannot repair a network without hidden units behind linear or convolutional layers: "
            f"the groups of its spec are {[group.name for group in spec.groups]}. "
            "Profile it as it is."
        )
    return tuple(hidden)


def _layers_with_unit_rows(spec: SymmetrySpec) -> set[str]:
    """Return the paths of the layers whose weight has a row for every hidden unit of a group."""
    paths = set()
    for group in spec.groups:
        if group.exact_for != "loss":
            continue
        for leg in group.incoming():
            path, _, tensor = leg.tensor.rpartition(".")
            if tensor == "weight" and leg.axis == 0:
                paths.add(path)
    return paths


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
    >>> network = parameters(module) | {"0.weight": torch.tensor([[2.0]])}
    >>> spec, inputs = discover(module, torch.zeros(2, 1)), torch.tensor([[1.0], [2.0]])
    >>> statistics = unit_statistics(spec, module, network=network, inputs=inputs)
    >>> float(statistics["0"].mean), float(statistics["0"].deviation)
    (3.0, 1.0)
    """
    statistics: dict[str, Statistics] = {}

    def measure(path: str, layer: nn.Module, output: Tensor) -> None:
        statistics[path] = _statistics(layer, output)

    _run(module, hidden_layers(spec, module), network, inputs, measure)
    return statistics


@door
def repair(
    spec: SymmetrySpec,
    module: nn.Module,
    *,
    network: Parameters,
    ends: tuple[Parameters, Parameters],
    t: float,
    inputs: Tensor,
) -> dict[str, Tensor]:
    """Give a network between two networks the unit statistics between theirs.

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
    >>> params |= {"0.weight": torch.tensor([[1.0]]), "0.bias": torch.zeros(1)}
    >>> ends = params, params | {"0.weight": torch.tensor([[3.0]])}
    >>> inputs = torch.tensor([[1.0], [2.0]])
    >>> repaired = repair(spec, module, network=params, ends=ends, t=0.5, inputs=inputs)
    >>> repaired["0.weight"], repaired["0.bias"]
    (tensor([[2.]]), tensor([0.]))
    """
    check_range(t, "the place between the ends", least=0, most=1)
    check_samples(inputs)
    Architecture.of(module).check(network)
    for end in ends:
        check_same_tensors(end, network, "an end")
    first, second = (unit_statistics(spec, module, network=end, inputs=inputs) for end in ends)
    return repaired_to(module, network, _between(first, second, t), inputs)


@dataclass(frozen=True, eq=False)
class RepairedPath(Path):
    """A path whose networks are repaired, each to the statistics between those of the ends.

    Attributes
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network; not modified.
    path : Path, or function of ``t``
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
    >>> params |= {"0.weight": torch.tensor([[1.0]]), "0.bias": torch.zeros(1)}
    >>> line = LinearPath(params, params | {"0.weight": torch.tensor([[-1.0]])})
    >>> repaired = RepairedPath(spec, module, line, torch.tensor([[1.0], [2.0]]))
    >>> repaired(0.25)["0.weight"], line(0.25)["0.weight"]
    (tensor([[1.]]), tensor([[0.5000]]))
    """

    spec: SymmetrySpec
    module: nn.Module
    path: PathFunction
    inputs: Tensor

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        times = check_times(t)
        if times.ndim:
            return stack([self._at(time) for time in times.tolist()])
        return self._at(float(times))

    def pair(self, index: int) -> "RepairedPath":
        """Return the path of one of the stacked pairs."""
        return replace(self, path=as_path(self.path).pair(index))

    def _at(self, t: float) -> dict[str, Tensor]:
        wanted = _between(*self._ends, t)
        return repaired_to(self.module, self.path(t), wanted, self.inputs)

    @cached_property
    def _ends(self) -> tuple[dict[str, Statistics], dict[str, Statistics]]:
        """The unit statistics of both ends."""
        return self._statistics_at(0.0), self._statistics_at(1.0)

    def _statistics_at(self, t: float) -> dict[str, Statistics]:
        return unit_statistics(self.spec, self.module, network=self.path(t), inputs=self.inputs)


def _between(
    first: Mapping[str, Statistics], second: Mapping[str, Statistics], t: float
) -> dict[str, Statistics]:
    """Return the statistics between those of two networks, layer by layer."""
    between = {}
    for path, (mean, deviation) in first.items():
        between[path] = Statistics(
            mean=(1 - t) * mean + t * second[path].mean,
            deviation=(1 - t) * deviation + t * second[path].deviation,
        )
    return between


def repaired_to(
    module: nn.Module, network: Parameters, wanted: Mapping[str, Statistics], inputs: Tensor
) -> dict[str, Tensor]:
    """Give the hidden units of a network some statistics.

    Layer after layer, in one pass: each layer's outputs go on as they will be.

    Parameters
    ----------
    module : nn.Module
        The network; evaluated in eval mode, not modified.
    network : Parameters
        What to repair; not modified.
    wanted : mapping of str to Statistics
        By layer; of every layer that :func:`hidden_layers` names.
    inputs : Tensor, shape (sample, ...)
        Training inputs.

    Returns
    -------
    dict of str to Tensor
        The repaired network.

    Raises
    ------
    SymgeomError
        If the weight of a layer is used twice.

    Examples
    --------
    >>> from symgeom.ground.types import parameters
    >>> module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    >>> network = parameters(module) | {"0.weight": torch.ones(1, 1), "0.bias": torch.zeros(1)}
    >>> wanted = {"0": Statistics(torch.tensor([1.0]), torch.tensor([2.0]))}
    >>> repaired = repaired_to(module, network, wanted, torch.tensor([[-1.0], [1.0]]))
    >>> repaired["0.weight"], repaired["0.bias"]
    (tensor([[2.]]), tensor([1.]))
    """
    repaired = dict(network)
    visited = set()

    def mend(path: str, layer: nn.Module, output: Tensor) -> Tensor:
        weight_name = tensor_name(path, "weight")
        bias_name = tensor_name(path, "bias")
        if path in visited or weight_name not in network:
            raise SymgeomError(
                f"Cannot repair layer '{path}' {layer}: its weight is used twice, with statistics "
                "of its own each time. Leave its units out of the spec, or profile the network as "
                "it is."
            )
        visited.add(path)
        weight = network[weight_name]
        bias = network[bias_name] if layer.bias is not None else None
        now = _statistics(layer, output)
        factor, shift = _correction(now, wanted[path], output.dtype)
        if bias is None:
            shift = torch.zeros_like(factor)
        else:
            repaired[bias_name] = (factor * bias.double() + shift).to(weight.dtype)
        factors = factor.reshape(-1, *[1] * (weight.ndim - 1))
        repaired[weight_name] = (factors * weight.double()).to(weight.dtype)
        units_last = output.movedim(_UNIT_AXIS[type(layer)], -1)
        mended = units_last * factor.to(output.dtype) + shift.to(output.dtype)
        return mended.movedim(-1, _UNIT_AXIS[type(layer)])

    _run(module, tuple(wanted), network, inputs, mend)
    return repaired


def _correction(
    now: Statistics, wanted: Statistics, precision: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return the factor and the shift of every unit that take its statistics to the wanted ones."""
    rounding = 8 * torch.finfo(precision).eps
    constant = now.deviation <= rounding * (now.mean.abs() + now.deviation)
    factor = torch.where(constant, 1.0, wanted.deviation / now.deviation)
    return factor, wanted.mean - factor * now.mean


def _statistics(layer: nn.Module, output: Tensor) -> Statistics:
    """Return mean and standard deviation over samples and positions."""
    units = output.movedim(_UNIT_AXIS[type(layer)], 0).flatten(1).double()
    variance, mean = torch.var_mean(units, dim=1, correction=0)
    return Statistics(mean, variance.sqrt())


@torch.no_grad()
def _run(
    module: nn.Module,
    layers: Sequence[str],
    network: Parameters,
    inputs: Tensor,
    see: Callable[[str, nn.Module, Tensor], Tensor | None],
) -> None:
    """Evaluate a network and show ``see`` the outputs of some layers, which it may replace."""
    twin = sharing_copy(module)
    for path in layers:
        twin.get_submodule(path).register_forward_hook(_shown_to(see, path))
    call_module(twin, network, inputs)


def _shown_to(
    see: Callable[[str, nn.Module, Tensor], Tensor | None], path: str
) -> Callable[[nn.Module, object, Tensor], Tensor | None]:
    return lambda layer, _, output: see(path, layer, output)
