"""One network is plain data: a mapping from tensor names to tensors.

``Parameters`` is what ``torch.func.functional_call`` takes. Many networks are the same mapping with
a leading axis (*stacked* parameters); there is no second class for a population.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from symgeom.ground.checks import has_finite_entries
from symgeom.ground.doors import door
from symgeom.ground.wrappers import unwrapped

Parameters = Mapping[str, Tensor]


@door
def parameters(module: nn.Module) -> dict[str, Tensor]:
    """Return the weights and buffers of a module as detached copies.

    Parameters
    ----------
    module : nn.Module
        Any network.

    Returns
    -------
    dict of str to Tensor
        Names as in ``module.named_parameters()`` and ``module.named_buffers()``, those of the
        network inside for a module that wraps one (``DataParallel``, ``torch.compile``); the module
        is left as it is.

    Examples
    --------
    >>> from torch import nn
    >>> sorted(parameters(nn.Linear(3, 2)))
    ['bias', 'weight']
    """
    network = unwrapped(module)
    tensors = dict(network.named_parameters()) | dict(network.named_buffers())
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def detached(params: Parameters) -> dict[str, Tensor]:
    """Return the tensors of a network without their history, for what is not differentiated.

    Parameters
    ----------
    params : Parameters
        One network or stacked networks.

    Returns
    -------
    dict of str to Tensor
        The same entries, in the same memory.

    Examples
    --------
    >>> import torch
    >>> detached({"w": torch.ones(1, requires_grad=True)})["w"].requires_grad
    False
    """
    return {name: tensor.detach() for name, tensor in params.items()}


def cast(params: Parameters, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the parameters in another floating-point precision; integer buffers stay as they are.

    Parameters
    ----------
    params : Parameters
        One network or stacked networks.
    dtype : torch.dtype
        For instance ``torch.float64``, which geometry and charges need.

    Returns
    -------
    dict of str to Tensor
        The same names and shapes.

    Examples
    --------
    >>> import torch
    >>> cast({"w": torch.ones(1)}, torch.float64)["w"].dtype
    torch.float64
    """
    result = dict(params)
    for name, tensor in params.items():
        if tensor.is_floating_point():
            result[name] = tensor.to(dtype)
    return result


def cast_away(params: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return parameters in another precision, and give up those that were.

    Both never are in memory as a whole.

    Parameters
    ----------
    params : dict of str to Tensor
        One network; it is empty afterwards.
    dtype : torch.dtype
        As for :func:`cast`.

    Returns
    -------
    dict of str to Tensor
        As of :func:`cast`.

    Examples
    --------
    >>> import torch
    >>> params = {"w": torch.ones(1)}
    >>> cast_away(params, torch.float64), params
    ({'w': tensor([1.], dtype=torch.float64)}, {})
    """
    result: dict[str, Tensor] = {}
    for name in list(params):
        result |= cast({name: params.pop(name)}, dtype)
    return result


def is_movable(tensor: Tensor) -> bool:
    """Return whether a path leads from the numbers of a tensor to those of another one.

    Parameters
    ----------
    tensor : Tensor
        Of a network.

    Returns
    -------
    bool
        False for whole numbers, and for masks, which hold minus infinity.

    Examples
    --------
    >>> is_movable(torch.tensor([0.0, 1.0])), is_movable(torch.tensor([0.0, -torch.inf]))
    (True, False)
    """
    if not tensor.is_floating_point():
        return False
    return has_finite_entries(tensor) or not bool(tensor.isneginf().any())


def precision(params: Parameters) -> torch.dtype:
    """Return the floating-point type of a network.

    Parameters
    ----------
    params : Parameters
        One network.

    Returns
    -------
    torch.dtype
        That of its first tensor of real numbers.

    Examples
    --------
    >>> precision({"count": torch.tensor(1), "weight": torch.ones(1).double()})
    torch.float64
    """
    real = (tensor.dtype for tensor in params.values() if tensor.is_floating_point())
    return next(real)


def outline(params: Parameters) -> dict[str, Tensor]:
    """Return the shapes, types and devices of a network, as tensors that take no memory.

    Parameters
    ----------
    params : Parameters
        One network.

    Returns
    -------
    dict of str to Tensor
        One zero each, seen again and again.

    Examples
    --------
    >>> import torch
    >>> shape = outline({"w": torch.ones(3)})["w"]
    >>> shape, shape.untyped_storage().nbytes()
    (tensor([0., 0., 0.]), 4)
    """
    outlines = {}
    for name, tensor in params.items():
        nothing = tensor.detach().new_zeros(())
        outlines[name] = nothing.expand(tensor.shape)
    return outlines


def size(params: Parameters) -> int:
    """Return how much memory a network takes.

    Parameters
    ----------
    params : Parameters
        One network or stacked networks.

    Returns
    -------
    int
        In bytes.

    Examples
    --------
    >>> import torch
    >>> size({"w": torch.ones(3, dtype=torch.float64)})
    24
    """
    return sum(tensor.nbytes for tensor in params.values())


def stack(networks: Sequence[Parameters]) -> dict[str, Tensor]:
    """Put networks of one architecture on a leading axis.

    Parameters
    ----------
    networks : sequence of Parameters
        ``k`` networks with the same tensors.

    Returns
    -------
    dict of str to Tensor
        Every tensor with shape ``(k, *shape)``.

    Examples
    --------
    >>> import torch
    >>> stack([{"w": torch.ones(3)}, {"w": torch.zeros(3)}])["w"].shape
    torch.Size([2, 3])
    """
    stacked = {}
    for name in networks[0]:
        tensors = [network[name] for network in networks]
        stacked[name] = torch.stack(tensors)
    return stacked


def unstack(stacked: Parameters) -> list[dict[str, Tensor]]:
    """Undo :func:`stack`: one mapping per entry of the leading axis (views, not copies).

    Parameters
    ----------
    stacked : Parameters
        ``k`` networks on a leading axis.

    Returns
    -------
    list of dict
        ``k`` networks.

    Examples
    --------
    >>> import torch
    >>> len(unstack({"w": torch.ones(2, 3)}))
    2
    """
    count = len(next(iter(stacked.values())))
    networks = []
    for index in range(count):
        network = {name: tensor[index] for name, tensor in stacked.items()}
        networks.append(network)
    return networks


def ravel(params: Parameters) -> Tensor:
    """Return one network as a flat vector, tensors in the order of the mapping.

    Parameters
    ----------
    params : Parameters
        One network.

    Returns
    -------
    Tensor, shape (parameter,)
        The concatenated entries.

    Examples
    --------
    >>> import torch
    >>> ravel({"w": torch.ones(2, 2), "b": torch.zeros(1)}).shape
    torch.Size([5])
    """
    return torch.cat([tensor.reshape(-1) for tensor in params.values()])


def unravel(vector: Tensor, like: Parameters) -> dict[str, Tensor]:
    """Undo :func:`ravel`, with names and shapes taken from ``like`` (views, not copies).

    Parameters
    ----------
    vector : Tensor, shape (parameter,)
        The flat network.
    like : Parameters
        A network of the same architecture.

    Returns
    -------
    dict of str to Tensor
        The network.

    Examples
    --------
    >>> import torch
    >>> unravel(torch.arange(3.0), {"w": torch.ones(2), "b": torch.ones(1)})["b"]
    tensor([2.])
    """
    lengths = [tensor.numel() for tensor in like.values()]
    pieces = torch.split(vector, lengths)
    network = {}
    for name, piece in zip(like, pieces, strict=True):
        network[name] = piece.reshape(like[name].shape)
    return network
