"""Straight lines, polygonal chains and Bezier curves: combinations of fixed points."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import check_attributes, door
from symgeom.ground.types import Parameters
from symgeom.landscape.path.abstract import Path, PathFunction, as_path, check_times
from symgeom.landscape.path.points import check_points, one_pair
from symgeom.landscape.path.weights import bezier_weights, combine, polygonal_weights


class Curve(Path):
    """A combination of fixed points, single or stacked; what it combines is in ``points``."""

    def __post_init__(self) -> None:
        check_attributes(self)
        check_points(self.points)

    @abstractmethod
    def weights(self, t: Tensor) -> Tensor:
        """Return the weights of the points at ``t``, shape ``(points, ...)``."""

    @abstractmethod
    def through(self, points: Sequence[Parameters]) -> "Curve":
        """Return the curve of this kind that combines other points."""

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        return self.tensors(t, self.points[0])

    def tensors(self, t: float | Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Return some tensors of the network at ``t``, or of stacked networks."""
        wanted = list(names)
        parts = []
        for point in self.points:
            parts.append({name: point[name] for name in wanted})
        return combine(self.weights(check_times(t)), parts)

    def factors(self, name: str, t: Tensor) -> Tensor:
        """Return how much of each point is in a tensor at ``t``, shape ``(points, t, 1)``."""
        return self.weights(t).unsqueeze(-1)

    def pair(self, index: int) -> "Curve":
        """Return the path of one of the stacked pairs."""
        return self.through(one_pair(self.points, index))


@dataclass(frozen=True, eq=False)
class LinearPath(Curve):
    """The straight line between two networks.

    Attributes
    ----------
    start, end : Parameters
        The networks at ``t = 0`` and ``t = 1``, which are returned exactly; or ``k`` stacked pairs.

    Examples
    --------
    >>> import torch
    >>> line = LinearPath({"w": torch.zeros(1)}, {"w": torch.ones(1)})
    >>> line(0.25), line(torch.tensor([0.0, 0.5]))
    ({'w': tensor([0.2500])}, {'w': tensor([[0.0000],
            [0.5000]])})
    """

    start: Parameters
    end: Parameters

    @property
    def points(self) -> Sequence[Parameters]:
        """Both ends."""
        return self.start, self.end

    def weights(self, t: Tensor) -> Tensor:
        """Return the weights of the ends at ``t``, shape ``(2, ...)``."""
        return polygonal_weights(t, 2)

    def through(self, points: Sequence[Parameters]) -> "LinearPath":
        """Return the line between two other networks."""
        start, end = points
        return LinearPath(start, end)


@dataclass(frozen=True, eq=False)
class PolygonalPath(Curve):
    """Straight segments from point to point; every segment takes the same share of [0, 1].

    Attributes
    ----------
    points : sequence of Parameters
        At least two networks, or stacked networks; point ``j`` is at ``t = j / (points - 1)``.
        Three make a one-bend chain.

    Examples
    --------
    >>> import torch
    >>> chain = PolygonalPath([{"w": torch.tensor([x])} for x in (0.0, 4.0, 2.0)])
    >>> chain(0.75)
    {'w': tensor([3.])}
    """

    points: Sequence[Parameters] = field()  # without a default, though paths have one

    def weights(self, t: Tensor) -> Tensor:
        """Return the hat functions of the points at ``t``, shape ``(points, ...)``."""
        return polygonal_weights(t, len(self.points))

    def through(self, points: Sequence[Parameters]) -> "PolygonalPath":
        """Return the chain of other points."""
        return PolygonalPath(points)


@dataclass(frozen=True, eq=False)
class BezierPath(Curve):
    """The Bezier curve of some control points; it passes the first and the last.

    Attributes
    ----------
    points : sequence of Parameters
        At least two networks, or stacked networks.

    Examples
    --------
    >>> import torch
    >>> curve = BezierPath([{"w": torch.tensor([x])} for x in (0.0, 1.0, 0.0)])
    >>> curve(0.5)
    {'w': tensor([0.5000])}
    """

    points: Sequence[Parameters] = field()  # without a default, though paths have one

    def weights(self, t: Tensor) -> Tensor:
        """Return the Bernstein polynomials of the points at ``t``, shape ``(points, ...)``."""
        return bezier_weights(t, len(self.points))

    def through(self, points: Sequence[Parameters]) -> "BezierPath":
        """Return the curve of other control points."""
        return BezierPath(points)


CURVES: Mapping[str, Callable[[Sequence[Parameters]], Curve]] = {
    "polygonal": PolygonalPath,
    "bezier": BezierPath,
}
"""Curves by name, to be drawn along a path and trained."""


@door
def curve_along(path: PathFunction, *, kind: str = "polygonal", bends: int = 1) -> Curve:
    """Draw a curve through equidistant points of a path: where the training of a chain begins.

    Parameters
    ----------
    path : Path, or function of ``t``
        For instance a geodesic; one or ``k`` stacked pairs.
    kind : {"polygonal", "bezier"}
        Straight segments between the points, or the Bezier curve that they control (which passes
        only the ends).
    bends : int
        Number of points between the ends.

    Returns
    -------
    Curve
        A :class:`PolygonalPath` or :class:`BezierPath` of ``bends + 2`` points, at ``t = j / (bends
        + 1)`` of the path.

    Raises
    ------
    SymgeomError
        If the kind is unknown, there are no bends, or the path gives no networks.

    Examples
    --------
    >>> import torch
    >>> line = LinearPath({"w": torch.tensor([0.0])}, {"w": torch.tensor([3.0])})
    >>> [float(point["w"]) for point in curve_along(line, bends=2).points]
    [0.0, 1.0, 2.0, 3.0]
    """
    check_choice(kind, CURVES, "kind of curve")
    if bends < 1:
        raise SymgeomError(
            f"Cannot draw a curve with {bends} bends along a path: give at least one."
        )
    path = as_path(path)
    segments = bends + 1
    points = [path(j / segments) for j in range(segments + 1)]
    return CURVES[kind](points)
