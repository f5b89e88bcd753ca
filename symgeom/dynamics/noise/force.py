r"""The force with which the noise of SGD pushes every unit along its orbit.

It is the variance of the sample gradients on each of the unit's legs. What it does to the charges,
and where it vanishes, :mod:`symgeom.dynamics.noise.equilibrium` says. The samples are the
population: mini-batches are drawn from them.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), equation 5.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients import Block, blocks, gradient_moments
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec, check_spec, take

ROUNDING = 1e-13
"""A variance below this fraction of the mean square is zero.

The difference of the two has no digits left.
"""

HEAVIEST = 0.01
"""The share of the samples whose part in the variance is told."""


@dataclass(frozen=True, eq=False)
class NoiseForce:
    """What SGD's noise pushes every unit with.

    Attributes
    ----------
    variance : dict of str to Tensor, shape (leg, size)
        For each group with a positive scale all of whose legs train (none is frozen), the variance
        of the sample gradients, summed over the entries that a unit owns on a leg; one row per
        trainable leg, in the order of the group's legs, in float64.
    drift : dict of str to Tensor, shape (leg, size)
        The squared length of the mean gradient there.
    without_block : dict of str to Tensor, shape (block, leg, size)
        The variance of all samples but those of one block, by block: what else it could have been.
    entries : dict of str to Tensor
        The variance of every entry of the gradient, one tensor per trainable tensor, in float64.
    samples : int
        How many there are.
    heaviest : float
        Which share of the variance of all weights is due to the hundredth of the samples that are
        furthest from the mean gradient; NaN without any variance.
    """

    variance: dict[str, Tensor]
    drift: dict[str, Tensor]
    without_block: dict[str, Tensor]
    entries: dict[str, Tensor]
    samples: int
    heaviest: float

    def standard_error(self) -> dict[str, Tensor]:
        """Return how sure the variance is, for all data of which the samples are a part.

        Returns
        -------
        dict of str to Tensor, shape (leg, size)
            The jackknife's standard error; NaN for a single sample.
        """
        return {name: spread_without(rows) for name, rows in self.without_block.items()}


def gradient_variance(problem: Problem, params: Parameters) -> dict[str, Tensor]:
    """Variance over the samples of every entry of the gradient.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    dict of str to Tensor
        Population variance (divided by the number of samples), one entry per trainable tensor, in
        float64.

    Examples
    --------
    >>> from torch import nn
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(nn.Linear(1, 1), inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> gradient_variance(problem, {"weight": torch.ones(1, 1), "bias": torch.ones(1)})
    {'weight': tensor([[1.]], dtype=torch.float64), 'bias': tensor([0.], dtype=torch.float64)}
    """
    moments = gradient_moments(problem.cast(torch.float64), cast(params, torch.float64))
    variances = {}
    for name, square in moments.square.items():
        variance = square - moments.mean[name] ** 2
        variances[name] = _with_digits(variance, square)
    return variances


@door
def noise_force(spec: SymmetrySpec, problem: Problem, params: Parameters) -> NoiseForce:
    """Total gradient variance on every leg of every unit: what SGD's noise pushes with.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape, with the training data.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    NoiseForce
        Over legs and units. The sum of ``power * variance / batch_size`` is the mean of
        ``pairing(g, g)`` over mini-batches, drawn with replacement, minus that of the full
        gradient.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, a weight is not finite, or the loss of one sample
        depends on others.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> params = {"0.weight": torch.full((1, 1), 2.0), "2.weight": torch.full((1, 1), 5.0)}
    >>> noise_force(spec, problem, params).variance
    {'hidden1': tensor([[25.],
            [ 4.]], dtype=torch.float64)}
    """
    check_spec(spec, params)
    check_finite(params, "the network")
    exact = problem.cast(torch.float64)
    theta = cast(params, torch.float64)
    mean = exact.gradient(theta)
    moved = charged_groups(spec.exact().trained(problem.trainable), "positive")
    spread: dict[str, Tensor] = {}
    of_blocks = []
    sizes = []
    distances = []
    for block in blocks(exact, theta):
        apart = _apart(block, mean)
        for name, amount in apart.items():
            spread[name] = spread[name] + amount if name in spread else amount
        of_blocks.append(leg_sums(moved, apart))
        sizes.append(block.samples)
        distances.append(_distances(block, mean))
    samples = len(problem.targets)
    entries = {}
    for name, amount in spread.items():
        variance = amount / samples
        entries[name] = _with_digits(variance, variance + mean[name] ** 2)
    squares = {name: tensor**2 for name, tensor in mean.items()}
    return NoiseForce(
        variance=leg_sums(moved, entries),
        drift=leg_sums(moved, squares),
        without_block=_without_blocks(of_blocks, sizes),
        entries=entries,
        samples=samples,
        heaviest=_share_of_the_heaviest(torch.cat(distances)),
    )


def spread_without(estimates: Tensor) -> Tensor:
    """Return the standard error of an estimate, from those that leave out a block each.

    Parameters
    ----------
    estimates : Tensor, shape (block, ...)
        Of blocks of equal size, at least nearly.

    Returns
    -------
    Tensor, shape (...)
        NaN for a single block.

    Examples
    --------
    >>> sample = torch.tensor([1.0, 2.0, 6.0])
    >>> spread_without((sample.sum() - sample) / 2), sample.std() / 3**0.5
    (tensor(1.5275), tensor(1.5275))
    """
    count = len(estimates)
    if count == 1:
        return torch.full_like(estimates[0], math.nan)
    return estimates.std(0, correction=0) * (count - 1) ** 0.5


def leg_sums(spec: SymmetrySpec, amounts: Parameters) -> dict[str, Tensor]:
    """Sum what units own, leg by leg.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups.
    amounts : Parameters
        A number for every entry of every tensor; a tensor without any counts as zeros.

    Returns
    -------
    dict of str to Tensor of float64, shape (leg, size)
        By group.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> leg_sums(spec, {"in": torch.ones(2, 3).double()})
    {'hidden1': tensor([[3., 3.],
            [0., 0.]], dtype=torch.float64)}
    """
    sums = {}
    for group in spec.groups:
        rows = []
        for leg in group.legs:
            row = torch.zeros(group.size, dtype=torch.float64)
            if leg.tensor in amounts:
                row = take(amounts[leg.tensor], leg, group.size).sum(1)
            rows.append(row)
        sums[group.name] = torch.stack(rows)
    return sums


def _apart(block: Block, mean: Parameters) -> dict[str, Tensor]:
    """Return the squared distances from the mean, summed over the samples of a block."""
    apart = {}
    for name in block.parts:
        center = mean[name]
        square = block.total_square(name)
        cross = block.total(name) * center
        apart[name] = square - 2 * cross + block.samples * center**2
    return apart


def _distances(block: Block, mean: Parameters) -> Tensor:
    """Return the squared distance of every sample's gradient from the mean, on all weights."""
    total = torch.zeros(block.samples, dtype=torch.float64)
    for name in block.parts:
        total = total + block.squared_distances(name, mean[name]).to(total)
    return total


def _with_digits(variance: Tensor, square: Tensor) -> Tensor:
    """Return a variance that is zero where its difference of squares has no digits left."""
    has_digits = variance > ROUNDING * square
    return torch.where(has_digits, variance, torch.zeros_like(variance))


def _without_blocks(
    of_blocks: Sequence[Mapping[str, Tensor]], sizes: Sequence[int]
) -> dict[str, Tensor]:
    """Return the means without one block of samples, from sums over the samples of every block."""
    others = sum(sizes) - torch.tensor(sizes, dtype=torch.float64)
    without = {}
    for name in of_blocks[0]:
        sums = torch.stack([of_block[name] for of_block in of_blocks])
        rest = (sums.sum(0) - sums).clamp(min=0)
        without[name] = rest / others[:, None, None].to(sums)
    return without


def _share_of_the_heaviest(distances: Tensor) -> float:
    """Return the share of the hundredth of the samples that are furthest from the mean."""
    count = math.ceil(HEAVIEST * len(distances))
    total = float(distances.sum())
    heaviest = float(distances.topk(count).values.sum())
    return heaviest / total if total > 0 else math.nan
