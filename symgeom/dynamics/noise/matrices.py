r"""The force with which the noise of SGD pushes units that any invertible matrix may mix.

A variance per unit is not enough for them: what a matrix does depends on the covariance of the
sample gradients of every two units, summed over the entries that they own on a leg,

.. math:: N_{ik} = \sum_m \mathrm{Cov}\big(g_i(m), g_k(m)\big) .

Where units of other groups own some of these entries, the covariances stay apart entry by entry,
so that they are known wherever those units are scaled: unless that takes too much memory. Two
linear groups that share entries (three linear layers in a row) would need the products of all
entries of their tensor. Where covariances are not known they are measured again, at the network
that has moved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from symgeom.dynamics.noise.folds import ROUNDING, Folds
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients import Block, Samples
from symgeom.landscape.sample_gradients.cross import cross_sums
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, put, take

ENTRY_BYTES = 2**28
"""Memory (bytes) that the covariances of a linear group may take that are kept entry by entry."""


@dataclass(frozen=True, eq=False)
class MatrixForce:
    """What SGD's noise pushes the units of linear groups with.

    Attributes
    ----------
    covariance : dict of str to tuple of Tensor, shape (entry, size, size)
        For each linear group, leg by leg: the covariance of the sample gradients of every two
        units, for every entry that they own, or summed over them (one matrix) where no other group
        scales these; in float64.
    without_block : dict of str to Tensor, shape (block, side, size, size)
        The covariance on incoming and on outgoing legs of all samples but those of one block.
    drift : dict of str to Tensor, shape (side, size, size)
        Products there of the mean gradients of every two units.
    """

    covariance: dict[str, tuple[Tensor, ...]] = field(default_factory=dict)
    without_block: dict[str, Tensor] = field(default_factory=dict)
    drift: dict[str, Tensor] = field(default_factory=dict)


def matrix_force(spec: SymmetrySpec, problem: Problem, params: Parameters) -> MatrixForce:
    """Measure the covariances of the sample gradients of units that matrices mix.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move; all of their legs train.
    problem : Problem
        The landscape, with the training data, in any precision.
    params : Parameters
        One network, in float64 (not under ``vmap``).

    Returns
    -------
    MatrixForce
        Of the linear groups.

    Examples
    --------
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.Linear(2, 1, bias=False)).double()
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]).double(), torch.zeros(2)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, legs, scale="linear"),))
    >>> incoming = torch.tensor([[0.0], [1.0]]).double()
    >>> params = {"0.weight": incoming, "1.weight": torch.ones(1, 2).double()}
    >>> for covariance in matrix_force(spec, problem, params).covariance["hidden1"]:
    ...     print(covariance.tolist())
    [[[1.0, 1.0], [1.0, 1.0]]]
    [[[0.0, 0.0], [0.0, 1.0]]]
    """
    samples = Samples(problem, params)
    sums = MatrixSums(spec, params, samples.mean().gradient)
    for block in samples.blocks():
        sums.add(block)
    return sums.force()


def no_matrix_force(spec: SymmetrySpec, params: Parameters) -> MatrixForce:
    """Return covariances that are zero.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move.
    params : Parameters
        One network.

    Returns
    -------
    MatrixForce
        Of the linear groups.

    Examples
    --------
    >>> pair = UnitGroup("h", 1, (Leg("in", 0), Leg("out", 1, power=-1)), scale="linear")
    >>> weights = {"in": torch.ones(1, 3), "out": torch.ones(2, 1)}
    >>> [leg.shape for leg in no_matrix_force(SymmetrySpec((pair,)), weights).covariance["h"]]
    [torch.Size([1, 1, 1]), torch.Size([1, 1, 1])]
    """
    covariance = {}
    for group in charged_groups(spec, "linear").groups:
        legs = []
        by_entry = legs_by_entry(spec, group, params)
        for leg, apart in zip(group.legs, by_entry, strict=True):
            entries = take(params[leg.tensor], leg, group.size).shape[1] if apart else 1
            legs.append(torch.zeros(entries, group.size, group.size, dtype=torch.float64))
        covariance[group.name] = tuple(legs)
    return MatrixForce(covariance)


class MatrixSums:
    """Adds up what the units of linear groups differ from the mean by, block by block.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move.
    params, mean : Parameters
        One network, and its mean gradient.
    """

    def __init__(self, spec: SymmetrySpec, params: Parameters, mean: Parameters) -> None:
        self._sums = {}
        self._drift = {}
        for group in charged_groups(spec, "linear").groups:
            by_entry = legs_by_entry(spec, group, params)
            self._sums[group.name] = _Sums(group, mean, by_entry)
            self._drift[group.name] = side_products(group, mean)
        self._folds = Folds()

    def add(self, block: Block) -> None:
        """Add a block of samples."""
        sides = {name: of_group.add(block) for name, of_group in self._sums.items()}
        self._folds.add(block.fold, block.samples, sides)

    def force(self) -> MatrixForce:
        """Return the covariances of all samples."""
        return MatrixForce(
            covariance={name: of_group.covariance() for name, of_group in self._sums.items()},
            without_block=self._folds.without(),
            drift=self._drift,
        )


class BatchProducts:
    """Adds up products of what the units of linear groups own of two vectors, leg by leg.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move.
    params : Parameters
        One network.
    """

    def __init__(self, spec: SymmetrySpec, params: Parameters) -> None:
        self._groups = {}
        self.products: dict[str, list[Tensor]] = {}
        for group in charged_groups(spec, "linear").groups:
            self._groups[group.name] = (group, legs_by_entry(spec, group, params))
            self.products[group.name] = []

    def add(self, left: Parameters, right: Parameters) -> None:
        """Add the products of two vectors."""
        for name, of_legs in self._of(left, right).items():
            self.products[name] = _sums_of_legs(self.products[name], of_legs)

    def join(self, other: "BatchProducts") -> None:
        """Add all that another one has added."""
        for name, of_legs in other.products.items():
            self.products[name] = _sums_of_legs(self.products[name], of_legs)

    def sides(self) -> dict[str, Tensor]:
        """Return the sums on incoming and on outgoing legs of every group."""
        sides = {}
        for name, (group, _) in self._groups.items():
            sides[name] = by_side(group, self.products[name])
        return sides

    def force(
        self,
        mean: Parameters,
        without_block: Mapping[str, Tensor],
        *,
        size: float,
        batches: int,
        freedom: int,
    ) -> MatrixForce:
        """Return the covariances of single samples that make those of mini-batches.

        Parameters
        ----------
        mean : Parameters
            The mean of the gradients of mini-batches.
        without_block : mapping of str to Tensor
            The covariances of mini-batches on either side, without a block of them.
        size : float
            The effective size of a mini-batch.
        batches, freedom : int
            How many mini-batches there are, and that minus the number of means that were taken of
            them.

        Returns
        -------
        MatrixForce
            Without bias.
        """
        squares = self._of(mean, mean)
        drift = {}
        for name, (group, _) in self._groups.items():
            of_mean = by_side(group, self.products[name]) / (freedom * batches)
            drift[name] = side_products(group, mean) - of_mean
        covariances = {}
        for name, of_legs in self.products.items():
            legs = []
            for total, square in zip(of_legs, squares[name], strict=True):
                covariance = (total + total.mT) / (2 * freedom)
                legs.append(size * _with_digits(covariance, covariance + square))
            covariances[name] = tuple(legs)
        return MatrixForce(
            covariance=covariances,
            without_block={name: size * without_block[name] for name in self._groups},
            drift=drift,
        )

    def _of(self, left: Parameters, right: Parameters) -> dict[str, list[Tensor]]:
        """Return the products of two vectors, leg by leg."""
        products = {}
        for name, (group, by_entry) in self._groups.items():
            legs = []
            for leg, apart in zip(group.legs, by_entry, strict=True):
                rows = take(left[leg.tensor], leg, group.size)
                others = take(right[leg.tensor], leg, group.size)
                legs.append(_products(rows, others, apart))
            products[name] = legs
        return products


def _sums_of_legs(totals: Sequence[Tensor], addends: Sequence[Tensor]) -> list[Tensor]:
    """Return sums leg by leg; of nothing, the addends."""
    if not totals:
        return list(addends)
    return [total + addend for total, addend in zip(totals, addends, strict=True)]


def by_side(group: UnitGroup, of_legs: Sequence[Tensor]) -> Tensor:
    """Add matrices of legs, and of their entries, on either side.

    Parameters
    ----------
    group : UnitGroup
        A linear group.
    of_legs : sequence of Tensor, shape (entry, size, size)
        Matrices of its legs.

    Returns
    -------
    Tensor, shape (2, size, size)
        The sum over incoming legs, and that over outgoing ones.

    Examples
    --------
    >>> pair = UnitGroup("h", 1, (Leg("in", 0), Leg("out", 1, power=-1)), scale="linear")
    >>> by_side(pair, [torch.ones(2, 1, 1), torch.ones(3, 1, 1)]).flatten()
    tensor([2., 3.])
    """
    sides = torch.zeros(2, group.size, group.size).to(of_legs[0])
    for leg, matrices in zip(group.legs, of_legs, strict=True):
        side = 0 if leg.power > 0 else 1
        sides[side] += matrices.sum(0)
    return sides


def side_products(group: UnitGroup, vector: Parameters) -> Tensor:
    """Return the products of what every two units own of a vector, on either side.

    Parameters
    ----------
    group : UnitGroup
        A linear group.
    vector : Parameters
        Weights, or a gradient.

    Returns
    -------
    Tensor, shape (2, size, size)
        On incoming legs, and on outgoing ones.

    Examples
    --------
    >>> pair = UnitGroup("h", 1, (Leg("in", 0), Leg("out", 1, power=-1)), scale="linear")
    >>> side_products(pair, {"in": torch.full((1, 2), 2.0), "out": torch.ones(1, 1)}).flatten()
    tensor([8., 1.])
    """
    products = []
    for leg in group.legs:
        rows = take(vector[leg.tensor], leg, group.size)
        products.append((rows @ rows.T).unsqueeze(0))
    return by_side(group, products)


def scaled_legs(spec: SymmetrySpec, group: UnitGroup, params: Parameters) -> tuple[bool, ...]:
    """Return of every leg of a group whether units of other groups are scaled there.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move; those with positive scales count.
    group : UnitGroup
        The group.
    params : Parameters
        One network.

    Returns
    -------
    tuple of bool
        Leg by leg.

    Examples
    --------
    >>> pair = UnitGroup("h", 1, (Leg("in", 0), Leg("out", 1, power=-1)), scale="linear")
    >>> after = UnitGroup("k", 2, (Leg("out", 0),))
    >>> weights = {"in": torch.ones(1, 3), "out": torch.ones(2, 1)}
    >>> scaled_legs(SymmetrySpec((pair, after)), pair, weights)
    (False, True)
    """
    scaled: dict[str, Tensor] = {}
    for other in charged_groups(spec, "positive").groups:
        for leg in other.legs:
            mark(scaled, leg, other.size, params)
    legs = []
    for leg in group.legs:
        marks = scaled.get(leg.tensor, torch.zeros_like(params[leg.tensor]))
        legs.append(bool(take(marks, leg, group.size).any()))
    return tuple(legs)


def legs_by_entry(spec: SymmetrySpec, group: UnitGroup, params: Parameters) -> tuple[bool, ...]:
    """Return of every leg of a group whether its covariances are kept entry by entry.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move.
    group : UnitGroup
        One of them, that matrices mix.
    params : Parameters
        One network.

    Returns
    -------
    tuple of bool
        All of the legs where units of other groups are scaled, if these together take no more than
        :data:`ENTRY_BYTES`; none otherwise.

    Examples
    --------
    >>> pair = UnitGroup("h", 1, (Leg("in", 0), Leg("out", 1, power=-1)), scale="linear")
    >>> weights = {"in": torch.ones(1, 3), "out": torch.ones(2, 1)}
    >>> legs_by_entry(SymmetrySpec((pair, UnitGroup("k", 2, (Leg("out", 0),)))), pair, weights)
    (False, True)
    """
    scaled = scaled_legs(spec, group, params)
    needed = 0
    for leg, shared in zip(group.legs, scaled, strict=True):
        if shared:
            entries = take(params[leg.tensor], leg, group.size)
            needed += group.size * entries.nbytes
    return scaled if needed <= ENTRY_BYTES else (False,) * len(scaled)


def mark(marks: dict[str, Tensor], leg: Leg, size: int, params: Parameters) -> None:
    """Add one to the entries of a leg.

    Parameters
    ----------
    marks : dict of str to Tensor
        By tensor; those that it has not are zeros.
    leg : Leg
        Where the units lie.
    size : int
        Number of units.
    params : Parameters
        One network, for the shapes.

    Examples
    --------
    >>> marks = {}
    >>> mark(marks, Leg("w", 0, start=1), 1, {"w": torch.ones(3)})
    >>> marks
    {'w': tensor([0., 1., 0.])}
    """
    before = marks.get(leg.tensor, torch.zeros_like(params[leg.tensor]))
    marks[leg.tensor] = put(before, leg, take(before, leg, size) + 1)


class _Sums:
    """Sums over samples of what every two units of a group differ from the mean by."""

    def __init__(self, group: UnitGroup, mean: Parameters, by_entry: Sequence[bool]) -> None:
        self.group = group
        self.mean = [take(mean[leg.tensor], leg, group.size) for leg in group.legs]
        self.by_entry = by_entry
        self.of_legs: list[Tensor] = []
        self.samples = 0

    def add(self, block: Block) -> Tensor:
        """Add a block of samples; return what it adds on either side."""
        apart = [self._apart(block, number) for number in range(len(self.group.legs))]
        self.of_legs = _sums_of_legs(self.of_legs, apart)
        self.samples += block.samples
        return by_side(self.group, apart)

    def covariance(self) -> tuple[Tensor, ...]:
        """Return the covariances on all legs."""
        legs = []
        for number, total in enumerate(self.of_legs):
            covariance = total / self.samples
            square = _products(self.mean[number], self.mean[number], self.by_entry[number])
            legs.append(_with_digits(covariance, covariance + square))
        return tuple(legs)

    def _apart(self, block: Block, number: int) -> Tensor:
        """Return the products of the distances from the mean on a leg, over a block."""
        leg = self.group.legs[number]
        mean = self.mean[number]
        by_entry = self.by_entry[number]
        size = self.group.size
        square = torch.zeros(())
        for run in block.parts[leg.tensor]:
            square = square + cross_sums(run, leg, size, by_entry=by_entry)
        total = take(block.total(leg.tensor), leg, size)
        cross = _products(total, mean, by_entry)
        return square - cross - cross.mT + block.samples * _products(mean, mean, by_entry)


def _products(left: Tensor, right: Tensor, by_entry: bool) -> Tensor:
    """Return the products of two units' entries, one by one, or summed."""
    if by_entry:
        return torch.einsum("im,km->mik", left, right)
    return (left @ right.T).unsqueeze(0)


def _with_digits(covariance: Tensor, square: Tensor) -> Tensor:
    """Return covariances without the units whose variances are differences without digits."""
    variance = covariance.diagonal(dim1=1, dim2=2)
    has_digits = variance > ROUNDING * square.diagonal(dim1=1, dim2=2)
    both = has_digits.unsqueeze(1) & has_digits.unsqueeze(2)
    return torch.where(both, covariance, torch.zeros_like(covariance))
