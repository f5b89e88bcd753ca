"""What the scales of units multiply every weight by, one number for each weight."""

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement
from symgeom.symmetry.spec import SymmetrySpec, multiply


def weight_factors(
    spec: SymmetrySpec, element: GroupElement, like: Parameters
) -> dict[str, Tensor]:
    """Return the factors by which an element multiplies the weights of a network.

    A gradient, of the loss or of the loss of one sample, is divided by them, and the Hessian by
    those of its row and of its column: these are known all along an orbit if they are known at one
    network.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        Of its positive scales only these count, and units stay in their places.
    like : Parameters
        Tensors whose shapes and devices count.

    Returns
    -------
    dict of str to Tensor of float64
        For each of these tensors.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> element = GroupElement({}, {"hidden1": torch.tensor([4.0])})
    >>> weight_factors(spec, element, {"in": torch.ones(1, 2), "out": torch.ones(1, 1)})
    {'in': tensor([[4., 4.]], dtype=torch.float64), 'out': tensor([[0.2500]], dtype=torch.float64)}
    """
    factors = {}
    for name, tensor in like.items():
        factors[name] = torch.ones_like(tensor, dtype=torch.float64)
    for group in charged_groups(spec, "positive").groups:
        if group.name not in element.scales:
            continue
        scale = element.scales[group.name]
        for leg in group.legs:
            if leg.tensor in factors:
                factor = factors[leg.tensor]
                multiply(factor, leg, scale.to(factor) ** leg.power)
    return factors


def divided_sum(amounts: Parameters, factors: Parameters) -> float:
    """Return the sum of amounts that fall as the square of the weights grows.

    Parameters
    ----------
    amounts : Parameters
        Of one network: the diagonal of the Hessian, or variances of the gradient.
    factors : Parameters
        From :func:`weight_factors`: what leads from it to another network.

    Returns
    -------
    float
        The sum at the other network.

    Examples
    --------
    >>> divided_sum({"in": torch.tensor([4.0, 9.0])}, {"in": torch.tensor([2.0, 3.0])})
    2.0
    """
    total = 0.0
    for name, tensor in amounts.items():
        divided = tensor / factors[name] ** 2
        total += float(divided.sum())
    return total
