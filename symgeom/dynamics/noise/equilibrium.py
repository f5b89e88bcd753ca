r"""Where the noise of SGD pushes each unit along its orbit, and how far it is from the balance with weight decay.

Scaling a unit by :math:`e^\lambda` multiplies its leg of power :math:`p` by :math:`e^{p\lambda}`
and the gradient of every sample on that leg by :math:`e^{-p\lambda}`. With :math:`N_p` the variance
of the sample gradients on the legs of power :math:`p`, summed over their entries, and :math:`T_p`
the squared length of the weights there, SGD lets the charge drift in proportion to

.. math:: G(\lambda) = \sum_p p\,\big(N_p e^{-2p\lambda} - c\,T_p e^{2p\lambda}\big), \qquad
          c = \frac{2\,\mathrm{weight\ decay}\cdot\mathrm{batch\ size}\,(1-\mathrm{momentum})}{\mathrm{learning\ rate}},

which decreases in :math:`\lambda`. The *noise equilibrium* is its root :math:`\lambda^*`; for
powers :math:`\pm1`

.. math:: \lambda^* = \frac14 \log\frac{N_\mathrm{in} + c\,T_\mathrm{out}}{N_\mathrm{out} + c\,T_\mathrm{in}} .

Sign: ours counts incoming weights as positive (:math:`\lambda^* > 0`: the incoming weights would
grow); the paper's generator :math:`A` counts outgoing ones, so that its :math:`\lambda^*` is minus
ours. Each unit is moved with all others at rest; the units of one group do not influence each
other, but neighbouring groups share a weight matrix.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), theorem 4.3 and
equation 7. Differs from the source: the noise term of equation 7 is twice what is printed there,
and momentum enters as the step ``learning_rate / (1 - momentum)``.
"""

import math

import torch
from scipy.optimize import brentq
from torch import Tensor, nn
from torch.func import functional_call

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import leg_powers, leg_products
from symgeom.symmetry.spec import SymmetrySpec, check_spec, take

ROUNDING = 1e-13
"""A variance below this fraction of the mean square is zero: the difference of the two has no digits left."""


def gradient_variance(problem: Problem, params: Parameters) -> dict[str, Tensor]:
    r"""Variance over the samples of every entry of the gradient.

    If every weight belongs to a linear layer that sees each sample once, a sample's gradient is an
    outer product :math:`\delta_n a_n^\top` of the gradient at the layer's output and its input, so
    that the mean square is one product of two matrices, :math:`(\delta^2)^\top a^2 / N`. Otherwise
    sample gradients are formed, a chunk at a time.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    dict of str to Tensor
        Population variance (divided by the number of samples), one entry per trainable tensor, in
        float64.

    Examples
    --------
    >>> problem = Problem(nn.Linear(1, 1), torch.tensor([[1.0], [3.0]]), torch.zeros(2), lambda y, _: y[:, 0])
    >>> gradient_variance(problem, {"weight": torch.ones(1, 1), "bias": torch.ones(1)})
    {'weight': tensor([[1.]], dtype=torch.float64), 'bias': tensor([0.], dtype=torch.float64)}
    """
    problem, params = problem.cast(torch.float64), cast(params, torch.float64)
    mean, square = _linear_moments(problem, params) or _sample_moments(problem, params)
    variance = {name: square[name] - mean[name] ** 2 for name in mean}
    return {
        name: torch.where(v > ROUNDING * square[name], v, torch.zeros_like(v))
        for name, v in variance.items()
    }


def noise_force(spec: SymmetrySpec, problem: Problem, params: Parameters) -> dict[str, Tensor]:
    """Total gradient variance on every leg of every unit: what SGD's noise pushes with.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape, with the training data.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    dict of str to Tensor, shape (leg, size)
        For each group with a charge, one row per trainable leg, in the order of the group's legs,
        in float64. The sum of ``power * row / batch_size`` is the mean of ``pairing(g, g)`` over
        mini-batches minus that of the full gradient.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, or a weight is not finite.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    >>> problem = Problem(net, torch.tensor([[1.0], [3.0]]), torch.zeros(2), lambda y, _: y[:, 0])
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))),))
    >>> noise_force(spec, problem, {"0.weight": torch.full((1, 1), 2.0), "2.weight": torch.full((1, 1), 5.0)})
    {'hidden1': tensor([[25.],
            [ 4.]], dtype=torch.float64)}
    """
    check_spec(spec, params)
    check_finite(params, "the network")
    variance = gradient_variance(problem, params)
    return {
        group.name: torch.stack(
            [
                take(variance[leg.tensor], leg, group.size).sum(1)
                for leg in group.legs
                if not leg.buffer
            ]
        )
        for group in spec.exact().groups
        if group.scale == "positive"
    }


