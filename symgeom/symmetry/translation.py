r"""Translations: numbers that may be added to weights.

Gradient flow therefore conserves their sums.

If adding the same number to all entries of a weight along one axis changes no loss, the gradient
sums to zero along that axis, and gradient flow keeps the sum of the weight:

.. math:: L(\theta + \epsilon\, 1_a) = L(\theta)
          \;\Rightarrow\; \sum_{i \in a} \frac{\partial L}{\partial\theta_i} = 0 ,
          \qquad Q = \sum_{i \in a}\theta_i .

A softmax allows this of the last layer (over classes), a layer norm of what feeds it (over units);
and a bias in front of a batch norm, or of the keys of attention, may be anything: its entries are
conserved one by one. SGD with decay :math:`\lambda` keeps these laws too, :math:`Q \leftarrow (1 -
\eta\lambda) Q`, whatever its noise.

Unlike scalings they are no property of the outputs alone (a softmax is often part of the loss), so
that they are found where they show: in the gradients of a loss, at random points of weight space.

References
----------
Kunin et al., "Neural mechanics" (2012.04728), section 3, translation symmetry. Finding them in
gradients is ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite, check_real
from symgeom.ground.doors import door
from symgeom.ground.own_code import told
from symgeom.ground.types import Parameters, cast

TOLERANCE = 1e-12
"""What counts as zero.

Of the sum of a gradient, relative to the sum of its sizes; of an entry of a gradient, relative to
the largest gradient of the network.
"""

NEARBY = 0.3
"""Relative size of the random displacements of the weights at which gradients are taken."""

Loss = Callable[[Parameters], Tensor]


@dataclass(frozen=True)
class Translation:
    """What may be added to a weight.

    Attributes
    ----------
    tensor : str
        Its name.
    axis : int or None
        One number to all entries along this axis; None: any number to any entry.
    start, stop : int
        The rows (entries of axis 0) of which this holds.

    Examples
    --------
    >>> Translation("head.bias", 0, 0, 2).charge({"head.bias": torch.tensor([1.0, 2.0])})
    tensor(3., dtype=torch.float64)
    """

    tensor: str
    axis: int | None
    start: int
    stop: int

    @door
    def charge(self, params: Parameters) -> Tensor:
        """Return what gradient flow conserves.

        Parameters
        ----------
        params : Parameters
            One network, or a gradient, of which the result should be zero.

        Returns
        -------
        Tensor of float64
            Sums along the axis, or the entries themselves.
        """
        rows = params[self.tensor].double()[self.start : self.stop]
        return rows if self.axis is None else rows.sum(self.axis)


@door
def find_translations(
    loss: Loss, params: Parameters, *, generator: torch.Generator, draws: int = 3
) -> tuple[Translation, ...]:
    """Find the translations that leave a loss unchanged.

    Parameters
    ----------
    loss : callable
        From parameters in float64 to a number, such as ``problem.loss``; in training mode, if batch
        norms shall use the statistics of the batch.
    params : Parameters
        The weights; what is not trained belongs into the loss.
    generator : torch.Generator
        The source of random displacements.
    draws : int
        Points near ``params`` at which a law must hold.

    Returns
    -------
    tuple of Translation
        Runs of rows without a gradient, then axes along which the gradients of other weights sum to
        zero; not those of length 1.

    Raises
    ------
    SymgeomError
        If a weight is not real or not finite, there is no draw, or the loss fails or has no
        gradient at all.

    Examples
    --------
    >>> head = {"weight": torch.tensor([[1.0, 2.0], [0.5, 3.0]]), "bias": torch.tensor([0.0, 1.0])}
    >>> inputs, targets = torch.tensor([[1.0, -1.0], [2.0, 0.5]]).double(), torch.tensor([0, 1])
    >>> logits = lambda p: inputs @ p["weight"].T + p["bias"]
    >>> cross_entropy = lambda p: torch.nn.functional.cross_entropy(logits(p), targets)
    >>> generator = torch.Generator().manual_seed(0)
    >>> laws = find_translations(cross_entropy, head, generator=generator)
    >>> [(law.tensor, law.axis) for law in laws]
    [('weight', 0), ('bias', 0)]
    """
    check_real(params, "the network whose translations are looked for")
    check_finite(params, "the network whose translations are looked for")
    if draws < 1:
        raise SymgeomError(f"Cannot look for translations at {draws} points: give at least one.")
    relative = _relative_gradients(loss, params, generator, draws)
    entries: list[Translation] = []
    sums: list[Translation] = []
    for name, slope in relative.items():
        still = _rows_without_gradient(slope)
        for start, stop in _runs(still):
            entries.append(Translation(name, None, start, stop))
        if all(still):
            continue
        for axis in range(slope.ndim - 1):
            if _sums_to_zero(slope, axis + 1):
                sums.append(Translation(name, axis, 0, len(still)))
    return (*entries, *sums)


def _relative_gradients(
    loss: Loss, params: Parameters, generator: torch.Generator, draws: int
) -> dict[str, Tensor]:
    """Return gradients at several points, relative to the largest there: shape (draw, ...)."""
    gradients: dict[str, list[Tensor]] = {name: [] for name in params}
    for _ in range(draws):
        slopes = _gradient(loss, _displaced(params, generator))
        largest = max(float(slope.abs().max()) for slope in slopes.values())
        if not largest:
            raise SymgeomError(
                "Cannot look for translations: the loss does not depend on the weights. "
                "Give weights that it depends on."
            )
        for name, slope in slopes.items():
            gradients[name].append(slope / largest)
    return {name: torch.stack(rows) for name, rows in gradients.items()}


def _displaced(params: Parameters, generator: torch.Generator) -> dict[str, Tensor]:
    """Return a point near the network, in float64, that gradients can be taken at."""
    point: dict[str, Tensor] = {}
    for name, tensor in cast(params, torch.float64).items():
        size = float(tensor.square().mean().sqrt()) or 1.0
        noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        displaced = tensor + NEARBY * size * noise.to(tensor.device)
        point[name] = displaced.requires_grad_()
    return point


def _gradient(loss: Loss, point: dict[str, Tensor]) -> dict[str, Tensor]:
    weights = list(point.values())
    try:
        with torch.enable_grad():
            value = loss(point)
            slopes = torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True)
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(
            f"Cannot differentiate the loss: at weights like the given ones it raises "
            f"{told(error)}. Give a function from a network's tensors by name to "
            "one number, problem.loss for instance."
        ) from error
    return dict(zip(point, slopes, strict=True))


def _rows_without_gradient(slope: Tensor) -> list[bool]:
    """Return of each row of a tensor whether its gradient is zero at all points."""
    sizes = slope.abs()
    largest = sizes.flatten(2).amax((0, 2)) if slope.ndim > 2 else sizes.amax(0)
    return (largest <= TOLERANCE).tolist()


def _sums_to_zero(slope: Tensor, axis: int) -> bool:
    if slope.shape[axis] == 1:
        return False
    sums = slope.sum(axis)
    sizes = slope.abs().sum(axis)
    return bool((sums.abs() <= TOLERANCE * sizes.max()).all())


def _runs(flags: list[bool]) -> list[tuple[int, int]]:
    """Return the ranges in which all flags are set."""
    runs: list[tuple[int, int]] = []
    start = 0
    for index, flag in enumerate([*flags, False]):
        if not flag:
            if start < index:
                runs.append((start, index))
            start = index + 1
    return runs
