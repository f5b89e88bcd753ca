"""What a kind of ensemble is, and what its members are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice, check_range
from symgeom.ground.doors import check_attributes
from symgeom.ground.types import Parameters
from symgeom.landscape.chain import ChainPlan
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action import exact_batch_size, mixable_groups
from symgeom.quotient.torus import Torus


@dataclass(frozen=True, eq=False)
class EnsembleMaterial:
    """What the members of an ensemble are made of.

    Attributes
    ----------
    torus : Torus
        The architecture, with the convention for biases.
    problem : Problem
        The landscape on training data: batches of a data-dependent orbit are drawn from it, and
        chains are trained on it.
    networks : sequence of Parameters
        The single network first; further minima where a kind needs them.
    count : int
        How many members.
    scale : float
        How far members of an orbit go: a group element is ``expm(scale * T)``, with entries of
        ``T`` of standard deviation one over the square root of the number of units.
    groups : tuple of str
        The unit groups that an orbit acts on. By default a data-dependent orbit, and its controls,
        act on the last one whose units can be mixed, a linear orbit on all.
    batch : int, optional
        Samples on which a member of a data-dependent orbit predicts as the network does; each has a
        batch of its own. By default half as many as there are units.
    plan : ChainPlan
        How bends of chains are trained.
    """

    torus: Torus
    problem: Problem
    networks: Sequence[Parameters]
    count: int = 10
    scale: float = 0.1
    groups: tuple[str, ...] = ()
    batch: int | None = None
    plan: ChainPlan = field(default_factory=ChainPlan)

    def __post_init__(self) -> None:
        check_attributes(self)
        check_range(self.count, "the number of members", least=1)
        check_range(self.scale, "the scale of group elements", least=0)
        if self.batch is not None:
            samples = len(self.problem.targets)
            check_range(self.batch, "the number of samples in a batch", least=1, most=samples)
        for name in self.groups:
            check_choice(name, [group.name for group in self.torus.spec.groups], "unit group")
        if not self.networks:
            raise SymgeomError(
                "Cannot make an ensemble of no network: give at least the single network."
            )
        for network in self.networks:
            self.problem.architecture.check(network)

    @property
    def network(self) -> Parameters:
        """The single network."""
        return self.networks[0]

    def units(self) -> tuple[str, ...]:
        """Return the unit groups that a data-dependent orbit, and its controls, act on.

        Returns
        -------
        tuple of str
            Their names.

        Raises
        ------
        SymgeomError
            If no group is asked for, and the network has none whose units can be mixed.
        """
        if self.groups:
            return self.groups
        mixable = mixable_groups(self.torus.spec, self.problem.module)
        if not mixable:
            raise SymgeomError(
                "Cannot choose the units that an orbit acts on: no unit group of "
                f"{[group.name for group in self.torus.spec.groups]} lies between linear or "
                "convolutional layers. Take an ensemble that needs no orbit."
            )
        return mixable[-1:]

    def samples(self) -> int:
        """Return how many samples the batch of every member has.

        Returns
        -------
        int
            What was asked for, or half as many as the smallest moved group has units, or of which
            the layers above can tell the vectors apart.
        """
        if self.batch is not None:
            return self.batch
        most = []
        for name in self.units():
            exact = exact_batch_size(self.torus.spec, self.problem, self.network, name)
            most += [exact, self.torus.spec[name].size]
        return max(1, min(min(most) // 2, len(self.problem.targets)))


Maker = Callable[[EnsembleMaterial, torch.Generator], dict[str, Tensor]]
"""From material to stacked members."""


@dataclass(frozen=True)
class EnsembleKind:
    """A kind of ensemble.

    Attributes
    ----------
    name : str
        In stores and configurations.
    title : str
        In words, for figures and tables.
    members : callable
        From :class:`EnsembleMaterial` and a generator to stacked members, in the precision of the
        networks.
    networks : int
        How many networks it needs; 0 for one per member.
    aligned : bool
        Whether these must be canonical and aligned to the first.
    control : bool
        Whether it is there for comparison only: no symmetry, and no path, keeps its functions.
    one_network : bool
        Whether all that comes of it is one network, at the inference cost of one.
    of_training : bool
        Whether its networks are those that one training visits, which a study does not keep.
    """

    name: str
    title: str
    members: Maker
    networks: int = 1
    aligned: bool = False
    control: bool = False
    one_network: bool = False
    of_training: bool = False

    def networks_needed(self, count: int) -> int:
        """Return how many networks an ensemble of ``count`` members needs.

        Parameters
        ----------
        count : int
            Members.

        Returns
        -------
        int
            Networks, the single one included.
        """
        return self.networks or count
