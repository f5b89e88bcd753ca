r"""Where a network starts along its valley: mean and variance of every charge under a random initialisation, in closed form.

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

import torch
from torch import Tensor, nn

from symgeom.ground.checks import check_choice
from symgeom.ground.types import parameters
from symgeom.learning.networks.initialise import INITIALISATIONS, Law, fans
from symgeom.symmetry.spec import Leg, SymmetrySpec, check_spec, take

EXCESS = {"normal": 2.0, "uniform": 4 / 5}
"""Kurtosis minus one."""


def charge_moments(
    spec: SymmetrySpec, network: nn.Module, initialisation: str
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the moments of the charges of single units, before training.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    network : nn.Module
        Its affine layers and convolutions (``nn.Linear``, ``nn.Conv2d``) are taken to be drawn,
        each on its own; other weights (of norms) are taken as they are.
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
    >>> spec = SymmetrySpec((UnitGroup("h", 2, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))),))
    >>> network = nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 6))
    >>> mean, variance = charge_moments(spec, network, "glorot")["h"]
    >>> mean.tolist(), variance.tolist()  # 6 + 6 entries, each with 2 * (1/4)**2
    ([0.0, 0.0], [1.5, 1.5])
    """
    check_choice(initialisation, INITIALISATIONS, "initialisation")
    exact, params, law = spec.exact(), parameters(network), INITIALISATIONS[initialisation]
    check_spec(exact, params)
    layers = {
        f"{name}.{kind}".lstrip("."): (layer, kind)
        for name, layer in network.named_modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d))
        for kind, _ in layer.named_parameters()
    }
    moments = {}
    for group in exact.groups:
        if group.scale == "positive":
            total = torch.zeros(2, group.size, dtype=torch.float64)
            for leg in group.legs:
                if not leg.buffer:
                    squares = take(params[leg.tensor].double(), leg, group.size).square()
                    drawn = leg.tensor in layers
                    mean, variance = (
                        _drawn(leg, squares, law, *layers[leg.tensor])
                        if drawn
                        else (squares.sum(1), 0.0)
                    )
                    total += torch.stack(
                        [leg.power * mean, leg.power**2 * variance * torch.ones_like(squares[:, 0])]
                    )
            moments[group.name] = (total[0], total[1])
    return moments


def _drawn(
    leg: Leg, squares: Tensor, law: Law, layer: nn.Module, kind: str
) -> tuple[Tensor, float]:
    """Return the mean and the variance of a unit's squared length on one leg."""
    entries, ones = squares.shape[1], torch.ones_like(squares[:, 0])
    if kind == "bias" and not law.biases:
        return 0 * ones, 0.0
    fan_in, fan_out = fans(layer.weight)
    if law.kind != "orthogonal":
        variance = law.variance(fan_in, fan_out)
        return entries * variance * ones, entries * EXCESS[law.kind] * variance**2
    rows, columns = len(layer.weight), fan_in
    tall, wide = (entries // columns, columns) if leg.axis == 0 else (rows, entries // rows)
    size = max(rows, columns)
    spread = (
        2 * tall * wide * (size - tall) * (size - wide) / (size**2 * max(size - 1, 1) * (size + 2))
    )
    return tall * wide / size * ones, spread
