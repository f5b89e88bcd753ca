"""What a kind of path is, and its variants."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from symgeom.landscape.path import Path
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus
from symgeom.study.cases import Case
from symgeom.study.pairs import Pair
from symgeom.study.stored_networks import Ends


@dataclass(frozen=True, eq=False)
class Between:
    """Two networks, and all that a path between them may depend on.

    Attributes
    ----------
    ends : Ends
        The networks, in the precision of the measurement.
    pair : Pair
        Arms and seeds.
    case : Case
        Their case.
    torus : Torus
        The torus, with the study's convention for biases.
    problem : Problem
        The landscape on the training data.
    options : mapping
        The section ``paths`` of the configuration.
    """

    ends: Ends
    pair: Pair
    case: Case
    torus: Torus
    problem: Problem
    options: Mapping


def always(options: Mapping) -> bool:
    """Return True: a variant that every study measures.

    Parameters
    ----------
    options : mapping
        The section ``paths`` of the configuration.

    Returns
    -------
    bool
        True.

    Examples
    --------
    >>> always({})
    True
    """
    return True


def anywhere(case: Case, problem: Problem) -> bool:
    """Return True: a kind that makes sense for every case.

    Parameters
    ----------
    case : Case
        The case.
    problem : Problem
        The landscape on its training data.

    Returns
    -------
    bool
        True.
    """
    return True


@dataclass(frozen=True)
class Variant:
    """A kind of path between networks of which some symmetries are removed.

    Attributes
    ----------
    kind : str
        The kind of path.
    removed : str
        What is removed from the ends: "raw" (nothing), "normalised" (scales), "aligned"
        (permutations), "both", or "greedy" (both, matched in a single pass).
    title : str
        Above its panel in a figure.
    row : int
        The row of its panel.
    across_arms : bool
        Whether it is measured between minima of two arms, too.
    asked : callable
        From the section ``paths`` of the configuration to whether a study measures it.
    """

    kind: str
    removed: str
    title: str
    row: int
    across_arms: bool = False
    asked: Callable[[Mapping], bool] = always

    @property
    def name(self) -> str:
        """The name in stores: kind and what is removed."""
        return f"{self.kind} {self.removed}"


@dataclass(frozen=True)
class PathKind:
    """A kind of path.

    Attributes
    ----------
    binary : bool
        Whether it runs between networks of binary weights; else between real ones.
    variants : tuple of Variant
        What of it is measured, in the order of the stores.
    paths : callable
        From :class:`Between` to the path; to none if it is not defined; or to several whose errors
        are averaged.
    possible : callable
        Whether it makes sense for a case, on a problem; where it does not, a study that asks for it
        is told so.
    geodesic : bool
        Whether it is the geodesic between its ends, so that t is a share of the angle between them.
    """

    binary: bool
    variants: tuple[Variant, ...]
    paths: Callable[[Between], Sequence[Path]]
    possible: Callable[[Case, Problem], bool] = anywhere
    geodesic: bool = False
