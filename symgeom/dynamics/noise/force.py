r"""The force with which the noise of SGD pushes every unit along its orbit.

It is the variance of the sample gradients on each of the unit's legs. What it does to the charges,
and where it vanishes, :mod:`symgeom.dynamics.noise.equilibrium` says. The samples are the
population: mini-batches are drawn from them.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), equation 5.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from symgeom.dynamics.noise.folds import ROUNDING, Folds, spread_without
from symgeom.dynamics.noise.matrices import MatrixForce, MatrixSums
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients import Block, Samples, check_silent, gradient_moments
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec, check_spec, take

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
        furthest from the mean gradient; NaN without any variance, or of mini-batches.
    batch_size : int or None
        Size of the mini-batches that it was measured with, and for which it holds; None if it was
        measured with single samples, and holds for every size.
    mean : dict of str to Tensor
        The mean gradient, one tensor per trainable tensor, in float64; empty if it is not known.
    loss : float
        The mean loss; NaN if it is not known.
    matrices : MatrixForce
        What it pushes linear groups with, all of whose legs train.
    """

    variance: dict[str, Tensor]
    drift: dict[str, Tensor]
    without_block: dict[str, Tensor]
    entries: dict[str, Tensor]
    samples: int
    heaviest: float
    batch_size: int | None = None
    mean: dict[str, Tensor] = field(default_factory=dict)
    loss: float = math.nan
    matrices: MatrixForce = field(default_factory=MatrixForce)

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
    moments = gradient_moments(problem, cast(params, torch.float64))
    variances = {}
    for name, square in moments.square.items():
        variance = square - moments.mean[name] ** 2
        variances[name] = with_digits(variance, square)
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
        If the spec does not fit the network, a weight or the loss of a sample is not finite, there
        is a single sample, or the loss of one depends on others or on chance.

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
    check_finite(params, "the network", masks=spec.constants)
    count = len(problem.targets)
    check_several(count)
    theta = cast(params, torch.float64)
    samples = Samples(problem, theta)
    check_silent(problem, theta)
    mean, loss = samples.mean()
    trained = charged_groups(spec.exact().trained(problem.trainable))
    mixed = MatrixSums(trained, theta, mean)
    moved = charged_groups(trained, "positive")
    folds = Folds()
    spread = {name: torch.zeros_like(tensor) for name, tensor in mean.items()}
    distances = []
    for block in samples.blocks():
        by_entry, by_sample = _apart(block, mean)
        distances.append(by_sample)
        for name, amount in by_entry.items():
            spread[name] += amount
        folds.add(block.fold, block.samples, leg_sums(moved, by_entry))
        mixed.add(block)
    squares = {name: tensor**2 for name, tensor in mean.items()}
    entries = {}
    for name, square in squares.items():
        variance = spread[name] / count
        entries[name] = with_digits(variance, variance + square)
    return NoiseForce(
        variance=leg_sums(moved, entries),
        drift=leg_sums(moved, squares),
        without_block={name: rows.clamp(min=0) for name, rows in folds.without().items()},
        entries=entries,
        samples=count,
        heaviest=_share_of_the_heaviest(torch.cat(distances), entries),
        mean=mean,
        loss=loss,
        matrices=mixed.force(),
    )


def _apart(block: Block, mean: Parameters) -> tuple[dict[str, Tensor], Tensor]:
    """Return the squared distances of gradients from their mean, by entry and by sample."""
    entries = {}
    samples = torch.zeros(block.samples, dtype=torch.float64)
    for name in block.parts:
        spread = block.spread(name, mean[name])
        entries[name] = spread.entries
        samples += spread.samples.to(samples)
    return entries, samples


def check_several(samples: int) -> None:
    """Raise unless there are samples to differ from each other.

    Parameters
    ----------
    samples : int
        How many.

    Raises
    ------
    SymgeomError
        If there is one.

    Examples
    --------
    >>> check_several(2)
    """
    if samples == 1:
        raise SymgeomError(
            "Cannot measure the noise of SGD on 1 sample: the theory takes the variance over "
            "samples, and there is none. Give more; without noise, charges move by weight decay "
            "and by the finite step alone."
        )


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


def with_digits(variance: Tensor, square: Tensor) -> Tensor:
    """Return a variance that is zero where its difference of squares has no digits left.

    Parameters
    ----------
    variance : Tensor
        The mean square minus the square of the mean.
    square : Tensor
        The mean square.

    Returns
    -------
    Tensor
        The variance.

    Examples
    --------
    >>> with_digits(torch.tensor([1e-16, 0.5]), torch.tensor([1.0, 1.0]))
    tensor([0.0000, 0.5000])
    """
    has_digits = variance > ROUNDING * square
    return torch.where(has_digits, variance, torch.zeros_like(variance))


def _share_of_the_heaviest(distances: Tensor, entries: Parameters) -> float:
    """Return the share of the hundredth of the samples that are furthest from the mean."""
    if not any(bool(variance.any()) for variance in entries.values()):
        return math.nan
    count = math.ceil(HEAVIEST * len(distances))
    heaviest = distances.topk(count).values.sum()
    return float(heaviest / distances.sum())
