"""One output of a network that has several: of a mapping, a tuple or a dataclass."""

from collections.abc import Mapping

from torch import Tensor, nn

from symgeom.ground.calling import NetworkCall
from symgeom.ground.checks import SymgeomError
from symgeom.landscape.batchnorm import sharing_copy


class _Choice:
    """What a forward pass ends with: the choice of an output."""

    def __init__(self, output: str | int) -> None:
        self.call = NetworkCall((), output)

    def __call__(self, _network: nn.Module, _inputs: object, outputs: object) -> object:
        return self.call.asked(outputs)


def with_one_output(module: nn.Module, output: str | int | None) -> nn.Module:
    """Return a network that returns one of its outputs alone.

    Parameters
    ----------
    module : nn.Module
        The network; not modified.
    output : str or int or None
        The name or the index of the output; None for a network that has one.

    Returns
    -------
    nn.Module
        The same, or another one with the same tensors, under the same names.

    Examples
    --------
    >>> import torch
    >>> class Two(nn.Module):
    ...     def forward(self, x):
    ...         return {"twice": 2 * x, "half": x / 2}
    >>> with_one_output(Two(), "half")(torch.ones(2))
    tensor([0.5000, 0.5000])
    """
    hooks = module._forward_hooks.values()
    if output is None or any(isinstance(hook, _Choice) for hook in hooks):
        return module
    network = sharing_copy(module)
    network.register_forward_hook(_Choice(output))
    return network


def check_one_input(inputs: object) -> None:
    """Raise if samples lie in several tensors.

    Parameters
    ----------
    inputs : object
        What a user gives.

    Raises
    ------
    SymgeomError
        If it is a mapping, a tuple or a list.

    Examples
    --------
    >>> import torch
    >>> check_one_input(torch.ones(2, 3))
    """
    if not isinstance(inputs, Tensor) and isinstance(inputs, Mapping | tuple | list):
        raise SymgeomError(
            f"Cannot make a Problem of {len(inputs)} inputs: samples are taken from one tensor. "
            "Put the network into a module whose forward takes one tensor and cuts it; discover "
            "and certify take several."
        )
