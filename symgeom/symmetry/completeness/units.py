"""Which entries of the weights the groups of a spec can exchange."""

from collections.abc import Collection

import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from symgeom.ground.types import Parameters, unravel
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, take


class Units:
    """The entries that the units of all permuting groups own.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups; matrices of linear ones are permutations, too.
    tensors : Parameters
        What moves, in the order of the entries.
    visible : Tensor of bool, shape (entry,)
        Which entries matter.
    """

    def __init__(self, spec: SymmetrySpec, tensors: Parameters, visible: Tensor) -> None:
        indices = unravel(torch.arange(len(visible)), tensors)
        self.visible = visible
        self.owned: list[list[Tensor]] = []
        for group in spec.groups:
            if group.permute or group.scale == "linear":
                self.owned.append(_owned(group, indices))

    def edges(self) -> list[Tensor]:
        """Return pairs of entries that an exchange of units exchanges.

        Returns
        -------
        list of Tensor, shape (2, pair)
            Of the first unit with every other one, leg by leg.
        """
        edges: list[Tensor] = []
        for legs in self.owned:
            for rows in legs:
                first = rows[:1].expand_as(rows)
                edges.append(torch.stack([first.reshape(-1), rows.reshape(-1)]))
        return edges

    def base(self) -> list[int]:
        """Return entries that no exchange of units but the identity leaves in their places.

        Returns
        -------
        list of int
            As few as possible: one that two groups own is enough for both.
        """
        base: list[int] = []
        for legs in self.owned:
            if not legs:
                continue
            for unit in torch.cat(legs, 1)[:-1]:
                shown = unit[self.visible[unit]].tolist()
                if shown and not set(shown) & set(base):
                    base.append(shown[0])
        return base


def _owned(group: UnitGroup, indices: Parameters) -> list[Tensor]:
    """Return the entries of the units of a group, leg by leg: shape (unit, entry)."""
    owned: list[Tensor] = []
    for leg in group.legs:
        if leg.tensor in indices:
            owned.append(take(indices[leg.tensor], leg, group.size))
    return owned


def joined(edges: Collection[Tensor], count: int) -> list[int]:
    """Return which entries can be carried to each other.

    Parameters
    ----------
    edges : collection of Tensor, shape (2, pair)
        Pairs of entries.
    count : int
        How many entries there are.

    Returns
    -------
    list of int
        A number per entry, the same for all that are joined.

    Examples
    --------
    >>> joined([torch.tensor([[0, 2], [1, 3]])], 5)
    [0, 0, 1, 1, 2]
    """
    pairs = torch.cat([torch.empty(2, 0, dtype=torch.int64), *edges], 1).numpy()
    graph = coo_array((pairs[0] * 0 + 1, (pairs[0], pairs[1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return labels.tolist()
