r"""Rotations across the units of a layer: an angular momentum that is zero, and no charge.

Where an orthogonal matrix may mix the units of a layer (no activation between two layers, or a
*radial* one, :math:`h \mapsto \varphi(\lVert h\rVert)\, h`), the loss of every sample stays as it
is under :math:`\theta_\ell \mapsto R\,\theta_\ell`, with :math:`\theta_\ell` the matrix (unit,
entry) of what the units own on leg :math:`\ell`, incoming or outgoing. The generators :math:`A` are
antisymmetric. They differ from scalings in two ways.

* *There is no charge.* What gradient flow would conserve, :math:`\theta^\top A\theta`, is zero at
  every network, and so is the force of noise, :math:`\operatorname{Tr}[\Sigma A]`: rotations
  restrict no flow to a part of weight space, and a noise equilibrium is known up to a rotation
  only. (For units that every matrix may mix, the symmetric generators have their charges:
  :func:`~symgeom.dynamics.charge.charges`.)
* *There is an angular momentum*, linear in the velocity,

  .. math:: J(\theta, v) = \tfrac12\sum_\ell
            \big(\theta_\ell v_\ell^\top - v_\ell\theta_\ell^\top\big) ,

  which is zero for the gradient of every sample, :math:`J(\theta, \nabla\ell) = 0`, and so for the
  velocity of gradient flow, and for every step of SGD with any noise and weight decay. A heavy ball
  of momentum :math:`\beta` multiplies it by :math:`\beta` in every step, exactly: it begins at zero
  and stays there. Adam's steps have one.

Zero angular momentum does not mean that a network never turns: on its way around it can come back
rotated, as a falling cat does.

References
----------
Zhao et al. (2210.17216), section 4 and its appendix on antisymmetric generators, for gradient flow;
Ziyin et al. (2402.07193) ask for symmetric ones. The law of the heavy ball is ours.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from symgeom.ground.architecture import difference_of, shapes_of
from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, check_spec, take


@door
def angular_momentum(
    spec: SymmetrySpec,
    params: Parameters,
    velocity: Parameters,
    *,
    groups: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """Angular momentum of the units of whole layers, which rotations leave at zero.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network. Use ``torch.vmap`` for stacked networks.
    velocity : Parameters
        A gradient, a step or a velocity there; tensors without an entry count as zeros.
    groups : collection of str, optional
        The groups across whose units matrices are asked for; by default all that discovery found to
        allow every invertible matrix. A layer with a radial activation is described by hand.

    Returns
    -------
    dict of str to Tensor, shape (size, size)
        Antisymmetric matrices, in float64: zero for the gradient of a loss that rotations of the
        units leave as it is.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, or has no such group, or the velocity has tensors that
        the network has not.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg
    >>> legs = (Leg("in", 0), Leg("out", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, legs, scale="linear"),))
    >>> params = {"in": torch.tensor([[1.0], [0.0]]), "out": torch.tensor([[0.0, 2.0]])}
    >>> turning = {"in": torch.tensor([[0.0], [1.0]]), "out": torch.tensor([[-2.0, 0.0]])}
    >>> angular_momentum(spec, params, turning)["hidden1"]
    tensor([[ 0.0000,  2.5000],
            [-2.5000,  0.0000]], dtype=torch.float64)
    """
    check_spec(spec, params)
    difference = difference_of(velocity, shapes_of(params), optional=params.keys())
    if difference:
        raise SymgeomError(
            f"Cannot turn a network with a velocity of another one: {difference}. Give a velocity "
            "that names its tensors as the network does."
        )
    theta = cast(params, torch.float64)
    moving = cast(velocity, torch.float64)
    momenta = {}
    for group in _asked(spec, groups):
        total = torch.zeros(group.size, group.size, dtype=torch.float64)
        for leg in group.legs:
            if leg.tensor in moving and not leg.buffer:
                rows = take(theta[leg.tensor], leg, group.size)
                steps = take(moving[leg.tensor], leg, group.size)
                product = rows @ steps.T
                total = total + (product - product.T) / 2
        momenta[group.name] = total
    return momenta


def _asked(spec: SymmetrySpec, names: Collection[str] | None) -> list[UnitGroup]:
    """Return the groups of some names, or those that every matrix may mix."""
    if names is None:
        return [group for group in spec.groups if group.scale == "linear"]
    return [spec[name] for name in names]
