"""Attention that can be differentiated twice.

The fused kernels of ``scaled_dot_product_attention`` have first derivatives only. Which kernel
computes is decided in the forward pass; therefore all that differentiates a network twice runs its
forward pass inside :func:`twice_differentiable`, where torch writes attention out. Results differ
by rounding only; memory grows with the square of the number of tokens.
"""

from contextlib import AbstractContextManager

from torch.nn.attention import SDPBackend, sdpa_kernel


def twice_differentiable() -> AbstractContextManager[None]:
    """Return the context in which attention has derivatives of all orders.

    Returns
    -------
    context manager
        For the forward pass.

    Examples
    --------
    >>> import torch
    >>> from torch.nn.functional import scaled_dot_product_attention
    >>> x = torch.ones(1, 1, 2, 4, requires_grad=True)
    >>> with twice_differentiable():
    ...     outputs = scaled_dot_product_attention(x, x, x)
    >>> (slope,) = torch.autograd.grad(outputs.square().sum(), x, create_graph=True)
    >>> torch.autograd.grad(slope.sum(), x)[0].shape
    torch.Size([1, 1, 2, 4])
    """
    return sdpa_kernel(SDPBackend.MATH)
