r"""The force of SGD's noise from the gradients of mini-batches, where samples are not apart.

With batch norm in training mode the loss of a sample depends on the others of its mini-batch, with
dropout on chance: there is no gradient of a single sample. The symmetries hold for every mini-batch
all the same, and with them all that follows: a charge moves by the square of a mini-batch's
gradient :math:`g_B`, whose mean over mini-batches is

.. math:: \mathrm{E}\,\langle g_B, M g_B\rangle = \mathrm{Tr}[\mathrm{Cov}(g_B)\,M]
          + \langle\bar g, M\bar g\rangle .

The covariance is estimated from mini-batches that are drawn independently of each other, each
without replacement in itself, and told as that of single samples which would give it:
:math:`S (N-1)/(N-S)` times as large. Where samples *are* apart, its mean is exactly
:func:`~symgeom.dynamics.noise.noise_force`. It holds for mini-batches of this size alone.

The deviations are those from the mean of a fold of mini-batches, so that one pass is enough; a
twentieth of the mini-batches goes into these means.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), appendix D: the step
of SGD in the gradient of a mini-batch.
"""

import math

import torch
from torch import Generator, Tensor

from symgeom.dynamics.noise.folds import Folds
from symgeom.dynamics.noise.force import NoiseForce, check_several, leg_sums, with_digits
from symgeom.dynamics.noise.matrices import BatchProducts
from symgeom.dynamics.noise.sampling import effective_batch_size
from symgeom.ground.checks import check_finite, check_range
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients import FOLDS
from symgeom.landscape.sample_gradients.batches import BatchGradients
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec, check_spec


@door
def noise_force_of_batches(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    *,
    batch_size: int,
    batches: int,
    generator: Generator,
) -> NoiseForce:
    """Measure the noise of SGD from the gradients of mini-batches, as training takes them.

    The network is in training mode: dropout draws, and batch norms whose statistics the problem
    recomputes use those of the mini-batch.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape, with the training data.
    params : Parameters
        One network (not under ``vmap``).
    batch_size : int
        Samples per mini-batch, fewer than there are.
    batches : int
        How many mini-batches to draw, 4 or more: the relative error is about the square root of 2 /
        batches, for a single weight.
    generator : Generator
        Draws them, and what layers draw.

    Returns
    -------
    NoiseForce
        The variance is that of single samples which would give mini-batches of this size their
        variance; the drift, too, is without bias, and may therefore be negative.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, a weight or a loss is not finite, mini-batches hold
        all samples or are too small for batch norm, or a number is out of range.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    >>> inputs, targets = torch.tensor([[1.0], [2.0], [3.0]]), torch.zeros(3)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> params = {"0.weight": torch.full((1, 1), 2.0), "2.weight": torch.full((1, 1), 5.0)}
    >>> force = noise_force_of_batches(
    ...     spec, problem, params, batch_size=2, batches=200, generator=Generator().manual_seed(0)
    ... )
    >>> force.variance["hidden1"].flatten() / torch.tensor([25, 4])  # the mean is 2 / 3
    tensor([0.6700, 0.6700], dtype=torch.float64)
    """
    check_spec(spec, params)
    check_finite(params, "the network", masks=spec.constants)
    samples = len(problem.targets)
    check_several(samples)
    check_range(batch_size, "the number of samples in a mini-batch", least=1, most=samples - 1)
    check_range(batches, "the number of mini-batches", least=4)
    theta = cast(params, torch.float64)
    gradients = BatchGradients(problem, theta)
    trained = charged_groups(spec.exact().trained(problem.trainable))
    moved = charged_groups(trained, "positive")
    folds = Folds()
    drawn = _Running(BatchProducts(trained, theta))
    parts = torch.arange(batches).tensor_split(min(FOLDS, batches // 2))
    for fold, members in enumerate(parts):
        of_fold = _Running(BatchProducts(trained, theta))
        for _ in members:
            index = torch.randperm(samples, generator=generator)[:batch_size]
            of_fold.add(gradients.at(index, generator))
        amounts = leg_sums(moved, of_fold.apart) | of_fold.mixed.sides()
        folds.add(fold, len(members) - 1, amounts)
        drawn.join(of_fold)
    size = effective_batch_size(batch_size, samples=samples)
    freedom = batches - len(parts)
    entries, drift = drawn.moments(freedom, size)
    without = folds.without()
    rows = {group.name: without[group.name] for group in moved.groups}
    return NoiseForce(
        variance=leg_sums(moved, entries),
        drift=leg_sums(moved, drift),
        without_block={name: size * amounts.clamp(min=0) for name, amounts in rows.items()},
        entries=entries,
        samples=samples,
        heaviest=math.nan,
        batch_size=batch_size,
        matrices=drawn.mixed.force(
            drawn.mean, without, size=size, batches=batches, freedom=freedom
        ),
    )


class _Running:
    """Mean of gradients, and the sums of their squared distances from it, entry by entry.

    And of the products of these distances between units that matrices mix.
    """

    def __init__(self, mixed: BatchProducts) -> None:
        self.count = 0
        self.mixed = mixed
        self.mean: dict[str, Tensor] = {}
        self.apart: dict[str, Tensor] = {}

    def add(self, gradients: Parameters) -> None:
        """Add one gradient (Welford's recursion)."""
        self._begin(gradients)
        self.count += 1
        before = {}
        after = {}
        for name, gradient in gradients.items():
            before[name] = gradient - self.mean[name]
            self.mean[name] += before[name] / self.count
            after[name] = gradient - self.mean[name]
            self.apart[name] += before[name] * after[name]
        self.mixed.add(before, after)

    def join(self, fold: "_Running") -> None:
        """Join the means; add the distances from the mean of the fold as they are."""
        self._begin(fold.mean)
        self.count += fold.count
        for name, mean in fold.mean.items():
            self.mean[name] += fold.count / self.count * (mean - self.mean[name])
            self.apart[name] += fold.apart[name]
        self.mixed.join(fold.mixed)

    def moments(self, freedom: int, size: float) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the variance of single samples, and the square of the mean without its noise."""
        entries = {}
        drift = {}
        for name, apart in self.apart.items():
            variance = apart / freedom
            square = self.mean[name] ** 2
            entries[name] = size * with_digits(variance, variance + square)
            drift[name] = square - variance / self.count
        return entries, drift

    def _begin(self, tensors: Parameters) -> None:
        for name, tensor in tensors.items():
            if name not in self.mean:
                self.mean[name] = torch.zeros_like(tensor)
                self.apart[name] = torch.zeros_like(tensor)
