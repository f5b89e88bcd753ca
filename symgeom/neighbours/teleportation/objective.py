r"""What teleportation looks for: a number at every point of an orbit, to be small or large.

An objective knows nothing of orbits, and an orbit nothing of objectives. Between them stands the
:class:`Locality` of a point: the gradient :math:`g` and the Hessian :math:`H` of the loss there, in
the three combinations that objectives are made of.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


class Locality(ABC):
    """The landscape around one point of an orbit, differentiable along the orbit."""

    @abstractmethod
    def squared_gradient(self) -> Tensor:
        r"""Return the squared length of the gradient, :math:`g^\top g`."""

    @abstractmethod
    def curvature_along_gradient(self) -> Tensor:
        r"""Return :math:`g^\top H g`."""

    @abstractmethod
    def trace(self) -> Tensor:
        """Return the trace of the Gauss-Newton matrix."""


@dataclass(frozen=True)
class Objective:
    """What a network is to have much or little of.

    Attributes
    ----------
    name : str
        What :func:`~symgeom.neighbours.teleportation.teleport` is asked for.
    title : str
        What it is, in words.
    unit : str
        Its unit.
    measure : callable
        From the landscape around a point to a number.
    largest : bool
        Whether the largest is looked for, not the smallest.
    """

    name: str
    title: str
    unit: str
    measure: Callable[[Locality], Tensor]
    largest: bool = False
