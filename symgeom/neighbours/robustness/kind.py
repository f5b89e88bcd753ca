"""The words for a kind of attack: what it is called, what it needs, where it looks."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from symgeom.neighbours.robustness.chase import Chase


@dataclass(frozen=True)
class Effort:
    """How hard an attack tries.

    Attributes
    ----------
    steps : int
        Steps from every start.
    restarts : int
        Starts.
    """

    steps: int
    restarts: int


@dataclass(frozen=True)
class AttackKind:
    """A kind of attack.

    Attributes
    ----------
    name : str
        What a configuration calls it.
    title : str
        In words, for figures and tables.
    follows_gradient : bool
        Whether it needs a predictor that is differentiable by its inputs.
    run : callable
        It looks at points of a chase, the clean inputs first, with some effort and random numbers.
    """

    name: str
    title: str
    follows_gradient: bool
    run: Callable[[Chase, Effort, torch.Generator], None]
