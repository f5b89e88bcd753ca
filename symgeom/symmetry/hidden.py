"""What the outputs of a network do not show of its weights: nothing can be proved of it there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.evaluation import Evaluation
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, view
from symgeom.symmetry.visibility import visit_changes


@dataclass(frozen=True)
class Hidden:
    """What the outputs do not show at a point.

    Attributes
    ----------
    tensors : set of str
        The weights that they hardly depend on.
    groups : list of UnitGroup
        The groups of which they show no leg.
    """

    tensors: set[str]
    groups: list[UnitGroup]

    @property
    def anything(self) -> bool:
        """Whether there is any."""
        return bool(self.tensors or self.groups)


def hidden_parts(
    spec: SymmetrySpec,
    call: Evaluation,
    point: Parameters,
    least: float,
    generator: torch.Generator,
) -> Hidden:
    """Look at the outputs to first order.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that are looked for.
    call : Evaluation
        The network.
    point : Parameters
        Its weights.
    least : float
        The smallest visible change.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Hidden
        What a displacement does not show.

    Examples
    --------
    >>> from torch import nn
    >>> params = {"weight": torch.ones(1, 1), "bias": torch.full((1,), 1e13)}
    >>> call = Evaluation(nn.Linear(1, 1), params, torch.ones(1, 1))
    >>> generator = torch.Generator().manual_seed(0)
    >>> hidden_parts(SymmetrySpec(()), call, params, 1e-3, generator).tensors
    {'weight'}
    """
    names = call.weights(point)
    look = _Look(spec, names, least)
    visit_changes(call.outputs_of_few, point, names, generator, look)
    return Hidden(look.tensors, list(look.groups.values()))


class _Look:
    """A look at what displacements of tensors do: what shows is taken off what is hidden."""

    def __init__(self, spec: SymmetrySpec, names: Sequence[str], least: float) -> None:
        self.least = least
        self.tensors = set(names)
        self.groups = {group.name: group for group in spec.groups}
        self.legs: dict[str, list[tuple[UnitGroup, Leg]]] = {}
        for group in spec.groups:
            for leg in group.legs:
                self.legs.setdefault(leg.tensor, []).append((group, leg))

    def __call__(self, name: str, change: Tensor) -> None:
        """Look at one tensor, and at the legs on it of groups that nothing has shown yet."""
        is_seen = self._shows(change)
        if is_seen:
            self.tensors.discard(name)
        for group, leg in self.legs.get(name, ()):
            if group.name not in self.groups:
                continue
            entries = view(change, leg, group.size)
            is_whole = entries.numel() == change.numel()
            if is_seen if is_whole else self._shows(entries):
                del self.groups[group.name]

    def _shows(self, change: Tensor) -> bool:
        """Return whether a change is visible; what overflows is not."""
        length = float(torch.linalg.vector_norm(change))
        return self.least < length < math.inf
