r"""What a comparison of outputs can see: how large a change of some weights is in the outputs.

Every output is judged against its own size, the largest magnitude that it has over the samples
(that of the median output, if it is smaller, because an output may be small by cancellation, and
its rounding is not). An output that one huge bias dominates therefore hides no other output.

Weights are *visible* if a random displacement of a tenth of their size changes the outputs by more
than rounding can. Weights before dead units or saturated activations, or under an output with a
huge bias, are not: no comparison at that point of weight space says anything about them. To first
order, with random signs :math:`r` and the sizes :math:`m` of the outputs, the change is

.. math:: 0.1\,\lVert\theta_T\rVert_{\mathrm{rms}}\,\lVert\partial_{\theta_T} q\rVert, \qquad
          q = n^{-1/2} \sum_{k=1}^n r_k f_k / m_k.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import normal_numbers
from symgeom.ground.types import Parameters, is_movable
from symgeom.symmetry.spec import UnitGroup, put, take

NEARBY = 0.1
"""Relative size of a random displacement of the weights."""

VISIBLE = 10
"""Changes of the outputs are visible if they are this many times what rounding explains."""

USUAL = 30
"""Units of the last place by which outputs differ if weights differ in their last place."""

Outputs = Callable[[Parameters], Sequence[Tensor]]
"""The floating-point outputs of a network as a function of its parameters."""


def size_of(tensor: Tensor) -> float:
    """Return the root mean square of a tensor, or 1 if it is zero: the unit of displacements.

    Parameters
    ----------
    tensor : Tensor
        Real.

    Returns
    -------
    float
        The unit.

    Examples
    --------
    >>> size_of(torch.full((4,), -3.0)), size_of(torch.zeros(2))
    (3.0, 1.0)
    """
    return float(torch.linalg.vector_norm(tensor)) / max(tensor.numel(), 1) ** 0.5 or 1.0


def relative_change(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """Return the largest change of an output, relative to its size.

    Parameters
    ----------
    before, after : sequence of Tensor, shape (sample, ...)
        Outputs.

    Returns
    -------
    float
        Not a number if an output is none.

    Examples
    --------
    >>> before, after = torch.tensor([[1e13, 1.0, 2.0]]), torch.tensor([[1e13, 1.0, 3.0]])
    >>> relative_change([before], [after])
    0.5
    """
    changes = []
    for x, y in zip(before, after, strict=True):
        difference = _over_samples((y - x).abs())
        ratio = difference / _sizes(x)
        changes.append(torch.where(difference == 0, difference, ratio).max())
    return float(torch.stack(changes).max())


def rounding_amplified(outputs: Outputs, point: Parameters, before: Sequence[Tensor]) -> float:
    """Return how many times more than usual a network amplifies the rounding of its weights.

    Parameters
    ----------
    outputs : callable
        The outputs.
    point : Parameters
        One network.
    before : sequence of Tensor
        Its outputs.

    Returns
    -------
    float
        At least 1: weights that differ in their last place change the outputs by so many times
        ``USUAL`` units of the last place.

    Examples
    --------
    >>> outputs = lambda point: [(1e6 * point["a"]).exp()]
    >>> point = {"a": torch.ones(1, dtype=torch.float64) / 1e6}
    >>> rounding_amplified(outputs, point, outputs(point))
    1.0
    """
    generator = torch.Generator().manual_seed(0)
    moved = dict(point)
    unit = 0.0
    for name, tensor in point.items():
        if is_movable(tensor):
            unit = torch.finfo(tensor.dtype).eps
            noise = normal_numbers(tensor.shape, generator=generator)
            moved[name] = tensor + unit * tensor * noise.to(tensor)
    amplified = relative_change(before, outputs(moved)) / (USUAL * unit)
    return amplified if 1 < amplified < math.inf else 1.0


def roughness(outputs: Outputs, point: Parameters, before: Sequence[Tensor]) -> float:
    """Return by how much the outputs jump between weights that nearly agree.

    A network that computes a part in a lower precision rounds what it is given: its outputs are a
    staircase, whose second difference is as high as a step. That of a smooth function is no more
    than rounding.

    Parameters
    ----------
    outputs : callable
        The outputs.
    point : Parameters
        One network.
    before : sequence of Tensor
        Its outputs.

    Returns
    -------
    float
        The largest second difference of an output, relative to its size, over steps of the square
        root of the precision of the weights; zero if it is not finite.

    Examples
    --------
    >>> point = {"a": torch.ones(9, dtype=torch.float64)}
    >>> for dtype in (torch.float64, torch.float32):
    ...     outputs = lambda point: [point["a"].to(dtype).double()]
    ...     print(roughness(outputs, point, outputs(point)) > 1e-8)
    False
    True
    """
    generator = torch.Generator().manual_seed(0)
    above = dict(point)
    below = dict(point)
    for name, tensor in point.items():
        if is_movable(tensor):
            step = torch.finfo(tensor.dtype).eps ** 0.5 * tensor
            noise = normal_numbers(tensor.shape, generator=generator)
            displacement = step * noise.to(tensor)
            above[name] = tensor + displacement
            below[name] = tensor - displacement
    middle = []
    for up, down in zip(outputs(above), outputs(below), strict=True):
        middle.append((up + down) / 2)
    jump = 2 * relative_change(before, middle)
    return jump if math.isfinite(jump) else 0.0


Visit = Callable[[str, Tensor], None]
"""What is done with the name of a tensor and what its displacement does, entry by entry."""


def visit_changes(
    outputs: Outputs,
    point: Parameters,
    names: Sequence[str],
    generator: torch.Generator,
    visit: Visit,
) -> None:
    """Show how much a displacement of each weight changes the outputs, to first order.

    One tensor after another is shown and forgotten, so that they never are in memory together.
    Those that no output depends on are not shown, and none where the outputs cannot be
    differentiated.

    Parameters
    ----------
    outputs : callable
        The outputs, differentiable.
    point : Parameters
        One network.
    names : sequence of str
        The tensors to displace.
    generator : torch.Generator
        The source of the signs.
    visit : callable
        It is called with every tensor's name and its changes.

    Examples
    --------
    >>> outputs = lambda point: [3 * point["a"] + 0 * point["b"]]
    >>> point = {"a": torch.ones(1), "b": torch.ones(1)}
    >>> changes = {}
    >>> generator = torch.Generator().manual_seed(0)
    >>> visit_changes(outputs, point, ["a", "b"], generator, changes.__setitem__)
    >>> changes["a"].abs(), changes["b"].abs()
    (tensor([0.1000]), tensor([0.]))
    """
    leaves = {}
    for name in names:
        leaf = point[name].detach().requires_grad_()
        leaf.register_post_accumulate_grad_hook(_hook(name, visit))
        leaves[name] = leaf
    try:
        with torch.enable_grad():
            total = _signed_sum(outputs({**point, **leaves}), generator)
            torch.autograd.backward(total, inputs=list(leaves.values()))
    except (RuntimeError, SymgeomError):  # what cannot be differentiated is tried out
        return


def _hook(name: str, visit: Visit) -> Callable[[Tensor], None]:
    """Return what shows the gradient of a tensor, in units of a displacement, and forgets it."""

    def hook(leaf: Tensor) -> None:
        gradient = leaf.grad
        leaf.grad = None
        if gradient is not None:
            visit(name, gradient.mul_(NEARBY * size_of(leaf.detach())))

    return hook


def largest_effect(
    group: UnitGroup, outputs: Outputs, point: Parameters, generator: torch.Generator
) -> float:
    """Return by how much the outputs change if one leg of a group after another is displaced.

    Parameters
    ----------
    group : UnitGroup
        The group.
    outputs : callable
        The outputs.
    point : Parameters
        One network.
    generator : torch.Generator
        The source of the displacements.

    Returns
    -------
    float
        Relative to the size of an output, of the leg that changes them most.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg
    >>> group = UnitGroup("hidden1", 1, (Leg("a", 0),))
    >>> point, generator = {"a": torch.ones(1)}, torch.Generator().manual_seed(0)
    >>> 0 < largest_effect(group, lambda point: [point["a"]], point, generator) < 1
    True
    """
    before = outputs(point)
    largest = 0.0
    for leg in group.legs:
        tensor = point[leg.tensor]
        rows = take(tensor, leg, group.size)
        noise = normal_numbers(rows.shape, generator=generator)
        moved = rows + noise.to(rows) * (NEARBY * size_of(tensor))
        effect = relative_change(before, outputs({**point, leg.tensor: put(tensor, leg, moved)}))
        largest = max(largest, effect)
    return largest


def redrawn(
    point: Parameters, names: Sequence[str], generator: torch.Generator
) -> dict[str, Tensor]:
    """Return a network with other weights, at which units are alive and nothing is saturated.

    Parameters
    ----------
    point : Parameters
        One network.
    names : sequence of str
        The weights to draw anew; the other tensors stay.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    dict of str to Tensor
        Matrices as fresh layers have them, gains around 1, small biases.

    Examples
    --------
    >>> point = {"bias": torch.full((2,), 1e13)}
    >>> redrawn(point, ["bias"], torch.Generator().manual_seed(0))["bias"].abs().max() < 3
    tensor(True)
    """
    network = dict(point)
    for name in names:
        tensor = point[name]
        noise = normal_numbers(tensor.shape, generator=generator)
        network[name] = _ordinary(name, noise).to(tensor)
    return network


def _ordinary(name: str, noise: Tensor) -> Tensor:
    """Return weights as fresh layers have them: a signal neither dies nor grows."""
    if noise.ndim > 1:
        return noise * (2 / max(noise[0].numel(), 1)) ** 0.5
    if name.endswith("weight"):
        return 1 + 0.3 * noise
    return 0.3 * noise


def _sizes(outputs: Tensor) -> Tensor:
    """Return the size of every output: its own, or that of the median output that is not zero."""
    largest = _over_samples(outputs.abs())
    alive = largest[largest > 0]
    if not len(alive):
        return torch.ones_like(largest)
    return largest.clamp(min=alive.median())


def _over_samples(magnitudes: Tensor) -> Tensor:
    """Return the largest magnitude of every output over the samples."""
    if magnitudes.ndim < 2:
        return magnitudes.max().reshape(1)
    return magnitudes.amax(0)


def _signed_sum(outputs: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Return the sum of all outputs with random signs, in units of their sizes."""
    terms = []
    for output in outputs:
        coins = torch.randint(2, output.shape, generator=generator, device=generator.device)
        signs = coins.to(output) * 2 - 1
        sizes = _sizes(output.detach())
        terms.append((signs * output / sizes).sum() / output.numel() ** 0.5)
    return sum(terms[1:], start=terms[0])
