r"""Linear networks of any depth at their noise equilibrium, in closed form.

Each layer :math:`W_i` and the next one are a pair with the symmetry of two layers. At the global
minimum, without decay, noise is balanced where for all of them

.. math:: W_{i+1}^\top \xi^\top \mathrm{Tr}[h\Sigma_xh^\top]\,\Sigma_\varepsilon\, \xi W_{i+1} =
    W_i h\,\mathrm{Tr}[\xi^\top\Sigma_\varepsilon\xi]\,\Sigma_x\, h^\top W_i^\top ,

with the layers :math:`h` before and :math:`\xi` after the pair. The solution in closed form has
:math:`\Sigma_\varepsilon^{1/2} V \Sigma_x^{1/2} = L S' R`, middle layers :math:`cI` and

.. math:: W_1\Sigma_x^{1/2} = \Bigl[S'\sqrt{t_x/t_\varepsilon}\,c^{2-D}\Bigr]^{1/2} R, \quad
    \Sigma_\varepsilon^{1/2}W_D = L \Bigl[S'\sqrt{t_\varepsilon/t_x}\,c^{2-D}\Bigr]^{1/2}, \quad
    c^D = \frac{\mathrm{Tr}\,S'}{\sqrt{t_xt_\varepsilon}},

where :math:`t_x` and :math:`t_\varepsilon` are the traces of :math:`\Sigma_x` and
:math:`\Sigma_\varepsilon`.

References
----------
Ziyin et al. (2402.07193), theorems E.1 (the balance) and 5.4 (the solution). Differs from the
source: there both traces are the rank of the function, which is a solution if they are equal to it.
"""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.linalg import matrix_norm

from symgeom.models.noise.linear.roots import roots


def deep_equilibrium(target: Tensor, inputs: Tensor, noise: Tensor, depth: int) -> list[Tensor]:
    """Return the noise equilibrium of a deep linear network that computes a function.

    Parameters
    ----------
    target : Tensor, shape (output, input)
        The function.
    inputs, noise : Tensor, shapes (input, input) and (output, output)
        Covariances of the inputs and of the noise of the labels; positive definite.
    depth : int
        Number of layers, at least two.

    Returns
    -------
    list of Tensor
        From input to output, with as many units as the smaller side of the function.

    Examples
    --------
    >>> two = torch.eye(2, dtype=torch.float64)
    >>> layers = deep_equilibrium(8 * two, two, two, 3)
    >>> [round(float((layer**2).sum()), 6) for layer in layers]
    [8.0, 8.0, 8.0]
    """
    return _layers(target, inputs, noise, depth, (inputs.trace(), noise.trace()))


def printed_equilibrium(target: Tensor, inputs: Tensor, noise: Tensor, depth: int) -> list[Tensor]:
    """Return what theorem 5.4 of the source says, as it is printed.

    Parameters
    ----------
    target, inputs, noise, depth
        As of :func:`deep_equilibrium`.

    Returns
    -------
    list of Tensor
        From input to output.

    Examples
    --------
    >>> two = torch.eye(2, dtype=torch.float64)
    >>> layers = printed_equilibrium(8 * two, 2 * two, two, 3)
    >>> bool(pair_imbalances(layers, 2 * two, two).max() < 0.1)
    False
    """
    rank = torch.linalg.matrix_rank(target).to(target.dtype)
    return _layers(target, inputs, noise, depth, (rank, rank))


def pair_imbalances(layers: Sequence[Tensor], inputs: Tensor, noise: Tensor) -> Tensor:
    """Return how far every layer and the next one are from balance, at the global minimum.

    Parameters
    ----------
    layers : sequence of Tensor, shapes (output, input)
        From input to output.
    inputs, noise : Tensor, shapes (input, input) and (output, output)
        Covariances of the inputs and of the noise of the labels.

    Returns
    -------
    Tensor, shape (depth - 1,)
        The length of the difference of both sides over that of their sum.

    Examples
    --------
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> pair_imbalances([one, one, 0 * one], one, one).tolist()
    [nan, 1.0]
    """
    imbalances = []
    for number in range(len(layers) - 1):
        layer = layers[number]
        following = layers[number + 1]
        before = _product(layers[:number], inputs.shape[-1], inputs.dtype)
        after = _product(layers[number + 2 :], following.shape[-2], inputs.dtype)
        of_inputs = before @ inputs @ before.mT
        of_noise = after.mT @ noise @ after
        upper = of_inputs.trace() * following.mT @ of_noise @ following
        lower = of_noise.trace() * layer @ of_inputs @ layer.mT
        difference = matrix_norm(upper - lower)
        both = matrix_norm(upper + lower)
        imbalances.append(difference / both)
    return torch.stack(imbalances)


def _layers(
    target: Tensor, inputs: Tensor, noise: Tensor, depth: int, traces: tuple[Tensor, Tensor]
) -> list[Tensor]:
    """Return the layers of the closed form with given traces of the inputs and of the noise."""
    of_inputs, of_noise = traces
    input_root, input_inverse = roots(inputs)
    noise_root, noise_inverse = roots(noise)
    whitened = noise_root @ target @ input_root
    left, singular, right = torch.linalg.svd(whitened, full_matrices=False)
    scale = (of_inputs * of_noise).sqrt()
    middle = (singular.sum() / scale) ** (1 / depth)
    share = singular * middle ** (2 - depth)
    tilt = (of_inputs / of_noise).sqrt()
    incoming = (share * tilt).sqrt()
    outgoing = (share / tilt).sqrt()
    first = incoming[:, None] * right @ input_inverse
    last = noise_inverse @ (left * outgoing)
    between = middle * torch.eye(len(singular), dtype=target.dtype)
    return [first, *([between] * (depth - 2)), last]


def _product(layers: Sequence[Tensor], size: int, dtype: torch.dtype) -> Tensor:
    """Return the function of layers; of none, the identity."""
    identity = torch.eye(size, dtype=dtype)
    return reduce(lambda below, layer: layer @ below, layers, identity)
