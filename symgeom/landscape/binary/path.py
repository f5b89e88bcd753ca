r"""Paths between binary networks: every point is binary, and one weight flips after the other.

A *Hamming geodesic* flips the :math:`n` weights in which its ends differ, in random order: at
:math:`t` the first :math:`\operatorname{round}(tn)` of them have the value that they have at the
second end. Every shortest path is one of these, so that a single path says little where there are
few weights: average over orders. A *latent path* takes the signs of the linearly interpolated
latent weights: a Hamming geodesic in one special order, in which weights flip early that are small
in the first network and large in the second. They answer different questions.

Real tensors beside the binary ones are interpolated linearly. Calls, stacked pairs and ``t`` are as
in :mod:`symgeom.landscape.path`.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038), which reports paths between binary
networks. Differs from the source: its definition was not at hand; the random order is ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import check_attributes
from symgeom.ground.types import Parameters, stack
from symgeom.landscape.binary.layers import sign
from symgeom.landscape.path import LinearPath, Path, check_times, one_pair


def random_order(
    like: Parameters,
    names: Iterable[str],
    *,
    generator: torch.Generator | Sequence[torch.Generator],
) -> dict[str, Tensor]:
    """Draw the order in which weights flip.

    Parameters
    ----------
    like : Parameters
        A network of the architecture, or stacked ones.
    names : iterable of str
        The binary tensors.
    generator : torch.Generator or sequence of torch.Generator
        The source of randomness; for stacked networks one each.

    Returns
    -------
    dict of str to Tensor
        A number between 0 and 1 per weight: smaller ones flip earlier.

    Raises
    ------
    SymgeomError
        If the generators are not one for each stacked network.

    Examples
    --------
    >>> source = torch.Generator().manual_seed(0)
    >>> random_order({"weight": torch.ones(2, 3)}, ["weight"], generator=source)["weight"].shape
    torch.Size([2, 3])
    """
    tensors = {name: like[name] for name in names}
    if isinstance(generator, torch.Generator):
        return _uniform_like(tensors, generator)
    for tensor in tensors.values():
        if len(tensor) != len(generator):
            raise SymgeomError(
                f"Cannot draw orders for {len(tensor)} stacked networks with {len(generator)} "
                "generators: give one for each."
            )
    orders = []
    for index, source in enumerate(generator):
        network = {name: tensor[index] for name, tensor in tensors.items()}
        orders.append(_uniform_like(network, source))
    return stack(orders)


@dataclass(frozen=True, eq=False)
class HammingPath(Path):
    """The Hamming geodesic between two networks in a given order.

    Attributes
    ----------
    start, end : Parameters
        Two networks (or stacked ones), latent or binary.
    order : mapping of str to Tensor
        For every binary tensor, numbers in its shape: smaller ones flip earlier
        (:func:`random_order`).
    stacked : bool
        Whether the ends are stacked networks.

    Examples
    --------
    >>> start, end = {"w": torch.tensor([0.5, 0.5])}, {"w": torch.tensor([-0.5, -0.5])}
    >>> path = HammingPath(start, end, {"w": torch.tensor([0.9, 0.1])})
    >>> path(0.5)["w"]
    tensor([ 1., -1.])
    """

    start: Parameters
    end: Parameters
    order: Parameters
    stacked: bool = False

    def __post_init__(self) -> None:
        check_attributes(self)
        check_same_tensors(self.end, self.start, "the end of the path")
        signs = {name: tensor for name, tensor in self.start.items() if name in self.order}
        check_same_tensors(self.order, signs, "the order of the path")
        object.__setattr__(self, "start", _with_signs(self.start, self.order))
        object.__setattr__(self, "end", _with_signs(self.end, self.order))

    @property
    def points(self) -> Sequence[Parameters]:
        """Both ends, binary."""
        return self.start, self.end

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the networks at ``t``, binary weights being exactly +1 or -1."""
        times = check_times(t)
        networks = LinearPath(self.start, self.end)(times)
        ranks, count = self._ranks
        flips = (_with_axes(times.to(count.device), count.ndim) * count).round()  # (t, pair)
        for name, rank in ranks.items():
            flipped = rank < _with_axes(flips, rank.ndim - count.ndim)
            networks[name] = torch.where(flipped, self.end[name], self.start[name])
        return networks

    def pair(self, index: int) -> "HammingPath":
        """Return the path of one of the stacked pairs."""
        start, end, order = one_pair((self.start, self.end, self.order), index)
        return HammingPath(start, end, order)

    @cached_property
    def _ranks(self) -> tuple[dict[str, Tensor], Tensor]:
        """Rank of each weight in the order of flips, and how many flip; the others come last."""
        pair_axes = 1 if self.stacked else 0

        def flat(tensors: Parameters) -> Tensor:
            pieces = [tensors[name].flatten(pair_axes) for name in self.order]
            return torch.cat(pieces, dim=-1)

        differs = flat(self.start) != flat(self.end)
        order = torch.where(differs, flat(self.order).double(), torch.inf)
        ranks = order.argsort(dim=-1, stable=True).argsort(dim=-1)
        shapes = {name: self.start[name].shape for name in self.order}
        sizes = [shape[pair_axes:].numel() for shape in shapes.values()]
        ranks_of_tensors = {}
        for name, piece in zip(self.order, ranks.split(sizes, dim=-1), strict=True):
            ranks_of_tensors[name] = piece.reshape(shapes[name])
        return ranks_of_tensors, differs.sum(-1)


