r"""Where a network starts along its valley: the moments of its charges at initialisation.

Mean and variance of every charge under a random initialisation are known in closed form.
A charge is a sum of squares, :math:`Q_k = \sum_\ell p_\ell \lVert\theta_{\ell,k}\rVert^2`. With
independent entries of variance :math:`\sigma_\ell^2` and kurtosis :math:`\kappa` (3 if normal, 9/5
if uniform), :math:`d_\ell` of them per unit,

.. math:: \mathrm E\,Q_k = \sum_\ell p_\ell\, d_\ell\,\sigma_\ell^2, \qquad
          \mathrm{Var}\,Q_k = \sum_\ell p_\ell^2\, d_\ell\,(\kappa - 1)\,\sigma_\ell^4 .

An orthogonal weight is a part of a random orthogonal matrix of size :math:`N`, a unit's slice a
block of :math:`a` rows and :math:`b` columns of it, of which

.. math:: \mathrm E\lVert\cdot\rVert^2 = \frac{ab}{N}, \qquad
          \mathrm{Var}\lVert\cdot\rVert^2 = \frac{2ab\,(N - a)(N - b)}{N^2 (N - 1)(N + 2)},

zero for whole rows or columns. Both grow with the width, the standard deviation only as its root:
the charges of one initialisation fill a thin slice of a valley that goes on for ever.

References
----------
Zhao et al. (2210.17216), their distribution of Q at initialisation (for ``lecun``, which they call
Xavier); other laws and the charges of single units are ours. The moments of the block are those of
the Jacobi ensemble of random matrices.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from symgeom.ground.checks import check_choice
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, parameters
from symgeom.learning.networks.initialisation import INITIALISATIONS, Law, fans
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec, take

EXCESS = {"normal": 2.0, "uniform": 4 / 5}
"""Kurtosis minus one."""

Layer = nn.Linear | nn.Conv2d


@door
def charge_moments(
    spec: SymmetrySpec, network: nn.Module, initialisation: str
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the moments of the charges of single units, before training.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    network : nn.Module
        Its affine layers and convolutions (``nn.Linear``, ``nn.Conv2d``) are taken to be drawn
        independently; other weights (of norms) are taken as they are.
    initialisation : str
        A key of ``INITIALISATIONS``.

    Returns
    -------
    dict of str to tuple of Tensor, shapes (size,) and (size,)
        Mean and variance of the charge of every unit of every group with a positive scale, in
        float64.

    Raises
    ------
    SymgeomError
        If the initialisation is unknown or the spec does not fit the network.

    Examples
    --------
    Glorot's weights are balanced on average where as many weights come in as go out.

    >>> from symgeom.symmetry.spec import UnitGroup
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden", 2, legs),))
    >>> network = nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 6))
    >>> mean, variance = charge_moments(spec, network, "glorot")["hidden"]
    >>> mean.tolist(), variance.tolist()  # 6 + 6 entries, each of which adds 2 * (1/4)**2
    ([0.0, 0.0], [1.5, 1.5])
    """
    check_choice(initialisation, INITIALISATIONS, "initialisation")
    exact = spec.exact()
    params = parameters(network)
    check_spec(exact, params)
    law = INITIALISATIONS[initialisation]
    layers = _drawn_layers(network)
    moments = {}
    for group in exact.groups:
        if group.scale == "positive":
            moments[group.name] = _group_moments(group, params, layers, law)
    return moments


def _drawn_layers(network: nn.Module) -> dict[str, Layer]:
    """Return the layers whose weights are drawn, by the names of their tensors."""
    layers: dict[str, Layer] = {}
    for name, layer in network.named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            for kind, _ in layer.named_parameters():
                layers[f"{name}.{kind}".lstrip(".")] = layer
    return layers


def _group_moments(
    group: UnitGroup, params: Parameters, layers: Mapping[str, Layer], law: Law
) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance of the charges of a group."""
    total = torch.zeros(2, group.size, dtype=torch.float64)
    for leg in group.legs:
        if leg.buffer:
            continue
        squares = take(params[leg.tensor].double(), leg, group.size).square()
        mean = squares.sum(1)
        variance = 0.0
        if leg.tensor in layers:
            mean, variance = _drawn_moments(leg, squares, law, layers[leg.tensor])
        spread = leg.power**2 * variance * torch.ones_like(mean)
        total += torch.stack([leg.power * mean, spread])
    return total[0], total[1]


def _drawn_moments(leg: Leg, squares: Tensor, law: Law, layer: Layer) -> tuple[Tensor, float]:
    """Return the mean and the variance of a unit's squared length on one leg."""
    entries = squares.shape[1]
    ones = torch.ones_like(squares[:, 0])
    if leg.tensor.endswith("bias") and not law.biases:
        return 0 * ones, 0.0
    fan_in, fan_out = fans(layer.weight)
    if law.kind == "orthogonal":
        mean, variance = _block_moments(leg, entries, rows=len(layer.weight), columns=fan_in)
        return mean * ones, variance
    variance = law.variance(fan_in, fan_out)
    return entries * variance * ones, entries * EXCESS[law.kind] * variance**2


def _block_moments(leg: Leg, entries: int, *, rows: int, columns: int) -> tuple[float, float]:
    """Return the moments of the squared length of a block of a random orthogonal matrix."""
    if leg.axis == 0:
        tall = entries // columns
        wide = columns
    else:
        tall = rows
        wide = entries // rows
    size = max(rows, columns)
    numerator = 2 * tall * wide * (size - tall) * (size - wide)
    denominator = size**2 * max(size - 1, 1) * (size + 2)
    return tall * wide / size, numerator / denominator
