r"""Certify the law of every unit by autograd, and name what breaks one.

A charge is conserved exactly if the generator of its scaling is orthogonal to the gradient of
*every* loss of the outputs, :math:`\langle M\theta, \nabla_\theta \sum_k c_k f_k\rangle = 0`. One
backward pass with random :math:`c` tests all charges of a spec at once. Where a test fails, the
spec is compared with what the graph of the network says, and the first of these that applies is
named: weights that are used twice, a leg left out (a bias), another degree, units that an
activation treats one by one, an activation without a degree, statistics that gradients do not move,
the eps of a normalisation.

References
----------
Zhao et al. (2210.17216), section 4, and Kunin et al., "Neural mechanics" (2012.04728), section 3,
for the identity; that an eps breaks the law of a normalised layer by about its share of the
variance is our measurement.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from symgeom.dynamics.charge import invariance_defect
from symgeom.ground.checks import check_finite
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.discovery.capture import export, tensors_of
from symgeom.symmetry.discovery.graph import walk
from symgeom.symmetry.discovery.obstacles import obstacles
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

TOLERANCE = 1e-10
"""Relative defect that rounding explains in float64."""


@dataclass(frozen=True)
class LawCheck:
    """What was found of the charges of one group.

    Attributes
    ----------
    group : str
        The group.
    defect : float
        Largest relative defect of its charges (see
        :func:`symgeom.dynamics.charge.invariance_defect`).
    reason : str or None
        What breaks the law, in words; None if it holds.
    """

    group: str
    defect: float
    reason: str | None

    @property
    def holds(self) -> bool:
        """Whether rounding explains the defect."""
        return self.defect <= TOLERANCE


def check_laws(
    spec: SymmetrySpec,
    module: nn.Module,
    params: Parameters,
    *,
    inputs: Tensor,
    generator: torch.Generator,
    training: bool = False,
) -> tuple[LawCheck, ...]:
    """Test the charges of a spec on a network, in float64.

    Parameters
    ----------
    spec : SymmetrySpec
        Discovered or written by hand.
    module : nn.Module
        The network; not modified.
    params : Parameters
        Its weights and buffers, ordinary ones: zero biases would hide that they were left out.
    inputs : Tensor, shape (sample, ...)
        Data.
    generator : torch.Generator
        The source of the random loss.
    training : bool
        Evaluate in training mode: batch norms use the statistics of the batch, which gradients
        move.

    Returns
    -------
    tuple of LawCheck
        One for each group that has charges.

    Raises
    ------
    SymgeomError
        If spec, network and weights do not belong together, or a weight is not real or not finite.

    Examples
    --------
    >>> from symgeom.ground.types import parameters
    >>> network, inputs = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.ones(5, 3)
    >>> hasty = SymmetrySpec((UnitGroup("hidden1", 4, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))),))
    >>> generator = torch.Generator().manual_seed(0)
    >>> [check.reason for check in check_laws(hasty, network, parameters(network), inputs=inputs, generator=generator)]
    ["'0.bias' was left out: it moves with the units"]
    """
    check_finite(params, "the network whose laws are tested")
    exact, params = spec.exact(), cast(params, torch.float64)
    slope = _random_slope(module, params, inputs, generator, training=training)
    defects = {
        name: float(values.max())
        for name, values in invariance_defect(exact, params, slope).items()
    }
    broken = [name for name, defect in defects.items() if defect > TOLERANCE]
    graph = _Graph(module, _as(next(module.parameters()).dtype, inputs)) if broken else None
    reasons = {name: graph.reason(exact[name], training) for name in broken}
    return tuple(LawCheck(name, defect, reasons.get(name)) for name, defect in defects.items())


def _random_slope(
    module: nn.Module,
    params: Parameters,
    inputs: Tensor,
    generator: torch.Generator,
    *,
    training: bool,
) -> dict[str, Tensor]:
    """Return the gradient of a random sum of the outputs."""
    copy = deepcopy(module).train(training)
    weights = {
        name: params[name].detach().clone().requires_grad_()
        for name, _ in module.named_parameters()
    }
    buffers = {name: params.get(name, buffer).clone() for name, buffer in module.named_buffers()}
    inputs = _as(torch.float64, inputs)
    with torch.enable_grad():
        outputs = [
            part
            for part in tensors_of(functional_call(copy, weights | buffers, (inputs,)))
            if part.is_floating_point()
        ]
        shares = [
            torch.randn(part.shape, generator=generator, dtype=part.dtype).to(part.device)
            for part in outputs
        ]
        total = sum((share * part).sum() for share, part in zip(shares, outputs, strict=True))
        slopes = torch.autograd.grad(
            total, list(weights.values()), allow_unused=True, materialize_grads=True
        )
    return dict(zip(weights, slopes, strict=True))


def _as(dtype: torch.dtype, inputs: Tensor) -> Tensor:
    return inputs.to(dtype) if inputs.is_floating_point() else inputs


class _Graph:
    """What the graph of a network says about its units."""

    def __init__(self, module: nn.Module, inputs: Tensor) -> None:
        self.module, self.inputs = module, inputs
        self.uses = walk(export(module, inputs), module).uses
        within = (discover(module, inputs, within_heads=choice) for choice in (False, True))
        self.groups = [group for spec in within for group in charged_groups(spec.exact()).groups]

    def reason(self, group: UnitGroup, training: bool) -> str:
        """Return what breaks the law of a group."""
        (kept,) = charged_groups(SymmetrySpec((group,))).groups
        twice = [leg.tensor for leg in kept.legs if self.uses.get(leg.tensor, 0) > 1]
        known = self._same_units(kept)
        if twice and (known is None or not _equal(kept, known)):
            return f"'{twice[0]}' is used {self.uses[twice[0]]} times (tied weights): what moves one use moves the others"
        if known is None:
            return self._without_scale(kept.incoming() or kept.legs)
        return _difference(kept, known) or _normalisation(group, training)

    def _same_units(self, group: UnitGroup) -> UnitGroup | None:
        """Return the group of the graph that has most legs in common, incoming ones first."""
        wanted = {leg.place() for leg in group.incoming() or group.legs}
        shared = [
            (len(wanted & {leg.place() for leg in other.legs}), other) for other in self.groups
        ]
        most = max((count for count, _ in shared), default=0)
        return next(other for count, other in shared if count == most) if most else None

    def _without_scale(self, legs: Sequence[Leg]) -> str:
        found = next(
            filter(
                None, (obstacles(self.module, self.inputs, leg.tensor, leg.axis) for leg in legs)
            ),
            [],
        )
        if found:
            return f"no scale passes through {', '.join(found)}"
        return "its units have an identity (inputs, outputs, or what no rule describes)"


def _equal(group: UnitGroup, known: UnitGroup) -> bool:
    return group.scale == known.scale and set(group.legs) == set(known.legs)


def _difference(group: UnitGroup, known: UnitGroup) -> str | None:
    """Return in what a group differs from the one that the graph says."""
    here, there = ({leg.place(): leg for leg in one.legs} for one in (group, known))
    if left_out := [leg.tensor for place, leg in there.items() if place not in here]:
        return f"'{left_out[0]}' was left out: it moves with the units"
    if added := [leg.tensor for place, leg in here.items() if place not in there]:
        return f"'{added[0]}' does not move with the units"
    for place, leg in here.items():
        if leg.power != there[place].power:
            return f"'{leg.tensor}' has power {leg.power}, the degree of the activation makes it {there[place].power}"
    if group.scale == "linear" != known.scale:
        return "its units are treated one by one, so that matrices across them are no symmetry; each has a charge of its own"
    return None


def _normalisation(group: UnitGroup, training: bool) -> str:
    if not any(leg.buffer for leg in group.legs):
        return "nothing that the graph tells; look for an operation that training mode changes"
    if not training:
        return "the statistics of its normalisation are kept, and gradients do not move them; test in training mode"
    return "the eps of its normalisation is no part of the variance: the law holds up to about eps over the variance"
