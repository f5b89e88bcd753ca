"""Why units cannot be scaled: the operations that fix their scale, by name."""

from typing import TypeGuard

from torch import nn

from symgeom.ground.calling import Inputs
from symgeom.ground.checks import check_choice
from symgeom.ground.wrappers import unwrapped
from symgeom.symmetry.discovery.capture import export
from symgeom.symmetry.discovery.families import Expression, Family
from symgeom.symmetry.discovery.graph import walk
from symgeom.symmetry.discovery.labels import Labels
from symgeom.symmetry.discovery.relations import Relation, Statement, whole
from symgeom.symmetry.discovery.solving import solve_labels


def obstacles(module: nn.Module, example: Inputs, tensor: str, axis: int) -> list[str]:
    """Return the operations that let the units along an axis be permuted, and not scaled.

    Parameters
    ----------
    module : nn.Module
        The network.
    example : Tensor, tuple, mapping or NetworkCall
        A batch of inputs, or several arguments.
    tensor : str
        A parameter or buffer.
    axis : int
        The axis that the units index.

    Returns
    -------
    list of str
        Operations and their modules, in the order of use; empty if the units have an identity
        (inputs, outputs), or a scale.

    Raises
    ------
    SymgeomError
        If the network cannot be captured or does not use such a tensor.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2))
    >>> obstacles(network, torch.zeros(5, 3), "0.weight", 0)
    ["gelu in module '1' (GELU)"]
    """
    module = unwrapped(module)
    network = walk(export(module, example), module)
    check_choice(tensor, network.tensors, "tensor of the network")
    labels = solve_labels(network)
    families = _families(labels, whole(network.tensors[tensor][axis]))
    names: dict[str, None] = {}
    for statement in network.statements:
        if _fixes_scale(statement):
            ((expression, _),) = statement.terms
            if families & _families(labels, expression):
                names[network.origins[statement]] = None
    return list(names)


def _families(labels: Labels, expression: Expression) -> set[Family]:
    return {occurrence.family for occurrence in labels.occurrences(expression)}


def _fixes_scale(statement: Statement) -> TypeGuard[Relation]:
    """Whether a statement says that an exponent is zero."""
    if not isinstance(statement, Relation):
        return False
    return "p" in statement.holds and len(statement.terms) == 1
