r"""The charges that gradient flow conserves: one per unit, or one matrix per linear group.

If the loss does not change when unit :math:`k` is scaled (its slice of leg :math:`\ell` multiplied
by :math:`s^{p_\ell}`), the gradient is orthogonal to the generator :math:`M_k\theta` of that
scaling, and gradient flow keeps the charge

.. math:: Q_k = \langle\theta, M_k\theta\rangle = \sum_\ell p_\ell\,\lVert\theta_{\ell,k}\rVert^2 ,
          \qquad \frac{dQ_k}{dt} = -2\,\langle M_k\theta, \nabla L\rangle = 0 .

For a ReLU unit this is the squared length of its incoming weights, bias included, minus that of its
outgoing weights; for an activation of degree :math:`a` the outgoing power, and so the factor of the
second term, is :math:`-a`. The bias of the layer that reads the units does not enter. Units that
every invertible matrix may mix (two layers with no activation between them) keep a symmetric
matrix, products of incoming weights and biases minus those of outgoing weights:

.. math:: Q = \sum_{p_\ell = 1} \theta_\ell\theta_\ell^\top
              - \sum_{p_\ell = -1} \theta_\ell\theta_\ell^\top ,

with :math:`\theta_\ell` the matrix of the units' slices on leg :math:`\ell`. Steps of finite size
change the charges by an amount that :mod:`symgeom.dynamics.ledger` accounts for. How many laws
there are in all, :mod:`symgeom.dynamics.laws.count` counts.

References
----------
Zhao et al. (2210.17216), section 4 (their charge carries a factor 1/2); Du, Hu, Lee (1806.00900),
theorem 2.1; Ziyin et al. (2402.07193), section 4, with the opposite sign (outgoing minus incoming).
"""

import torch
from torch import Tensor

from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import check_finite, check_real
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.symmetry.bilinear import charged_groups, pairing, pairing_bound
from symgeom.symmetry.spec import SymmetrySpec, check_spec


@door
def charges(spec: SymmetrySpec, params: Parameters) -> dict[str, Tensor]:
    """Charges of the units whose scaling or mixing leaves the outputs unchanged.

    The head, whose scaling is exact for the error only, has none.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network. Use ``torch.vmap`` for stacked networks.

    Returns
    -------
    dict of str to Tensor, shape (size,) or (size, size)
        For each group with a positive scale a number per unit, for each linear group a symmetric
        matrix; in float64 and squared weight units.

    Raises
    ------
    SymgeomError
        If the spec does not belong to the network, or a tensor that enters a charge is not real or
        not finite.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> legs = (Leg("in", 0), Leg("bias", 0), Leg("out", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> weights = {"in": torch.tensor([[2.0]]), "out": torch.tensor([[3.0]])}
    >>> charges(spec, {**weights, "bias": torch.tensor([1.0])})
    {'hidden1': tensor([-4.], dtype=torch.float64)}
    """
    exact = spec.exact()
    check_spec(exact, params)
    theta = _charged(exact, params)
    check_finite(theta, "the network whose charges are asked for")
    return pairing(exact, theta, theta)


def invariance_defect(
    spec: SymmetrySpec, params: Parameters, gradient: Parameters
) -> dict[str, Tensor]:
    r"""How far a gradient is from leaving the charge of every unit alone.

    .. math:: \frac{\lvert\sum_\ell p_\ell\langle\theta_\ell, g_\ell\rangle\rvert}
                   {\sum_\ell \lvert p_\ell\rvert\,\lVert\theta_\ell\rVert\,\lVert g_\ell\rVert}

    lies between 0 (the scaling of this unit is a symmetry) and 1; for a linear group it is the
    ratio of every entry of the matrix to its own bound. Rounding gives about 1e-15 for gradients
    computed in float64 (1e-7 in float32), on all data, any mini-batch, or a single sample. The
    denominator bounds every term of the numerator, so that a unit whose terms are small by accident
    does not look like a broken symmetry.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network. Use ``torch.vmap`` for stacked networks.
    gradient : Parameters
        Gradient of the loss there; buffers need no entry.

    Returns
    -------
    dict of str to Tensor, shape (size,) or (size, size)
        Relative defect, in float64; 0 for a unit without gradient.

    Raises
    ------
    SymgeomError
        If spec, network and gradient do not belong together, or a tensor that enters a charge is
        not real.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.tensor([[2.0]]), "out": torch.tensor([[3.0]])}
    >>> gradient = {"in": torch.tensor([[3.0]]), "out": torch.tensor([[2.0]])}
    >>> invariance_defect(spec, params, gradient)  # of the loss in * out
    {'hidden1': tensor([0.], dtype=torch.float64)}
    """
    exact = spec.exact()
    check_spec(exact, params)
    theta = _charged(exact, params)
    entering = {name: gradient[name] for name in theta if name in gradient}
    check_same_tensors(entering, theta, "the gradient")
    slope = _charged(exact, gradient)
    pairings = pairing(exact, theta, slope)
    defects = {}
    for name, bound in pairing_bound(exact, theta, slope).items():
        ratio = pairings[name].abs() / bound
        defects[name] = torch.where(bound > 0, ratio, torch.zeros_like(bound))
    return defects


def _charged(spec: SymmetrySpec, tensors: Parameters) -> dict[str, Tensor]:
    """Return the tensors that enter a charge, in float64."""
    names: set[str] = set()
    for group in charged_groups(spec).groups:
        names.update(leg.tensor for leg in group.legs)
    charged = {}
    for name in sorted(names):
        check_real({name: tensors[name]}, "what charges are computed from")
        charged[name] = tensors[name].to(torch.float64)
    return charged
