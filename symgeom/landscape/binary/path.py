r"""Paths between binary networks: every point is a binary network, and the path flips one weight after the other.

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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_same_tensors
from symgeom.ground.types import Parameters
from symgeom.landscape.binary.layers import sign
from symgeom.landscape.path import LinearPath
from symgeom.landscape.path.weights import check_times


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
    >>> random_order({"weight": torch.ones(2, 3)}, ["weight"], generator=torch.Generator().manual_seed(0))["weight"].shape
    torch.Size([2, 3])
    """
    tensors = {name: like[name] for name in names}
    if isinstance(generator, torch.Generator):
        return {
            name: _uniform(tensor.shape, generator).to(tensor.device)
            for name, tensor in tensors.items()
        }
    for tensor in tensors.values():
        if len(tensor) != len(generator):
            raise SymgeomError(
                f"Cannot draw orders for {len(tensor)} stacked networks with {len(generator)} generators: give one for each."
            )
    drawn = [
        {name: _uniform(tensor.shape[1:], source) for name, tensor in tensors.items()}
        for source in generator
    ]
    return {
        name: torch.stack([numbers[name] for numbers in drawn]).to(tensor.device)
        for name, tensor in tensors.items()
    }


@dataclass(frozen=True, eq=False)
class HammingPath:
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
    >>> path = HammingPath({"w": torch.tensor([0.5, 0.5])}, {"w": torch.tensor([-0.5, -0.5])}, {"w": torch.tensor([0.9, 0.1])})
    >>> path(0.5)["w"]
    tensor([ 1., -1.])
    """

    start: Parameters
    end: Parameters
    order: Parameters
    stacked: bool = False

    def __post_init__(self) -> None:
        check_same_tensors(self.end, self.start, "the end of the path")
        for side in ("start", "end"):
            network = getattr(self, side)
            object.__setattr__(
                self, side, {**network, **{name: sign(network[name]) for name in self.order}}
            )

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the networks at ``t``.

        Parameters
        ----------
        t : float or Tensor, shape (t,)
            In [0, 1].

        Returns
        -------
        dict of str to Tensor
            Binary weights of exactly +1 or -1.
        """
        t = check_times(t)
        points = LinearPath(self.start, self.end)(t)
        ranks, count = self._ranks
        flipped = (
            t.to(count.device).reshape(t.shape + (1,) * count.ndim) * count
        ).round()  # (t, pair)
        for name, rank in ranks.items():
            passed = flipped.reshape(flipped.shape + (1,) * (rank.ndim - count.ndim))
            points[name] = torch.where(rank < passed, self.end[name], self.start[name])
        return points

    @cached_property
    def _ranks(self) -> tuple[dict[str, Tensor], Tensor]:
        """The place of every weight in the order of those that flip (others come last), and how many these are."""
        names, lead = list(self.order), 1 if self.stacked else 0
        shapes = {name: self.start[name].shape for name in names}

        def flat(tensors: Parameters) -> Tensor:
            return torch.cat([tensors[name].flatten(lead) for name in names], dim=-1)

        differs = flat(self.start) != flat(self.end)
        order = torch.where(differs, flat(self.order).double(), torch.inf)
        ranks = order.argsort(dim=-1, stable=True).argsort(dim=-1)
        pieces = ranks.split([shapes[name][lead:].numel() for name in names], dim=-1)
        return {
            name: piece.reshape(shapes[name]) for name, piece in zip(names, pieces, strict=True)
        }, differs.sum(-1)


@dataclass(frozen=True, eq=False)
class LatentPath:
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
    >>> path = LatentPath({"w": torch.tensor([[0.1, 0.9]])}, {"w": torch.tensor([[-0.5, -0.5]])}, ("w",))
    >>> path(0.5)["w"]
    tensor([[-1.,  1.]])
    """

    start: Parameters
    end: Parameters
    names: tuple[str, ...]
    normalised: bool = False
    stacked: bool = False

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the networks at ``t``.

        Parameters
        ----------
        t : float or Tensor, shape (t,)
            In [0, 1].

        Returns
        -------
        dict of str to Tensor
            Binary weights of exactly +1 or -1.
        """
        points = self._line(t)
        return {
            name: sign(tensor) if name in self.names else tensor for name, tensor in points.items()
        }

    @cached_property
    def _line(self) -> LinearPath:
        return LinearPath(
            *(self._scaled(end) if self.normalised else end for end in (self.start, self.end))
        )

    def _scaled(self, network: Parameters) -> dict[str, Tensor]:
        def unit(tensor: Tensor) -> Tensor:
            lengths = torch.linalg.vector_norm(tensor.flatten(2 if self.stacked else 1), dim=-1)
            return tensor / lengths.reshape(lengths.shape + (1,) * (tensor.ndim - lengths.ndim))

        return {**network, **{name: unit(network[name]) for name in self.names}}


def _uniform(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.rand(tuple(shape), generator=generator, dtype=torch.float64)
