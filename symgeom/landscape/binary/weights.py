r"""Binary networks as parameters: which tensors are binary, their signs, and how two differ.

The *Hamming distance* of two binary networks is the share :math:`d` of weights that differ. The
inner product of two binary units over their number of weights is :math:`1 - 2d`, so that their
angle on the torus is :math:`\arccos(1 - 2d)`.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.landscape.batchnorm.statistics import tensor_name
from symgeom.landscape.binary.layers import BINARY_LAYERS, sign
from symgeom.quotient.torus import sphere_coordinates
from symgeom.symmetry.spec import SymmetrySpec


def binary_tensors(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the tensors of which a network uses the signs only.

    Parameters
    ----------
    module : nn.Module
        Any network.

    Returns
    -------
    tuple of str
        In the order of the network.

    Raises
    ------
    SymgeomError
        If there are none.

    Examples
    --------
    >>> from symgeom.landscape.binary.layers import BinaryLinear
    >>> binary_tensors(nn.Sequential(BinaryLinear(5, 3), nn.Linear(3, 2)))
    ('0.weight',)
    """
    names = []
    for path, layer in module.named_modules():
        if isinstance(layer, BINARY_LAYERS):
            names.append(tensor_name(path, "weight"))
    if not names:
        raise SymgeomError(
            f"Cannot treat the network ({type(module).__name__}) as binary: none of its layers is "
            "a BinaryLinear or BinaryConv2d. Build it from these, or use the measures for real "
            "weights."
        )
    return tuple(names)


@door
def binarise(params: Parameters, names: Iterable[str]) -> dict[str, Tensor]:
    """Replace latent weights by their signs, which changes no output.

    Parameters
    ----------
    params : Parameters
        One network or stacked networks; not modified.
    names : iterable of str
        The binary tensors.

    Returns
    -------
    dict of str to Tensor
        The network.

    Raises
    ------
    SymgeomError
        If a binary tensor is missing, or not finite.

    Examples
    --------
    >>> binarise({"weight": torch.tensor([0.2, -0.7])}, ["weight"])
    {'weight': tensor([ 1., -1.])}
    """
    binary = _binary_part(params, names)
    check_finite(binary, "the network to binarise")
    signs = {name: sign(tensor) for name, tensor in binary.items()}
    return {**params, **signs}


def hamming_distance(first: Parameters, second: Parameters, names: Iterable[str]) -> Tensor:
    """Return the share of binary weights in which two networks differ.

    Parameters
    ----------
    first, second : Parameters
        Two networks, latent or binary, aligned if permutations and signs shall not count. Use
        ``torch.vmap`` for stacked ones.
    names : iterable of str
        The binary tensors that count (one, for the distance of one layer).

    Returns
    -------
    Tensor, scalar
        Between 0 and 1, in float64.

    Raises
    ------
    SymgeomError
        If the networks differ in architecture, or a binary tensor is missing.

    Examples
    --------
    >>> first, second = torch.ones(4), torch.tensor([0.1, 3.0, 1.0, -1.0])
    >>> hamming_distance({"weight": first}, {"weight": second}, ["weight"])
    tensor(0.2500, dtype=torch.float64)
    """
    check_same_tensors(second, first, "the second network")
    differences = []
    for name, tensor in _binary_part(first, names).items():
        differs = sign(tensor) != sign(second[name])
        differences.append(differs.flatten())
    return torch.cat(differences).double().mean()


def unit_hamming_distances(
    spec: SymmetrySpec, first: Parameters, second: Parameters
) -> dict[str, Tensor]:
    """Return the share of incoming weights in which the units of two networks differ, by group.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    first, second : Parameters
        Two networks all of whose weights are binary, latent or not, aligned if permutations and
        signs shall not count.

    Returns
    -------
    dict of str to Tensor, shape (size,)
        Between 0 and 1, in float64.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("weight", 0),), "sign"),))
    >>> first, second = torch.ones(2, 2), torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    >>> unit_hamming_distances(spec, {"weight": first}, {"weight": second})
    {'hidden1': tensor([0.0000, 0.5000], dtype=torch.float64)}
    """
    check_same_tensors(second, first, "the second network")
    units = sphere_coordinates(spec, first)
    units_of_second = sphere_coordinates(spec, second)
    distances = {}
    for group, weights in units.items():
        differs = sign(weights) != sign(units_of_second[group])
        distances[group] = differs.double().mean(1)
    return distances


def _binary_part(params: Parameters, names: Iterable[str]) -> dict[str, Tensor]:
    """Return the named tensors of a network, which has to have them."""
    wanted = list(names)
    missing = [name for name in wanted if name not in params]
    if missing or not wanted:
        raise SymgeomError(
            f"Cannot find the binary tensors {missing} in a network with {sorted(params)}: "
            "name those that binary_tensors(module) gives."
        )
    return {name: params[name] for name in wanted}
