"""What a path is: a callable from ``t`` in [0, 1] to parameters that can say more about itself.

A new kind of path defines ``__call__``. All else has a default that is right for every path; a kind
overrides it where it knows a faster way.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import told
from symgeom.ground.types import Parameters
from symgeom.landscape.path.points import one_pair

PathFunction = Callable[[float | Tensor], dict[str, Tensor]]
"""From ``t`` in [0, 1] to parameters; a tensor of shape ``(t,)`` gives stacked parameters."""


class Path(ABC):
    """A path of one network, or the paths of ``k`` stacked pairs.

    Examples
    --------
    >>> class Circle(Path):
    ...     def __call__(self, t):
    ...         return {"w": torch.as_tensor(torch.pi * t).cos()}
    >>> [float(point["w"]) for point in Circle().points]
    [1.0, -1.0]
    """

    @abstractmethod
    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or the networks at several ``t``.

        Parameters
        ----------
        t : float or Tensor, shape () or (t,)
            In [0, 1].

        Returns
        -------
        dict of str to Tensor
            Every tensor with the leading axes ``(t, k)``: without ``t`` for a number, without ``k``
            for the path of one network.
        """

    @cached_property
    def points(self) -> Sequence[Parameters]:
        """The networks that the path is made of, from start to end; by default these two."""
        return self(0.0), self(1.0)

    def tensors(self, t: float | Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Return some tensors of the network at ``t``, or of stacked networks."""
        network = self(t)
        return {name: network[name] for name in names}

    def factors(self, name: str, t: Tensor) -> Tensor | None:
        """Return how much of each point is in the rows of a tensor at ``t``.

        Parameters
        ----------
        name : str
            Which tensor.
        t : Tensor, shape (t,)
            In [0, 1].

        Returns
        -------
        Tensor, shape (points, t, row), or None
            One factor for each row, or one for all rows; None where the rows of the tensor are no
            combinations of the rows of the points, which is the default.
        """
        return None

    def pair(self, index: int) -> "Path":
        """Return the path of one of the stacked pairs."""
        return _PairOfPath(self, index)


@dataclass(frozen=True, eq=False)
class _PairOfPath(Path):
    """The path of one of the stacked pairs of a path that knows no faster way."""

    path: Path
    index: int

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        pair_axis = check_times(t).ndim
        networks = self.path(t)
        return {name: x.select(pair_axis, self.index) for name, x in networks.items()}

    @cached_property
    def points(self) -> Sequence[Parameters]:
        return one_pair(self.path.points, self.index)


@dataclass(frozen=True, eq=False)
class _PathOfFunction(Path):
    """A function from ``t`` to parameters, as a path."""

    function: PathFunction

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        return self.function(t)


def as_path(path: PathFunction) -> Path:
    """Return a path, so that a plain function serves wherever a path does.

    Parameters
    ----------
    path : callable
        A path, or a function from ``t`` to parameters.

    Returns
    -------
    Path
        The path itself, or one that calls the function.

    Raises
    ------
    SymgeomError
        If the function gives no network at ``t = 0``.

    Examples
    --------
    >>> path = as_path(lambda t: {"w": 2 * torch.as_tensor(t)})
    >>> path.tensors(0.25, ["w"])
    {'w': tensor(0.5000)}
    """
    if isinstance(path, Path):
        return path
    try:
        start = path(0.0)
    except SymgeomError:
        raise
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(
            f"Cannot follow the path: at t = 0 it raises {told(error)}. Give a "
            "function from t to a network's tensors by name."
        ) from error
    if not isinstance(start, Mapping):
        raise SymgeomError(
            f"Cannot follow the path: at t = 0 it gives a {type(start).__name__}. Give a function "
            "from t to a network's tensors by name."
        )
    return _PathOfFunction(path)


def check_times(t: float | Tensor) -> Tensor:
    """Return ``t`` as a tensor in float64.

    Parameters
    ----------
    t : float or Tensor, shape () or (t,)
        Where a path is evaluated.

    Returns
    -------
    Tensor, shape () or (t,)
        The same.

    Raises
    ------
    SymgeomError
        If ``t`` has more than one axis, or leaves [0, 1].

    Examples
    --------
    >>> check_times(0.5)
    tensor(0.5000, dtype=torch.float64)
    """
    where = t.device if isinstance(t, Tensor) else "cpu"
    times = torch.as_tensor(t, dtype=torch.float64, device=where)
    if times.ndim > 1:
        raise SymgeomError(
            f"Cannot evaluate a path at t of shape {tuple(times.shape)}: "
            "give a number, or a tensor with one axis."
        )
    if not ((times >= 0) & (times <= 1)).all():
        raise SymgeomError(
            f"Cannot evaluate a path at t from {times.min():.6g} to {times.max():.6g}: "
            "a path runs from t = 0 to t = 1."
        )
    return times
