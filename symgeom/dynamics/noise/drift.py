r"""How much a step of SGD changes every charge in the mean, by cause, where its force is known.

With the variance :math:`N_p` of the sample gradients on the legs of power :math:`p`, the squared
mean gradient :math:`D_p` there, and the charge :math:`Q`, a step changes the charge by

.. math:: \mathrm{E}\,\Delta Q = \sum_p p\,\Big(\frac{\eta_e^2}{S} N_p
          + \eta_e^2\,\frac{1+\beta}{1-\beta}\,D_p\Big) - 2\eta_e w\,Q, \qquad
          \eta_e = \frac{\eta}{1-\beta},

with learning rate :math:`\eta`, batch size :math:`S`, weight decay :math:`w` and momentum
:math:`\beta`: the three causes of :mod:`symgeom.dynamics.ledger`, what momentum carries on
included. Noise is new in every step and is carried on as :math:`1/(1-\beta)^2`; the mean gradient
hardly changes from step to step and adds up to more. Full batches have no noise and the second term
alone; gradient flow has none. An optimizer that does not follow gradients (Adam) changes charges at
first order: nothing here predicts that, the ledger books it as "optimizer".

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), equation 5 and
appendix D. Differs from the source: the noise term of equation 7 is twice what is printed there;
the mean gradient and momentum are ours, for gradients that change little in :math:`1/(1-\beta)`
steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import cumulative_trapezoid
from torch import Tensor

from symgeom.dynamics.noise.force import NoiseForce
from symgeom.dynamics.noise.recipe import SgdRecipe
from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.bilinear import leg_powers, leg_products
from symgeom.symmetry.spec import SymmetrySpec


@dataclass(frozen=True, eq=False)
class ChargeDrift:
    """What a step changes every charge by, or many steps; in squared weight units, in float64.

    Attributes
    ----------
    noise, discretisation, weight_decay : dict of str to Tensor, shape (..., size)
        By cause, as a ledger books it: the noise of mini-batches, the finite step along the mean
        gradient, and decay.
    """

    noise: dict[str, Tensor]
    discretisation: dict[str, Tensor]
    weight_decay: dict[str, Tensor]

    def total(self) -> dict[str, Tensor]:
        """Return the sum of all causes.

        Returns
        -------
        dict of str to Tensor, shape (..., size)
            By group.
        """
        totals = {}
        for name, noise in self.noise.items():
            totals[name] = noise + self.discretisation[name] + self.weight_decay[name]
        return totals


def net_force(spec: SymmetrySpec, amounts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what moves the charge of every unit up, minus what moves it down.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    amounts : mapping of str to Tensor, shape (leg, size)
        What pushes on every leg, by group: the variance, or the drift, of a
        :class:`~symgeom.dynamics.noise.NoiseForce`.

    Returns
    -------
    dict of str to Tensor, shape (size,)
        Sums over legs, times their powers: the incoming legs minus the outgoing ones.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> net_force(spec, {"hidden1": torch.tensor([[16.0], [1.0]])})
    {'hidden1': tensor([15.])}
    """
    sums = {}
    for name, rows in amounts.items():
        sums[name] = (leg_powers(spec, name).to(rows) * rows).sum(0)
    return sums


@door
def charge_drift(
    spec: SymmetrySpec, params: Parameters, force: NoiseForce, *, recipe: SgdRecipe
) -> ChargeDrift:
    """Predict how much the next step changes every charge, in the mean over mini-batches.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network.
    force : NoiseForce
        From :func:`symgeom.dynamics.noise.noise_force`, at these parameters.
    recipe : SgdRecipe
        Of SGD.

    Returns
    -------
    ChargeDrift
        Per step.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.ones(1, 1), "out": torch.ones(1, 1)}
    >>> variance = {"hidden1": torch.tensor([[16.0], [1.0]]).double()}
    >>> nothing = {"hidden1": torch.zeros(2, 1).double()}
    >>> force = NoiseForce(variance, nothing, {}, {}, samples=2, heaviest=1.0)
    >>> recipe = SgdRecipe(learning_rate=0.5, batch_size=5)
    >>> charge_drift(spec, params, force, recipe=recipe).total()  # 0.5**2 / 5 * (16 - 1)
    {'hidden1': tensor([0.7500], dtype=torch.float64)}
    """
    exact = spec.exact()
    theta = cast(params, torch.float64)
    lengths = leg_products(exact, theta, theta)
    variances = net_force(exact, force.variance)
    squares = net_force(exact, force.drift)
    charges = net_force(exact, {name: lengths[name] for name in force.variance})
    noise = {name: recipe.noise_factor * push for name, push in variances.items()}
    discretisation = {name: recipe.gradient_factor * push for name, push in squares.items()}
    weight_decay = {name: -recipe.decay_factor * charge for name, charge in charges.items()}
    return ChargeDrift(noise, discretisation, weight_decay)


@door
def predicted_changes(steps: Sequence[float], drifts: Sequence[ChargeDrift]) -> ChargeDrift:
    """Predict how much charges change from the first of some snapshots on, along training.

    Parameters
    ----------
    steps : sequence of float
        Steps done at the snapshots, increasing.
    drifts : sequence of ChargeDrift
        What a step changes there; in between it is taken to change evenly.

    Returns
    -------
    ChargeDrift
        Over snapshots and units: what each cause has changed since the first snapshot.

    Raises
    ------
    SymgeomError
        If there is no snapshot, or not one drift for each.

    Examples
    --------
    >>> drift = {"hidden1": torch.tensor([0.5]).double()}
    >>> none = {"hidden1": torch.tensor([0.0]).double()}
    >>> at_first, later = ChargeDrift(drift, none, none), ChargeDrift(none, none, none)
    >>> predicted_changes([0, 4, 8], [at_first, later, later]).noise["hidden1"].flatten()
    tensor([0., 1., 1.], dtype=torch.float64)
    """
    if not steps or len(steps) != len(drifts):
        raise SymgeomError(
            f"Cannot add up drifts over {len(steps)} snapshots: {len(drifts)} drifts are given. "
            "Give one for each snapshot."
        )
    return ChargeDrift(
        noise=_integrals(steps, [drift.noise for drift in drifts]),
        discretisation=_integrals(steps, [drift.discretisation for drift in drifts]),
        weight_decay=_integrals(steps, [drift.weight_decay for drift in drifts]),
    )


def _integrals(steps: Sequence[float], rates: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the integral of every rate from the first step on."""
    integrals = {}
    for name in rates[0]:
        along = np.stack([rate[name].numpy() for rate in rates])
        integral = cumulative_trapezoid(along, steps, axis=0, initial=0)
        integrals[name] = torch.from_numpy(integral)
    return integrals
