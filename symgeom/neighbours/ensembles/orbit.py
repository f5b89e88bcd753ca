r"""The data-dependent orbit of a network: every member predicts as it does on a batch of its own.

Member :math:`m` has a random matrix :math:`g_m = \exp(s\,T_m)`, which mixes the units of a layer,
and a random batch of training samples, on which the layer above undoes it
(:func:`~symgeom.neighbours.action.data_dependent_action`). Elsewhere its function is another one.

References
----------
Zhao et al., "Symmetries, flat minima, and the conserved quantities of gradient flow" (2210.17216),
section on ensembles. Differs from the source: batches may be smaller than the layer is wide.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import stack
from symgeom.neighbours.action import (
    DataDependentMove,
    data_dependent_action,
    random_mixing,
)
from symgeom.neighbours.action.layers import surroundings
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup

TRIES = 10
"""Batches that are drawn for a member at most, until one has activations of full rank."""


def drawn_elements(
    material: EnsembleMaterial, generator: torch.Generator
) -> list[dict[str, Tensor]]:
    """Draw the matrices of all members; those of controls are the same.

    Parameters
    ----------
    material : EnsembleMaterial
        How many members, how far, and on which groups.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    list of dict of str to Tensor, shape (size, size)
        For every member a matrix for each group that is moved.
    """
    spec = material.torus.spec
    elements = []
    for _ in range(material.count):
        matrices = {}
        for name in material.units():
            size = spec[name].size
            matrices[name] = random_mixing(size, material.scale, generator=generator)
        elements.append(matrices)
    return elements


def linear_layers(material: EnsembleMaterial) -> SymmetrySpec:
    """Return the moved groups as if nothing but matrices lay around their units.

    Parameters
    ----------
    material : EnsembleMaterial
        Which groups.

    Returns
    -------
    SymmetrySpec
        Of linear groups: the layer below, multiplied by a matrix, and those above, by its inverse.
    """
    spec = material.torus.spec
    groups = []
    for name in material.units():
        around = surroundings(spec, material.problem.module, name)
        below = [replace(leg, power=1) for leg in around.incoming]
        above = [replace(reader.leg, power=-1) for reader in around.readers]
        legs = (*below, *above)
        groups.append(UnitGroup(name, around.group.size, legs, "linear", permute=False))
    return SymmetrySpec(tuple(groups), spec.shapes)


def orbit_moves(material: EnsembleMaterial, generator: torch.Generator) -> list[DataDependentMove]:
    """Move the single network to points of its data-dependent orbit.

    Parameters
    ----------
    material : EnsembleMaterial
        One network.
    generator : torch.Generator
        The source of all elements, and then of the batches. A batch whose activations have no full
        rank, as may happen where units are off, is drawn again.

    Returns
    -------
    list of DataDependentMove
        One per member, with its batch and how well conditioned it is.
    """
    elements = drawn_elements(material, generator)
    return [_moved(material, matrices, generator) for matrices in elements]


def orbit_members(material: EnsembleMaterial, generator: torch.Generator) -> dict[str, Tensor]:
    """Return points of the data-dependent orbit of the single network.

    Parameters
    ----------
    material : EnsembleMaterial
        One network.
    generator : torch.Generator
        As in :func:`orbit_moves`.

    Returns
    -------
    dict of str to Tensor
        Stacked members.
    """
    return stack([move.params for move in orbit_moves(material, generator)])


def _moved(
    material: EnsembleMaterial, elements: Mapping[str, Tensor], generator: torch.Generator
) -> DataDependentMove:
    """Move the network by some matrices, on the first batch that allows it."""
    samples = material.samples()

    def moved_on_a_batch() -> DataDependentMove:
        order = torch.randperm(len(material.problem.targets), generator=generator)
        return data_dependent_action(
            material.torus.spec,
            material.problem,
            material.network,
            elements,
            index=order[:samples],
        )

    for _ in range(TRIES - 1):
        try:
            return moved_on_a_batch()
        except SymgeomError:
            continue
    return moved_on_a_batch()


ORBIT = EnsembleKind(
    "orbit",
    title="data-dependent orbit",
    members=orbit_members,
)
