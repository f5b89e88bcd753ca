"""The arithmetic of one step, tensor by tensor, on stacked networks.

Every operation is elementwise, or sums one member at a time: no bit of a member depends on the others.
"""

import torch
from torch import Tensor

from symgeom.types import Parameters


def zeros_like(params: Parameters) -> dict[str, Tensor]:
    """Return a slot of zeros for every floating-point tensor.

    Parameters
    ----------
    params : Parameters
        Stacked networks.

    Returns
    -------
    dict of str to Tensor
        Same names and shapes.

    Examples
    --------
    >>> zeros_like({"w": torch.ones(1, 2)})
    {'w': tensor([[0., 0.]])}
    """
    return {name: tensor.new_zeros(tensor.shape) for name, tensor in params.items() if tensor.is_floating_point()}


def squared_norms(params: Parameters) -> Tensor:
    """Return the squared Euclidean norm of every member.

    Parameters
    ----------
    params : Parameters
        Stacked networks or gradients.

    Returns
    -------
    Tensor, shape (member,)
        Summed one member at a time: the order of summation, and so the last bit, does not depend on how many there are.

    Examples
    --------
    >>> squared_norms({"w": torch.tensor([[3.0, 4.0], [1.0, 0.0]])})
    tensor([25.,  1.])
    """
    return sum(torch.stack([row.square().sum() for row in tensor.unbind()]) for tensor in params.values())


def decayed(gradient: Parameters, params: Parameters, weight_decay: float) -> dict[str, Tensor]:
    """Add the gradient of the coupled weight decay.

    Parameters
    ----------
    gradient, params : Parameters
        Stacked gradients and networks.
    weight_decay : float
        The coefficient.

    Returns
    -------
    dict of str to Tensor
        ``gradient + weight_decay * params`` for every tensor of the gradient.

    Examples
    --------
    >>> decayed({"w": torch.ones(1)}, {"w": torch.ones(1)}, 0.5)
    {'w': tensor([1.5000])}
    """
    if weight_decay == 0:
        return dict(gradient)
    return {name: tensor + weight_decay * params[name] for name, tensor in gradient.items()}


def heavy_ball(velocity: Parameters, force: Parameters, momentum: float) -> dict[str, Tensor]:
    """Return the velocity after one step of the heavy ball.

    Parameters
    ----------
    velocity, force : Parameters
        Stacked velocities and (decayed) gradients.
    momentum : float
        The coefficient.

    Returns
    -------
    dict of str to Tensor
        ``momentum * velocity + force`` for every tensor of the force.

    Examples
    --------
    >>> heavy_ball({"w": torch.ones(1)}, {"w": torch.ones(1)}, 0.5)
    {'w': tensor([1.5000])}
    """
    return {name: momentum * velocity[name] + tensor for name, tensor in force.items()}
