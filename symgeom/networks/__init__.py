"""Networks by name: what a study's config can ask for.

A network is one file with one function ``(input_shape, classes, options, *, generator) -> nn.Module``; to add one, write the file
and name it in ``NETWORKS``. Networks of one's own need no entry here: every measure takes any ``torch.nn.Module``.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from symgeom.checks import check_choice
from symgeom.networks.mlp import mlp

NETWORKS: dict[str, Callable[..., nn.Module]] = {"mlp": mlp}


def build(
    name: str, *, input_shape: Sequence[int], classes: int, options: Mapping[str, object], generator: torch.Generator
) -> nn.Module:
    """Build a network by name, with weights drawn from the generator.

    Parameters
    ----------
    name : str
        A key of ``NETWORKS``.
    input_shape : sequence of int
        Shape of one sample.
    classes : int
        Number of outputs.
    options : mapping
        What the network's own function takes.
    generator : torch.Generator
        The source of the initial weights; the global generator is neither used nor moved.

    Returns
    -------
    nn.Module
        In float32.

    Raises
    ------
    SymgeomError
        If the name or an option is unknown, or an option has a value that makes no network.

    Examples
    --------
    >>> build("mlp", input_shape=(4,), classes=2, options={"widths": [3]}, generator=torch.Generator().manual_seed(0))
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=2, bias=True)
    )
    """
    check_choice(name, NETWORKS, "network")
    return NETWORKS[name](tuple(input_shape), classes, options, generator=generator)
