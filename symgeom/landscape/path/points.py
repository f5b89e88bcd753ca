"""The networks that a path is made of."""

from collections.abc import Sequence

from torch import Tensor

from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters


def check_points(points: Sequence[Parameters]) -> None:
    """Raise unless a path can be drawn through some networks.

    Parameters
    ----------
    points : sequence of Parameters
        The networks.

    Raises
    ------
    SymgeomError
        If there are fewer than two, or they differ in their tensors.

    Examples
    --------
    >>> import torch
    >>> check_points([{"w": torch.zeros(1)}, {"w": torch.ones(1)}])
    """
    if len(points) < 2:
        raise SymgeomError(f"Cannot draw a path through {len(points)} networks: give at least two.")
    for index, point in enumerate(points[1:], start=1):
        check_same_tensors(point, points[0], f"point {index} of the path")


def one_pair(points: Sequence[Parameters], index: int) -> list[dict[str, Tensor]]:
    """Return the points of one of the stacked pairs.

    Parameters
    ----------
    points : sequence of Parameters
        Stacked networks.
    index : int
        Which pair.

    Returns
    -------
    list of dict
        Its networks (views, not copies).

    Examples
    --------
    >>> import torch
    >>> one_pair([{"w": torch.zeros(2, 1)}, {"w": torch.tensor([[1.0], [2.0]])}], 1)
    [{'w': tensor([0.])}, {'w': tensor([2.])}]
    """
    networks = []
    for point in points:
        networks.append({name: tensor[index] for name, tensor in point.items()})
    return networks
