"""Why units cannot be scaled: the operations that fix their scale, by name."""

from torch import Tensor, nn

from symgeom.ground.checks import check_choice
from symgeom.symmetry.discovery.graph import export, walk
from symgeom.symmetry.discovery.groups import solve_labels
from symgeom.symmetry.discovery.labels import Labels
from symgeom.symmetry.discovery.relations import Relation


def obstacles(module: nn.Module, example: Tensor, tensor: str, axis: int) -> list[str]:
    """Return the operations that let the units along an axis of a tensor be permuted, and not scaled.

    Parameters
    ----------
    module : nn.Module
        The network.
    example : Tensor, shape (sample, ...)
        A batch of inputs.
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
    network, labels = walk(export(module, example), module), Labels()
    check_choice(tensor, network.tensors, "tensor of the network")
    solve_labels(labels, network)
    families = {at.family for at in labels.occurrences(((network.tensors[tensor][axis],),))}
    fixing = (
        s
        for s in network.statements
        if isinstance(s, Relation) and "p" in s.holds and len(s.terms) == 1
    )
    named = (
        network.origins[s]
        for s in fixing
        if families & {at.family for at in labels.occurrences(s.terms[0][0])}
    )
    return list(dict.fromkeys(named))