def decay_ratio(
    *, learning_rate: float, batch_size: int, weight_decay: float, momentum: float = 0.0
) -> float:
    """Strength of weight decay relative to noise, the only way in which the recipe enters the equilibrium.

    Parameters
    ----------
    learning_rate : float
        Step of SGD.
    batch_size : int
        Samples per mini-batch, drawn with replacement (without: multiply the ratio by ``(N - 1) /
        (N - batch_size)``).
    weight_decay : float
        Coupled decay: the multiple of the weights that is added to the gradient (the paper's 2
        gamma).
    momentum : float
        Of the heavy ball, not dampened.

    Returns
    -------
    float
        The constant ``c`` of the module's equations, in squared gradient per squared weight.

    Raises
    ------
    SymgeomError
        If a number is out of range.

    Examples
    --------
    >>> decay_ratio(learning_rate=0.5, batch_size=4, weight_decay=0.25, momentum=0.5)
    2.0
    """
    if not (learning_rate > 0 and batch_size >= 1 and weight_decay >= 0 and 0 <= momentum < 1):
        raise SymgeomError(
            f"Cannot weigh decay against noise for learning rate {learning_rate}, batch size {batch_size}, weight decay "
            f"{weight_decay}, momentum {momentum}: the first two must be positive, the third not negative, the last in [0, 1)."
        )
    return 2 * weight_decay * batch_size * (1 - momentum) / learning_rate


def noise_equilibrium(
    spec: SymmetrySpec, params: Parameters, force: dict[str, Tensor], *, decay: float
) -> dict[str, Tensor]:
    """How far every unit has to move along its orbit to reach the noise equilibrium.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network.
    force : dict of str to Tensor, shape (leg, size)
        From :func:`noise_force`, at these parameters.
    decay : float
        From :func:`decay_ratio`; 0 without weight decay.

    Returns
    -------
    dict of str to Tensor, shape (size,)
        Logarithm of the scale that leads there, in float64: 0 at equilibrium. Infinite where only
        one sign of power has any weight (the noise pushes for ever); NaN where neither has (the
        unit never moves), which is undefined, not zero.

    Raises
    ------
    SymgeomError
        If the force is that of another spec, or the decay is negative or not finite.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params, force = {"in": torch.ones(1, 1), "out": torch.ones(1, 1)}, {"hidden1": torch.tensor([[16.0], [1.0]]).double()}
    >>> noise_equilibrium(spec, params, force, decay=0.0)["hidden1"].exp()  # 16 / s**2 = 1 * s**2
    tensor([2.], dtype=torch.float64)
    """
    if not 0 <= decay < math.inf:
        raise SymgeomError(
            f"Cannot balance noise with a decay ratio of {decay}: give a finite number that is not negative."
        )
    exact = spec.exact()
    check_spec(exact, params)
    check_finite(force, "the noise force")
    lengths = leg_products(exact, *[cast(params, torch.float64)] * 2)
    if {name: rows.shape for name, rows in force.items()} != {
        name: rows.shape for name, rows in lengths.items()
    }:
        raise SymgeomError(
            f"Cannot use a noise force of groups { ({name: tuple(rows.shape) for name, rows in force.items()}) } with a spec of "
            f"{ ({name: tuple(rows.shape) for name, rows in lengths.items()}) } (legs, units): compute it with this spec."
        )
    return {
        name: _roots(leg_powers(exact, name).flatten(), force[name], decay * rows)
        for name, rows in lengths.items()
    }


def _roots(powers: Tensor, variances: Tensor, decays: Tensor) -> Tensor:
    """Root of the drift for every unit; rows of ``variances`` and ``decays`` are legs."""
    positive, negative = powers > 0, powers < 0
    if (powers.abs() == 1).all():
        rising = variances[positive].sum(0) + decays[negative].sum(0)
        falling = variances[negative].sum(0) + decays[positive].sum(0)
        return (rising.log() - falling.log()) / 4
    # Terms that raise the charge fall as exp(-rate * lambda), those that lower it grow so.
    size = powers.abs().unsqueeze(1).to(variances)
    rates = torch.cat([2 * powers, -2 * powers]).tolist()
    amounts = torch.cat([size * variances, size * decays])
    return torch.tensor(
        [_root(rates, column.tolist()) for column in amounts.T], dtype=torch.float64
    )