@dataclass(frozen=True, eq=False)
class HammingChain(Path):
    """Hamming geodesics one after the other, each with the same share of ``t``.

    Attributes
    ----------
    points : sequence of Parameters
        Networks (or stacked ones), latent or binary.
    orders : sequence of mappings of str to Tensor
        The order of flips on each segment (:func:`random_order`).
    stacked : bool
        Whether the points are stacked networks.

    Examples
    --------
    >>> points = [{"w": torch.tensor([w, 1.0])} for w in (1.0, -1.0, 1.0)]
    >>> chain = HammingChain(points, [{"w": torch.tensor([0.1, 0.2])}] * 2)
    >>> chain(torch.tensor([0.0, 0.5, 1.0]))["w"][:, 0]
    tensor([ 1., -1.,  1.])
    """

    points: Sequence[Parameters] = field()  # without a default, though paths have one
    orders: Sequence[Mapping[str, Tensor]]
    stacked: bool = False

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the networks at ``t``, binary weights being exactly +1 or -1."""
        times = check_times(t)
        if times.ndim:
            return stack([self._at(time) for time in times.tolist()])
        return self._at(float(times))

    def pair(self, index: int) -> "HammingChain":
        """Return the chain of one of the stacked pairs."""
        return HammingChain(one_pair(self.points, index), one_pair(self.orders, index))

    def _at(self, t: float) -> dict[str, Tensor]:
        position = t * len(self._segments)
        segment = min(int(position), len(self._segments) - 1)
        return self._segments[segment](position - segment)

    @cached_property
    def _segments(self) -> list[HammingPath]:
        segments = []
        for (start, end), order in zip(pairwise(self.points), self.orders, strict=True):
            segments.append(HammingPath(start, end, order, stacked=self.stacked))
        return segments


@dataclass(frozen=True, eq=False)
class LatentPath(Path):
    """The signs of the straight line between the latent weights of two networks.

    Attributes
    ----------
    start, end : Parameters
        Two networks (or stacked ones) with their latent weights.
    names : tuple of str
        The binary tensors.
    normalised : bool
        Whether the latent weights of every unit (a row of a tensor) are first brought to length 1:
        this changes the order.
    stacked : bool
        Whether the ends are stacked networks.

    Examples
    --------
    >>> start, end = {"w": torch.tensor([[0.1, 0.9]])}, {"w": torch.tensor([[-0.5, -0.5]])}
    >>> LatentPath(start, end, ("w",))(0.5)["w"]
    tensor([[-1.,  1.]])
    """

    start: Parameters
    end: Parameters
    names: tuple[str, ...]
    normalised: bool = False
    stacked: bool = False

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the networks at ``t``, binary weights being exactly +1 or -1."""
        return _with_signs(self._line(t), self.names)

    def pair(self, index: int) -> "LatentPath":
        """Return the path of one of the stacked pairs."""
        start, end = one_pair((self.start, self.end), index)
        return replace(self, start=start, end=end, stacked=False)

    @cached_property
    def _line(self) -> LinearPath:
        if not self.normalised:
            return LinearPath(self.start, self.end)
        return LinearPath(self._normalised(self.start), self._normalised(self.end))

    def _normalised(self, network: Parameters) -> dict[str, Tensor]:
        """Return a network whose units' latent weights have length 1."""
        unit_axes = 2 if self.stacked else 1
        normalised = dict(network)
        for name in self.names:
            tensor = network[name]
            lengths = torch.linalg.vector_norm(tensor.flatten(unit_axes), dim=-1)
            normalised[name] = tensor / _with_axes(lengths, tensor.ndim - lengths.ndim)
        return normalised


def _with_axes(values: Tensor, axes: int) -> Tensor:
    """Return values with new axes behind theirs, each of length 1."""
    return values.reshape(values.shape + (1,) * axes)


def _with_signs(network: Parameters, names: Iterable[str]) -> dict[str, Tensor]:
    """Return a network whose binary tensors are replaced by their signs."""
    signs = {name: sign(network[name]) for name in names}
    return {**network, **signs}


def _uniform_like(tensors: Parameters, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw a number between 0 and 1 for every weight, on the CPU, then move it to its device."""
    drawn = {}
    for name, tensor in tensors.items():
        numbers = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
        drawn[name] = numbers.to(tensor.device)
    return drawn
