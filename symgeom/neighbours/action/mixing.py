r"""Random elements of the general linear group near the identity."""

import math

import torch
from torch import Tensor

from symgeom.ground.checks import check_range
from symgeom.ground.doors import door


@door
def random_mixing(size: int, scale: float, *, generator: torch.Generator) -> Tensor:
    r"""Draw a matrix that mixes units, :math:`\exp(\epsilon T)`.

    Parameters
    ----------
    size : int
        Number of units :math:`h`.
    scale : float
        How far from the identity, :math:`\epsilon`.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor of float64, shape (size, size)
        With independent normal entries of :math:`T`, of variance :math:`1/h`.

    Raises
    ------
    SymgeomError
        If there are no units, or the scale is negative.

    References
    ----------
    Zhao et al. (2210.17216), the experiment with ensembles.

    Examples
    --------
    >>> random_mixing(2, 0.0, generator=torch.Generator())
    tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64)
    """
    check_range(size, "the number of units", least=1)
    check_range(scale, "the scale of a mixing", least=0)
    exponent = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return torch.linalg.matrix_exp(scale * exponent / math.sqrt(size))
