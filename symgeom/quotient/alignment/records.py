"""How to search for an alignment, and what the search gives."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeVar

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import check_attributes
from symgeom.symmetry.group import GroupElement

METHODS = ("iterated", "greedy")

Name = TypeVar("Name", bound=Hashable)
"""What networks are called by."""


@dataclass(frozen=True)
class Matching:
    """How to search.

    Attributes
    ----------
    method : {"iterated", "greedy"}
        To convergence, or the single pass of the toroids paper.
    starts : int
        Number of searches, of which the best counts; all but the first need a generator.
    """

    method: str = "iterated"
    starts: int = 1

    def __post_init__(self) -> None:
        check_attributes(self)
        check_choice(self.method, METHODS, "alignment method")
        if self.starts < 1 or (self.starts > 1 and self.method == "greedy"):
            raise SymgeomError(
                f"Cannot align from {self.starts} starts with method '{self.method}': give at "
                "least 1, and 1 for the greedy pass, which has no random order."
            )


@dataclass(frozen=True, eq=False)
class Alignment:
    """The element that brings a network to its reference, as close as the search came.

    Attributes
    ----------
    element : GroupElement
        To be applied to the network (or to another gauge of it): permutations, signs for odd
        activations, rotations of linear groups.
    objective : float
        Inner product of the reference with the aligned network (sum of cosines on canonical
        weights), the best of all starts.
    objectives : tuple of float
        The same for every start, in order; their spread says how far the best can be trusted.
    visits : int
        Assignment problems solved, over all starts.
    converged : bool
        Whether no single group could be matched better (a greedy pass is not iterated and counts as
        converged).
    ties : dict of str to tuple of int
        For each group, the units of the reference whose partner could be exchanged at no loss: twin
        units, dead units.
    """

    element: GroupElement
    objective: float
    objectives: tuple[float, ...]
    visits: int
    converged: bool
    ties: dict[str, tuple[int, ...]]