def _root(rates: list[float], amounts: list[float]) -> float:
    """Root of ``sum of sign(rate) * amount * exp(-rate * x)``, by its logarithm, which cannot overflow."""
    rising, falling = (
        [(math.log(a), -r) for r, a in zip(rates, amounts, strict=True) if a > 0 and r * s > 0]
        for s in (1, -1)
    )
    if not (rising and falling):
        return math.inf if rising else -math.inf if falling else math.nan

    def total(terms: list[tuple[float, float]], x: float) -> float:
        exponents = [level + slope * x for level, slope in terms]
        return max(exponents) + math.log(sum(math.exp(e - max(exponents)) for e in exponents))

    def imbalance(x: float) -> float:
        return total(rising, x) - total(falling, x)

    reach = 1.0
    while imbalance(-reach) < 0 or imbalance(reach) > 0:
        reach *= 2
    return brentq(imbalance, -reach, reach, xtol=1e-14, rtol=1e-15)


def _sample_moments(
    problem: Problem, params: Parameters
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Mean and mean square of the sample gradients, entry by entry."""
    mean, square = {}, {}
    for gradients in problem.sample_gradients(params):
        for name, rows in gradients.items():
            mean[name] = mean.get(name, 0) + rows.sum(0)
            square[name] = square.get(name, 0) + rows.square_().sum(0)
    count = len(problem.targets)
    return {name: x / count for name, x in mean.items()}, {
        name: x / count for name, x in square.items()
    }


def _linear_moments(
    problem: Problem, params: Parameters
) -> tuple[dict[str, Tensor], dict[str, Tensor]] | None:
    """As :func:`_sample_moments`, from outer products; None if the network is more than linear layers used once per sample."""
    layers = {
        name: layer for name, layer in problem.module.named_modules() if type(layer) is nn.Linear
    }
    names = [
        _tensor(layer, kind) for layer in layers for kind, _ in layers[layer].named_parameters()
    ]
    if set(names) != {name for name, _ in problem.module.named_parameters()}:
        return None
    mean, square = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for part in zip(
        problem.inputs.split(problem.chunk), problem.targets.split(problem.chunk), strict=True
    ):
        factors = _outer_factors(problem, layers, params, part)
        if factors is None:
            return None
        for layer, (delta, activation) in factors.items():
            ones = torch.ones(len(delta), 1, dtype=delta.dtype, device=delta.device)
            for kind, right in (("weight", activation), ("bias", ones)):
                name = _tensor(layer, kind)
                if name in names:
                    mean[name] = mean[name] + (delta.T @ right).view_as(params[name])
                    square[name] = square[name] + (delta.square().T @ right.square()).view_as(
                        params[name]
                    )
    count = len(problem.targets)
    return {name: x / count for name, x in mean.items()}, {
        name: x / count for name, x in square.items()
    }


def _outer_factors(
    problem: Problem, layers: dict[str, nn.Linear], params: Parameters, part: tuple[Tensor, Tensor]
) -> dict[str, tuple[Tensor, Tensor]] | None:
    """Gradient at each layer's output and its input, shapes (sample, d); None unless their product is the weight's gradient."""
    inputs, targets = part
    trainable = {name for name, _ in problem.module.named_parameters()}
    theta = {
        name: tensor.detach().requires_grad_(name in trainable) for name, tensor in params.items()
    }
    calls: list[tuple[str, Tensor, Tensor]] = []
    hooks = [
        layer.register_forward_hook(
            lambda _, given, output, name=name: calls.append((name, given[0], output))
        )
        for name, layer in layers.items()
    ]
    try:
        with torch.enable_grad():
            loss = problem.sample_loss(
                functional_call(problem.module, theta, (inputs,)), targets
            ).sum()
    finally:
        for hook in hooks:
            hook.remove()
    flat = all(given.ndim == 2 and len(given) == len(inputs) for _, given, _ in calls)
    if not flat or sorted(name for name, _, _ in calls) != sorted(layers):
        return None
    weights = [theta[_tensor(name, "weight")] for name, _, _ in calls]
    slopes = torch.autograd.grad(loss, [output for _, _, output in calls] + weights)
    factors = {
        name: (slope, given.detach())
        for (name, given, _), slope in zip(calls, slopes, strict=False)
    }
    for (delta, activation), expected in zip(factors.values(), slopes[len(calls) :], strict=True):
        # An activation that overwrites its input, or a weight that is used elsewhere too, is found here.
        if not torch.allclose(
            delta.T @ activation, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max())
        ):
            return None
    return factors


def _tensor(layer: str, kind: str) -> str:
    return f"{layer}.{kind}" if layer else kind
