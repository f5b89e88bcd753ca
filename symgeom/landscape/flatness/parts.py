"""Parts of a network: its layers, and the entries of its weights that lie on spheres.

Every measure of flatness that takes ``tensors`` takes the lists that :func:`layers` returns: its
value then belongs to one layer, all others being constants.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.hessian import trainable
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import sphere_legs
from symgeom.quotient.torus.coordinates import rows
from symgeom.symmetry.spec import SymmetrySpec


def layers(problem: Problem, params: Parameters) -> dict[str, list[str]]:
    """Return which trainable tensors belong to which layer.

    Parameters
    ----------
    problem : Problem
        Its module tells weights from buffers.
    params : Parameters
        One network.

    Returns
    -------
    dict of str to list of str
        From the path of each module to its own tensors (weight and bias, if it has both), in the
        order of the network.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.ground.types import parameters
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
    >>> layers(Problem(network, torch.ones(1, 2), torch.tensor([0])), parameters(network))
    {'0': ['0.weight', '0.bias'], '2': ['2.weight']}
    """
    tensors_of: dict[str, list[str]] = {}
    for name in trainable(problem, params):
        layer = name.rpartition(".")[0]
        tensors_of.setdefault(layer, []).append(name)
    return tensors_of


def all_finite(params: Parameters) -> bool:
    """Return whether a network did not diverge.

    Parameters
    ----------
    params : Parameters
        One network.

    Returns
    -------
    bool
        Whether no entry is NaN or infinite.

    Examples
    --------
    >>> all_finite({"weight": torch.tensor([1.0, torch.nan])})
    False
    """
    return all(bool(tensor.isfinite().all()) for tensor in params.values())


def on_the_torus(
    spec: SymmetrySpec, params: Parameters, *, bias_in_norm: bool = True
) -> dict[str, Tensor]:
    """Return the representative on which measures on the torus are taken.

    Scales that leave the loss unchanged are removed; the head, whose scale does not, keeps its
    length. Dead units are dropped.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network; not modified.
    bias_in_norm : bool
        Whether a unit's bias is one of its coordinates.

    Returns
    -------
    dict of str to Tensor
        The network in float64, with the outputs of ``params``.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> hidden = UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1)))
    >>> network = {"in": torch.tensor([[3.0, 4.0]]), "out": torch.tensor([[2.0]])}
    >>> on_the_torus(SymmetrySpec((hidden,)), network)["out"]
    tensor([[10.]], dtype=torch.float64)
    """
    canonical = canonicalise(spec.exact(), params, bias_in_norm=bias_in_norm, dead_units="drop")
    return canonical.parameters


def sphere_indices(
    spec: SymmetrySpec, params: Parameters, names: Collection[str], *, bias_in_norm: bool = True
) -> dict[str, Tensor]:
    """Return where the coordinates of the spheres stand in a raveled network.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network.
    names : collection of str
        The tensors that are raveled, in the order of ``params``. The coordinates that a sphere has
        in others are constants, so that the rest of them is a sphere of its own.
    bias_in_norm : bool
        Whether a unit's bias is one of its coordinates.

    Returns
    -------
    dict of str to Tensor of int64, shape (size, d)
        For each group that has coordinates there, one row per unit.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0), Leg("b", 0))),))
    >>> sphere_indices(spec, {"w": torch.ones(2, 2), "b": torch.ones(2)}, ["w", "b"])
    {'hidden1': tensor([[0, 1, 4],
            [2, 3, 5]])}
    """
    numbered = {}
    first = 0
    for name in names:
        tensor = params[name]
        after = first + tensor.numel()
        numbered[name] = torch.arange(first, after, device=tensor.device).view(tensor.shape)
        first = after
    indices = {}
    for group, legs in sphere_legs(spec, params, bias_in_norm=bias_in_norm).items():
        raveled = [leg for leg in legs if leg.tensor in numbered]
        if raveled:
            indices[group] = rows(numbered, raveled, spec[group].size)
    return indices
