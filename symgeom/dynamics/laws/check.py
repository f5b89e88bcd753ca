r"""Certify the law of every unit by autograd, and name what breaks one.

A charge is conserved exactly if the generator of its scaling is orthogonal to the gradient of
*every* loss of the outputs, :math:`\langle M\theta, \nabla_\theta \sum_k c_k f_k\rangle = 0`. One
backward pass with random :math:`c` tests all charges of a spec at once. Why a law does not hold,
:mod:`symgeom.dynamics.laws.diagnosis` says. A group with a frozen leg has no law: it needs the
gradient on every leg.

References
----------
Zhao et al. (2210.17216), section 4, and Kunin et al., "Neural mechanics" (2012.04728), section 3,
for the identity.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.dynamics.charge import invariance_defect
from symgeom.dynamics.laws.diagnosis import Diagnosis
from symgeom.ground.architecture import Architecture
from symgeom.ground.calling import tensors_of
from symgeom.ground.checks import check_finite, check_samples
from symgeom.ground.doors import door
from symgeom.ground.modules import call_module, copied, in_mode
from symgeom.ground.types import Parameters, cast
from symgeom.ground.wrappers import unwrapped
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup

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
        """Whether rounding explains the defect, and all legs of the group train."""
        return self.defect <= TOLERANCE and self.reason is None


@door
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
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> hasty = SymmetrySpec((UnitGroup("hidden1", 4, legs),))
    >>> inputs, generator = torch.ones(5, 3), torch.Generator().manual_seed(0)
    >>> params = {name: torch.ones_like(tensor) for name, tensor in parameters(network).items()}
    >>> (check,) = check_laws(hasty, network, params, inputs=inputs, generator=generator)
    >>> check.reason
    "'0.bias' was left out: it moves with the units"
    """
    module = unwrapped(module)
    Architecture.of(module).check(params)
    check_samples(inputs)
    check_finite(params, "the network whose laws are tested", masks=spec.constants)
    exact = spec.exact()
    params = cast(params, torch.float64)
    gradient = _random_gradient(module, params, inputs, generator, training=training)
    defects = {}
    for name, values in invariance_defect(exact, params, gradient).items():
        defects[name] = float(values.max())
    reasons = {}
    broken = [name for name, defect in defects.items() if defect > TOLERANCE]
    if broken:
        diagnosis = Diagnosis(module, _cast_inputs(inputs, next(module.parameters()).dtype))
        for name in broken:
            reasons[name] = diagnosis.reason(exact[name], training=training)
    for name in defects:
        frozen = _frozen_leg(exact[name], module)
        if frozen is not None:
            reasons[name] = f"'{frozen}' is frozen: a law needs the gradient on every leg"
    return tuple(LawCheck(name, defect, reasons.get(name)) for name, defect in defects.items())


def _frozen_leg(group: UnitGroup, module: nn.Module) -> str | None:
    """Return the first tensor of a group that does not train, if there is one."""
    weights = dict(module.named_parameters())
    for leg in group.legs:
        if leg.tensor in weights and not weights[leg.tensor].requires_grad:
            return leg.tensor
    return None


def _random_gradient(
    module: nn.Module,
    params: Parameters,
    inputs: Tensor,
    generator: torch.Generator,
    *,
    training: bool,
) -> dict[str, Tensor]:
    """Return the gradient of a random sum of the outputs."""
    copy = in_mode(copied(module), training=training)
    weights = {}
    for name, _ in module.named_parameters():
        weights[name] = params[name].detach().clone().requires_grad_()
    buffers = {name: params.get(name, buffer).clone() for name, buffer in module.named_buffers()}
    inputs = _cast_inputs(inputs, torch.float64)
    with torch.enable_grad():
        outputs = call_module(copy, weights | buffers, inputs)
        total = _random_sum(tensors_of(outputs), generator)
        gradients = torch.autograd.grad(
            total, list(weights.values()), allow_unused=True, materialize_grads=True
        )
    return dict(zip(weights, gradients, strict=True))


def _random_sum(tensors: Iterable[Tensor], generator: torch.Generator) -> Tensor:
    """Return a sum of all real entries of tensors with random weights."""
    sums = []
    for tensor in tensors:
        if tensor.is_floating_point():
            shares = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            sums.append((shares.to(tensor.device) * tensor).sum())
    return sum(sums[1:], start=sums[0])


def _cast_inputs(inputs: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the inputs in another precision; whole numbers stay as they are."""
    return inputs.to(dtype) if inputs.is_floating_point() else inputs
