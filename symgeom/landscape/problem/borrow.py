"""A copy of a module that borrows the tensors of networks, to be evaluated many times in a row.

``torch.func.functional_call`` walks over the module at every call, which for small batches takes as
long as a layer does. What borrows is not differentiable with respect to the lent tensors' own
history, and not for ``torch.vmap``.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from symgeom.ground.modules import copied, in_mode


class Borrower:
    """A module in eval mode whose tensors are those of the network that was lent last.

    Parameters
    ----------
    module : nn.Module
        The architecture; it is copied.
    dtype : torch.dtype
        Precision of the networks.

    Attributes
    ----------
    module : nn.Module
        The copy; call it, or differentiate by its parameters.

    Examples
    --------
    >>> borrower = Borrower(nn.Linear(1, 1, bias=False), torch.float32)
    >>> weight = torch.tensor([[2.0]])
    >>> borrower.lend({"weight": weight})
    >>> weight *= 2
    >>> borrower.module(torch.ones(1, 1)).item()
    4.0
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        self.module = in_mode(copied(module), training=False).to(dtype)
        parameters = dict(self.module.named_parameters())
        self._tensors: dict[str, Tensor] = {**parameters, **dict(self.module.named_buffers())}

    def lend(self, network: Mapping[str, Tensor]) -> None:
        """Let the module use tensors of a network until others are lent; nothing is copied."""
        for name, tensor in network.items():
            self._tensors[name].data = tensor
