"""The data-dependent orbit of a batch: any matrix mixes the units of a layer.

The outputs on the batch stay, those on other samples do not, so that the objective is that of the
batch, too. It is measured at every point, by automatic differentiation through the action
(:mod:`symgeom.neighbours.action`).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action import DataDependentMove, data_dependent_action, mixable_groups
from symgeom.neighbours.teleportation.measured import Measured
from symgeom.neighbours.teleportation.objective import Locality
from symgeom.neighbours.teleportation.orbit import Orbit
from symgeom.symmetry.spec import SymmetrySpec


class BatchOrbit(Orbit):
    """The networks that matrices make of one, with its outputs on a batch.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape, in float64.
    params : Parameters
        The network, in float64.
    index : Tensor of int64 or bool, shape (sample,)
        The batch.

    Raises
    ------
    SymgeomError
        If no group can be mixed.
    """

    def __init__(
        self, spec: SymmetrySpec, problem: Problem, params: Parameters, index: Tensor
    ) -> None:
        super().__init__(problem.subset(index))
        self._spec = spec
        self._whole = problem
        self._params = params
        self._index = index
        names = mixable_groups(spec, problem.module)
        self._sizes = {name: spec[name].size for name in names}

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return sum(size**2 for size in self._sizes.values())

    def ways(self) -> list[Tensor]:
        """Return the origin: no corner is better than others before it is tried."""
        return [torch.zeros(self.dimension, dtype=torch.float64)]

    def elements(self, coordinates: Tensor) -> dict[str, Tensor]:
        """Return the matrix of every group."""
        counts = [size**2 for size in self._sizes.values()]
        parts = coordinates.split(counts)
        elements = {}
        for (name, size), part in zip(self._sizes.items(), parts, strict=True):
            logarithm = part.reshape(size, size) / size
            elements[name] = torch.linalg.matrix_exp(logarithm)
        return elements

    def locality(self, coordinates: Tensor) -> Locality:
        """Return the landscape of the batch around the moved network, measured there."""
        moved = self.network(self.elements(coordinates))
        return Measured(self.problem, moved, self.spent)

    def network(self, elements: Mapping[str, Tensor]) -> Parameters:
        """Return the moved network."""
        return self._moved(elements).params

    def held_out(self, elements: Mapping[str, Tensor]) -> float:
        """Return the change of the outputs on other samples, over their size."""
        return self._moved(elements).held_out

    def _moved(self, elements: Mapping[str, Tensor]) -> DataDependentMove:
        """Return what the action makes of the network."""
        return data_dependent_action(
            self._spec, self._whole, self._params, elements, index=self._index
        )
