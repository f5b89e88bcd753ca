"""Translations of the weights of a network, as directions, and which of them move it for real."""

import torch
from torch import Tensor

from symgeom.ground.calling import NetworkCall
from symgeom.ground.types import Parameters
from symgeom.symmetry.completeness.network import SmallNetwork, entries_of
from symgeom.symmetry.evaluation import TOLERANCE
from symgeom.symmetry.translation import Translation, find_translations
from symgeom.symmetry.visibility import relative_change

NETWORKS = 3
"""Networks at which a translation must hold."""


class Shifts:
    """What may be added to weights, at several networks.

    Parameters
    ----------
    network : SmallNetwork
        The network.
    generator : torch.Generator
        The source of weights and inputs.
    """

    def __init__(self, network: SmallNetwork, generator: torch.Generator) -> None:
        self.network = network
        self.points: list[Parameters] = []
        self.batches: list[NetworkCall] = []
        self.factors: list[list[Tensor]] = []
        for _ in range(NETWORKS):
            point = network.drawn(generator)
            inputs = network.samples(generator)
            factors: list[Tensor] = []
            for output in network.outputs(point, inputs):
                noise = torch.randn(output.shape, generator=generator, dtype=output.dtype)
                factors.append(noise / output.abs().max().clamp(min=1.0))
            self.points.append(point)
            self.batches.append(inputs)
            self.factors.append(factors)
        weights = {name: torch.zeros_like(network.point[name]) for name in network.weights}
        self.laws = find_translations(self._loss, weights, generator=generator)

    def real(self) -> tuple[Translation, ...]:
        """Return those that hold for steps of any size, and not only where outputs are flat.

        Returns
        -------
        tuple of Translation
            Gradients are zero also where a function is constant piece by piece.
        """
        return tuple(law for law in self.laws if self._holds(law))

    def directions(self) -> Tensor:
        """Return all of them as directions.

        Returns
        -------
        Tensor, shape (direction, entry)
            With respect to the weights of the network.
        """
        entries = entries_of(self.network.weights, self.network.point)
        length = max(part.stop for part in entries.values())
        rows = [torch.zeros(0, length, dtype=torch.float64)]
        for law in self.laws:
            shape = self.network.point[law.tensor].shape
            index = torch.arange(length)[entries[law.tensor]].reshape(shape)
            inside = index[law.start : law.stop]
            if law.axis is None:
                lines = inside.reshape(-1, 1)
            else:
                lines = inside.movedim(law.axis, -1).reshape(-1, inside.shape[law.axis])
            directions = torch.zeros(len(lines), length, dtype=torch.float64)
            rows.append(directions.scatter(1, lines, 1.0))
        return torch.cat(rows)

    def _loss(self, offset: Parameters) -> Tensor:
        """Return a sum of the outputs of all networks, each moved by the same offset."""
        terms: list[Tensor] = []
        for point, inputs, factors in zip(self.points, self.batches, self.factors, strict=True):
            moved = {name: point[name] + offset[name] for name in offset}
            outputs = self.network.outputs({**point, **moved}, inputs)
            terms += [(x * y).sum() for x, y in zip(outputs, factors, strict=True)]
        return torch.stack(terms).sum()

    def _holds(self, law: Translation) -> bool:
        """Whether a large step keeps the outputs: one number per line, or any number per entry."""
        for point, inputs in zip(self.points, self.batches, strict=True):
            tensor = point[law.tensor].clone()
            rows = tensor[law.start : law.stop]
            step = rows.roll(1, 0).abs() + 1.0
            if law.axis is not None:
                step = step.amax(law.axis, keepdim=True)
            rows += step
            before = self.network.outputs(point, inputs)
            after = self.network.outputs({**point, law.tensor: tensor}, inputs)
            if not relative_change(before, after) <= TOLERANCE[torch.float64]:
                return False
        return True
