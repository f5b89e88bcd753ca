r"""The orbit of a network under its exact symmetries: other weights, the same function.

Groups with positive scales get scales :math:`e^{s z}`, linear groups :math:`\exp(s T)` and, on what
reads them, its inverse. Whatever the ensemble, it predicts what the single network predicts: what
it seems to gain is rounding.

References
----------
Zhao et al., "Symmetries, flat minima, and the conserved quantities of gradient flow" (2210.17216),
section 3: the linear action.
"""

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import cast, precision, stack
from symgeom.neighbours.ensembles.kind import EnsembleKind, EnsembleMaterial
from symgeom.symmetry.group import GroupElement, act, identity, random_element
from symgeom.symmetry.spec import SymmetrySpec


def linear_orbit_members(
    material: EnsembleMaterial, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return points of the orbit of the single network.

    Parameters
    ----------
    material : EnsembleMaterial
        One network; without ``groups`` all that preserve the loss are moved.
    generator : torch.Generator
        The source of the elements.

    Returns
    -------
    dict of str to Tensor
        Stacked members.

    Raises
    ------
    SymgeomError
        If none of the groups has positive scales or matrices.
    """
    spec = _moved_groups(material)
    permutations = identity(spec).permutations
    network = cast(material.network, torch.float64)
    members = []
    for _ in range(material.count):
        element = random_element(spec, generator=generator, spread=material.scale)
        scaling = GroupElement(permutations, element.scales)
        members.append(act(spec, scaling, network))
    return cast(stack(members), precision(material.network))


def _moved_groups(material: EnsembleMaterial) -> SymmetrySpec:
    """Return the groups that are moved: continuous ones that preserve the loss."""
    spec = material.torus.spec.exact()
    groups = []
    for group in spec.groups:
        asked = not material.groups or group.name in material.groups
        if asked and group.scale in ("positive", "linear"):
            groups.append(group)
    if not groups:
        kinds = {group.name: group.scale for group in spec.groups}
        raise SymgeomError(
            "Cannot make a linear orbit: it needs unit groups with positive scales or matrices, "
            f"and the scales are {kinds}. Take a data-dependent orbit (orbit), which any "
            "activation has."
        )
    return SymmetrySpec(tuple(groups), spec.shapes)


LINEAR_ORBIT = EnsembleKind(
    "linear_orbit",
    title="orbit of exact symmetries",
    members=linear_orbit_members,
)
