"""The arithmetic of one step, tensor by tensor, on stacked networks.

Every operation is elementwise, or sums one member at a time: no bit of a member depends on the
others. A step reads and writes every weight a few times and computes little, so that what it costs
is memory traffic: multiplication and addition are one operation, and only tensors made here are
overwritten, never an argument.
"""

import torch
from torch import Tensor

from symgeom.ground.types import Parameters


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
    zeros = {}
    for name, tensor in params.items():
        if tensor.is_floating_point():
            zeros[name] = tensor.new_zeros(tensor.shape)
    return zeros


def squared_norms(params: Parameters) -> Tensor:
    """Return the squared Euclidean norm of every member.

    Parameters
    ----------
    params : Parameters
        Stacked networks or gradients.

    Returns
    -------
    Tensor, shape (member,)
        Summed one member at a time: the order of summation, and so the last bit, does not depend on
        how many there are.

    Examples
    --------
    >>> squared_norms({"w": torch.tensor([[3.0, 4.0], [1.0, 0.0]])})
    tensor([25.,  1.])
    """
    first, *others = [_squared_lengths(tensor) for tensor in params.values()]
    return sum(others, start=first)


def _squared_lengths(tensor: Tensor) -> Tensor:
    """Return the squared length of every member's part of a stacked tensor."""
    return torch.stack([row.square().sum() for row in tensor.unbind()])


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
    forces = {}
    for name, tensor in gradient.items():
        forces[name] = torch.add(tensor, params[name], alpha=weight_decay)
    return forces


def heavy_ball(
    velocity: Parameters,
    gradient: Parameters,
    params: Parameters,
    *,
    momentum: float,
    weight_decay: float,
) -> dict[str, Tensor]:
    """Return the velocity after one step of the heavy ball.

    Parameters
    ----------
    velocity, gradient, params : Parameters
        Stacked velocities, gradients and networks.
    momentum, weight_decay : float
        The coefficients.

    Returns
    -------
    dict of str to Tensor
        ``momentum * velocity + gradient + weight_decay * params`` for every tensor of the gradient.

    Examples
    --------
    >>> one = {"w": torch.ones(1)}
    >>> heavy_ball(one, one, one, momentum=0.5, weight_decay=0.25)
    {'w': tensor([1.7500])}
    """
    forces = decayed(gradient, params, weight_decay)
    if momentum == 0:
        return forces
    # Without weight decay the forces are the caller's gradients, which must not be overwritten.
    overwrite = weight_decay != 0
    velocities = {}
    for name, force in forces.items():
        if overwrite:
            velocities[name] = force.add_(velocity[name], alpha=momentum)
        else:
            velocities[name] = torch.add(force, velocity[name], alpha=momentum)
    return velocities


def per_member(values: Tensor, like: Tensor) -> Tensor:
    """Return one number per member, shaped to multiply a stacked tensor.

    Parameters
    ----------
    values : Tensor, shape (member,)
        The numbers.
    like : Tensor, shape (member, ...)
        The tensor to multiply.

    Returns
    -------
    Tensor, shape (member, 1, ...)
        In the precision of ``like``.

    Examples
    --------
    >>> per_member(torch.ones(2), torch.ones(2, 3, 4)).shape
    torch.Size([2, 1, 1])
    """
    return values.to(like.dtype).view((-1,) + (1,) * (like.ndim - 1))
