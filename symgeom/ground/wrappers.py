"""What wraps a network and is no part of it."""

from torch import nn
from torch.optim.swa_utils import AveragedModel

COMPILED = "_orig_mod"
"""The name that a compiled module gives to the one it was made of."""


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the network inside ``DataParallel``, ``torch.compile`` and their like.

    Parameters
    ----------
    module : nn.Module
        A network, wrapped several times or not at all.

    Returns
    -------
    nn.Module
        The network itself, whose tensors have names without the prefixes of the wrappers.

    Examples
    --------
    >>> unwrapped(nn.DataParallel(nn.Linear(3, 2)))
    Linear(in_features=3, out_features=2, bias=True)
    """
    network = module
    inner = _inside(module)
    while inner is not None:
        network = inner
        inner = _inside(network)
    return network


def _inside(module: nn.Module) -> nn.Module | None:
    """Return what a wrapper holds, or None for a network."""
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel | AveragedModel):
        return module.module
    compiled = getattr(module, COMPILED, None)
    return compiled if isinstance(compiled, nn.Module) else None
