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
from symgeom.quotient.torus import Torus
from symgeom.symmetry.spec import UnitGroup


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
        The unit groups that an orbit acts on; by default the last one that preserves the loss.
    plan : ChainPlan
        How bends of chains are trained.
    """

    torus: Torus
    problem: Problem
    networks: Sequence[Parameters]
    count: int = 10
    scale: float = 0.1
    groups: tuple[str, ...] = ()
    plan: ChainPlan = field(default_factory=ChainPlan)

    def __post_init__(self) -> None:
        check_attributes(self)
        check_range(self.count, "the number of members", least=1)
        check_range(self.scale, "the scale of group elements", least=0)
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

    def units(self) -> list[UnitGroup]:
        """Return the unit groups that an orbit acts on.

        Returns
        -------
        list of UnitGroup
            In the order of the spec.

        Raises
        ------
        SymgeomError
            If no group of the architecture preserves the loss.
        """
        groups = [group for group in self.torus.spec.exact().groups if group.permute]
        if self.groups:
            return [self.torus.spec[name] for name in self.groups]
        if not groups:
            raise SymgeomError(
                "Cannot choose the units that an orbit acts on: no unit group of the spec "
                "preserves the loss. Name some in groups."
            )
        return groups[-1:]


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
    """

    name: str
    title: str
    members: Maker
    networks: int = 1
    aligned: bool = False
    control: bool = False

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
