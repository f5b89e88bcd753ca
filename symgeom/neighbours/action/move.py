r"""The data-dependent action: mix the units of a layer by any matrix, exactly on a batch.

A layer with any activation, :math:`U \sigma(V x)`, has for each invertible matrix :math:`g` and
batch :math:`X` another one that returns the same on the batch. With :math:`H = V X`,

.. math:: V \to g V, \qquad U \to U R_{\sigma(H)} R_{\sigma(gH)}^{-1},

where :math:`R_z` completes :math:`z` to a basis (:mod:`symgeom.neighbours.action.completion`): of
the batch the layer above sees the same combination of the first columns. Biases of the layer below
are a column of :math:`V`. Elsewhere the function changes, the more, the further :math:`g` is from
the identity and the worse :math:`R` is conditioned.

Measured on networks 32-16-10 of leaky ReLU at random (medians of ten): a mixing of scale 0.01
changes the outputs on other samples by 1.3 % of their size where the batch has one sample or four,
by 3.5 % at sixteen, and least squares on 32 samples change those of the batch by 0.5 %.

:math:`\sigma` is all that lies between two linear layers, so that it may pool or normalise. A batch
is exact if each layer above reads no more vectors (samples times positions) than their length
(units times the positions that are flattened into them). Larger batches have no such move:
:math:`U \to U \sigma(H) \sigma(gH)^+` (least squares) changes their outputs.

References
----------
Zhao et al. (2210.17216), sections on nonlinear group actions. Differs from the source: the
completion makes batches smaller than the width true actions (the pseudo-inverse alone projects
:math:`U` on the batch even at the identity, which changes 97 % of the outputs above for one sample
and 81 % for four), and biases are mixed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite, check_index, check_range
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast, precision
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action.carrying import Reading, carrier
from symgeom.neighbours.action.completion import condition_of
from symgeom.neighbours.action.layers import (
    Surroundings,
    strength_above,
    strength_below,
    surroundings,
)
from symgeom.neighbours.action.passes import Observer, columns_of
from symgeom.symmetry.spec import SymmetrySpec, check_spec, put, take

TOLERANCE = 1e-10
"""An exact move changes outputs on the batch by less than this, times the condition numbers, of
their size; else the units are read where the spec does not say it."""


@dataclass(frozen=True, eq=False)
class DataDependentMove:
    """A network with mixed units that computes what another one does, on a batch.

    Attributes
    ----------
    params : Parameters
        The moved network, in the precision of the other one.
    residual : float
        The largest change of an output on the batch, over the largest output.
    condition : mapping of str to float
        For each group, the condition number of the basis that the mixed activations begin: rounding
        on the batch grows with it, and so does the change elsewhere.
    exact : bool
        Whether the batch was small enough for the outputs on it to stay, to rounding.
    spec : SymmetrySpec
        The architecture.
    start : Parameters
        The network that was moved.
    problem : Problem
        The landscape.
    index : Tensor of int64, shape (sample,)
        The batch.
    """

    params: Parameters
    residual: float
    condition: Mapping[str, float]
    exact: bool
    spec: SymmetrySpec = field(repr=False)
    start: Parameters = field(repr=False)
    problem: Problem = field(repr=False)
    index: Tensor = field(repr=False)

    @cached_property
    def held_out(self) -> float:
        """The change of the outputs on all samples that are not in the batch, over their size.

        Root mean squares; not a number if the batch is all there is.
        """
        outside = torch.ones(len(self.problem.targets), dtype=torch.bool)
        outside[self.index] = False
        if not bool(outside.any()):
            return math.nan
        rest = self.problem.subset(outside)
        before = rest.outputs(self.start)
        change = rest.outputs(self.params) - before
        return float(torch.linalg.vector_norm(change) / torch.linalg.vector_norm(before))

    @door
    def lipschitz_bound(self, distances: Tensor, *, slope: float = 1.0) -> Tensor:
        r"""Bound the change of what the layers above return, away from the batch.

        On a batch sample :math:`x` nothing changes. At :math:`x'`, where the layer below reads
        something else, both networks differ from there by as much as their layers stretch,

        .. math:: \eta\, (|U R_{\sigma(H)} R_{\sigma(gH)}^{-1}| \, |gV| + |U| |V|) \, |x' - x| .

        For a network with one hidden layer these are the outputs of the network and its inputs.

        Parameters
        ----------
        distances : Tensor, shape (sample,)
            From samples to the nearest one of the batch, in all that the layer below reads of
            them.
        slope : float
            How much the activation stretches at most (:math:`\eta`; 1 for ReLU and tanh, 1.13 for
            GELU).

        Returns
        -------
        Tensor, shape (sample,)
            Bounds of the lengths of the changes; infinite for convolutions that do not pad with
            zeros.

        Raises
        ------
        SymgeomError
            If several groups were moved, whose bounds do not add up, the outputs on the batch were
            fitted only, or the slope is negative.
        """
        check_range(slope, "the slope of an activation", least=0)
        if not self.exact:
            raise SymgeomError(
                "Cannot bound the change of a move by least squares: already on the batch the "
                f"outputs change by {self.residual:.2g} of their size. Move on a smaller batch."
            )
        if len(self.condition) != 1:
            raise SymgeomError(
                f"Cannot bound the change of a move of {len(self.condition)} groups "
                f"({list(self.condition)}): move them one after another, and bound each."
            )
        (name,) = self.condition
        module = self.problem.module
        around = surroundings(self.spec, module, name)
        stretch = 0.0
        for network in (self.start, self.params):
            above = strength_above(around, module, network)
            stretch += above * strength_below(around, module, network)
        return slope * stretch * distances


@door
def data_dependent_action(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    elements: Mapping[str, Tensor],
    *,
    index: Tensor,
    least_squares: bool = False,
) -> DataDependentMove:
    """Mix the units of some groups by any matrices, without changing the outputs on a batch.

    The pre-activations of the groups on the batch become those matrices times what they were.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape.
    params : Parameters
        One network; not modified.
    elements : mapping of str to Tensor, shape (size, size)
        For each group to move, an invertible matrix; linear or convolutional layers write and read
        its units.
    index : Tensor of int64 or bool, shape (sample,)
        The samples of the problem that are the batch.
    least_squares : bool
        Whether a batch may be larger than the layers are wide; its outputs then change by the
        least that is possible layer by layer, and ``residual`` says how much.

    Returns
    -------
    DataDependentMove
        The moved network, and how near it is to the other one.

    Raises
    ------
    SymgeomError
        If the spec does not fit; a group is unknown, or has no such layers around it; a matrix is
        not one of its group or singular; batch statistics would depend on the weights; or the batch
        is empty, larger than a layer is wide, or has samples that a layer above cannot tell apart.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> network = nn.Sequential(nn.Linear(1, 2), nn.Tanh(), nn.Linear(2, 1)).double()
    >>> inputs = torch.tensor([[1.0], [2.0], [3.0]]).double()
    >>> problem = Problem(network, inputs, torch.zeros(3).long())
    >>> spec, params = discover(network, inputs), parameters(network)
    >>> mixing = {"hidden1": torch.tensor([[1.0, 0.5], [0.0, 1.0]])}
    >>> move = data_dependent_action(spec, problem, params, mixing, index=torch.tensor([0, 2]))
    >>> move.residual < 1e-12
    True
    """
    check_spec(spec, params)
    problem.architecture.check(params)
    check_finite(params, "the network to move", masks=spec.constants)
    _check_statistics(problem)
    numbers = _numbers(index, len(problem.targets))
    moved = [surroundings(spec, problem.module, name) for name in elements]
    mixings = _checked(moved, elements)
    exact = problem.subset(numbers).cast(torch.float64)
    start = cast(params, torch.float64)
    mixer = _Mixer(exact, start, numbers, least_squares=least_squares)
    for around in moved:
        mixer.mix(around, mixings[around.group.name])
    change = _largest_change(exact, start, mixer.theta)
    if change > TOLERANCE * mixer.growth:
        raise SymgeomError(
            f"Cannot mix the units of {list(elements)}: the outputs on the batch change by "
            f"{change:.2g} of their size although the layers above see the same, so that the units "
            "are read elsewhere, too. Give the spec that discover(...) finds."
        )
    network = cast(mixer.theta, precision(params))
    batch = problem.subset(numbers)
    return DataDependentMove(
        params=network,
        residual=_largest_change(batch, params, network),
        condition=mixer.condition,
        exact=mixer.growth < math.inf,
        spec=spec,
        start=params,
        problem=problem,
        index=numbers,
    )


class _Mixer:
    """Mixes the units of one group after another; no move changes what the others see."""

    def __init__(
        self, batch: Problem, start: Parameters, samples: Tensor, *, least_squares: bool
    ) -> None:
        self.theta = dict(start)
        self.condition: dict[str, float] = {}
        self.growth = 1.0
        self._start = start
        self._module = batch.module
        self._observer = Observer(batch.module, batch.inputs)
        self._samples = tuple(samples.tolist())
        self._least_squares = least_squares

    def mix(self, around: Surroundings, mixing: Tensor) -> None:
        """Mix the units of a group, and take the layers above along."""
        name = around.group.name
        layers = {reader.layer for reader in around.readers}
        mixed = _mixed(self._start, around, mixing)
        calls = self._observer.calls(self._start, layers)
        calls_then = self._observer.calls(mixed, layers, calls)
        self.theta = _mixed(self.theta, around, mixing)
        conditions = []
        for reader in around.readers:
            before = columns_of(reader, self._module, calls[reader.layer])
            after = columns_of(reader, self._module, calls_then[reader.layer])
            reading = Reading(name, reader.layer, self._samples)
            carries = carrier(reading, before, after, least_squares=self._least_squares)
            weight = self.theta[reader.leg.tensor].clone()
            entries = reader.segment(weight, 1)
            rows = carries.carry(entries.flatten(1).T)
            entries.copy_(rows.T.reshape(entries.shape))
            self.theta[reader.leg.tensor] = weight
            conditions.append(carries.condition)
            self.growth = max(self.growth, carries.growth)
        self.condition[name] = max(conditions)


def _mixed(params: Parameters, around: Surroundings, mixing: Tensor) -> dict[str, Tensor]:
    """Return a network with other pre-activations of a group."""
    network = dict(params)
    for leg in around.incoming:
        rows = take(network[leg.tensor], leg, around.group.size)
        network[leg.tensor] = put(network[leg.tensor], leg, mixing.to(rows) @ rows)
    return network


def _largest_change(batch: Problem, start: Parameters, end: Parameters) -> float:
    """Return the largest change of an output, over the largest output."""
    before = batch.outputs(start)
    change = batch.outputs(end) - before
    ratio = change.abs().max() / before.abs().max()
    return float(ratio.detach())


def _numbers(index: Tensor, count: int) -> Tensor:
    """Return the numbers of the samples of a batch, counted from the first."""
    check_index(index, count)
    numbers = torch.arange(count)[index.cpu()]
    counts = numbers.bincount(minlength=1)
    if len(numbers) == 0 or int(counts.max()) > 1:
        repeated = (counts > 1).nonzero().flatten().tolist()
        what = f"samples {repeated[:3]} are repeated" if repeated else "it has no samples"
        raise SymgeomError(
            f"Cannot move a network on this batch: {what}, so that its activations begin no basis. "
            "Give different samples."
        )
    return numbers


def _checked(moved: Sequence[Surroundings], elements: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the matrices in float64, or raise unless they have inverses."""
    if not elements:
        raise SymgeomError("Cannot move a network by no matrices: give one for at least one group.")
    mixings = {}
    for around in moved:
        name = around.group.name
        size = around.group.size
        matrix = elements[name]
        if matrix.shape != (size, size):
            raise SymgeomError(
                f"Cannot mix the units of group '{name}' by a tensor of shape "
                f"{tuple(matrix.shape)}: it has {size} units, so give a matrix ({size}, {size})."
            )
        check_finite({name: matrix}, "a matrix that mixes units")
        mixing = matrix.to(torch.float64)
        condition = condition_of(mixing)
        if condition * size * torch.finfo(torch.float64).eps > 1:
            raise SymgeomError(
                f"Cannot mix the units of group '{name}' by a singular matrix (condition number "
                f"{condition:.2g}): no group element is. Give one with an inverse, of a smaller "
                "scale for instance (random_mixing)."
            )
        mixings[name] = mixing
    return mixings


def _check_statistics(problem: Problem) -> None:
    """Raise if what happens to a sample depends on others."""
    if problem.batch_norm == "recompute":
        raise SymgeomError(
            "Cannot move a network on a batch while statistics are recomputed: they depend on the "
            "weights, and the outputs on the batch on other samples. Fold the network first "
            "(fold_batchnorm), or choose batch_norm='carried'."
        )
