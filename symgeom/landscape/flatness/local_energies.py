r"""Local energy: how many training samples are lost when the weights are perturbed.

.. math:: \delta E(\sigma) = \mathbb E_z\,E(w + \sigma\, z\odot w) - E(w), \qquad z_i \sim N(0, 1),

with the error :math:`E`, not the loss. The noise is *multiplicative*: each weight moves in
proportion to its size. Elementwise multiplication commutes with every diagonal rescaling, so the
local energy is a property of the function and not of the chosen representative: it is the same
before and after :func:`~symgeom.quotient.gauge.canonicalise`. Noise on the *torus* is invariant
because it acts on the canonical representative; raw *additive* noise :math:`w + \sigma z` is not,
and is there to show it (:mod:`symgeom.landscape.flatness.noise`).

Every draw of the noise is used at all amplitudes, which makes curves over the amplitude smooth and
the comparison of amplitudes sharp (common random numbers); so are the draws of two networks that
are given equal generators.

References
----------
Pittorino et al., "Entropic gradient descent algorithms and wide flat minima" (2006.07897): the
local energy with multiplicative noise. Dinh et al., "Sharp minima can generalize for deep nets"
(1703.04933): why additive noise measures the representative.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.hessian import trainable
from symgeom.landscape.flatness.noise import KindOfNoise, Noise
from symgeom.landscape.flatness.parts import all_finite
from symgeom.landscape.problem import Problem


@dataclass(frozen=True, eq=False)
class LocalEnergy:
    """The local energy of one network as a function of the amplitude of the noise.

    It is NaN for a network that diverged.

    Attributes
    ----------
    amplitude : Tensor, shape (amplitude,)
        Standard deviation of the noise: relative to each weight (multiplicative) or unit (torus),
        or in units of the weights (additive).
    error_increase : Tensor, shape (amplitude,)
        Mean increase of the error (fraction of the samples) over the draws, in float64.
    standard_error : Tensor, shape (amplitude,)
        Standard error of that mean; errors at different amplitudes are correlated, because the
        draws are shared.
    loss_increase : Tensor, shape (amplitude,)
        Mean increase of the loss.
    noise : Noise or Flips
        Kind of the noise, with its conventions.
    draws : int
        Number of draws.
    tensors : tuple of str
        The tensors that were perturbed.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms of the networks used; None without batch norm.
    """

    amplitude: Tensor
    error_increase: Tensor
    standard_error: Tensor
    loss_increase: Tensor
    noise: KindOfNoise
    draws: int
    tensors: tuple[str, ...]
    batch_norm: str | None


@torch.no_grad()
@door
def local_energy(
    problem: Problem,
    params: Parameters,
    *,
    amplitudes: Sequence[float] | Tensor,
    draws: int,
    generator: torch.Generator,
    noise: Noise | str = "multiplicative",
) -> LocalEnergy:
    """Measure the local energy of a network.

    Parameters
    ----------
    problem : Problem
        The landscape. Evaluation is in its precision: float32 is enough, float64 makes the
        invariance exact to the last sample.
    params : Parameters
        One network in the precision of the problem. Weights and biases are perturbed, buffers are
        not.
    amplitudes : sequence of float
        Standard deviations of the noise.
    draws : int
        Draws of the noise, at least 2.
    generator : torch.Generator
        The source of the noise.
    noise : Noise or str
        The noise; its kind is enough where it needs no spec and moves all trainable tensors.

    Returns
    -------
    LocalEnergy
        Means over the draws and their standard errors.

    Raises
    ------
    SymgeomError
        If the kind of noise is unknown or lacks its spec, a tensor is not known, there are fewer
        than two draws, or an amplitude is negative, not finite, or stands twice.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> network = {"weight": torch.tensor([[0.0], [1.0]])}
    >>> options = {"draws": 3, "generator": torch.Generator().manual_seed(0)}
    >>> local_energy(problem, network, amplitudes=[0.0, 0.1], **options).error_increase
    tensor([0., 0.], dtype=torch.float64)
    """
    if isinstance(noise, str):
        noise = Noise(noise)
    check_draws(draws)
    names = trainable(problem, params, tensors=noise.tensors)
    amplitude = _amplitudes(amplitudes)
    increase = torch.full((draws, len(amplitude), 2), torch.nan, dtype=torch.float64)
    if all_finite(params):
        start = noise.start(params)
        draw = noise.around(start, names)
        before = _loss_and_error(problem, start)
        for row in range(draws):
            displaced = draw(generator)
            for column, sigma in enumerate(amplitude.tolist()):
                increase[row, column] = _loss_and_error(problem, displaced(sigma)) - before
    mean = increase.mean(0)
    return LocalEnergy(
        amplitude=amplitude,
        error_increase=mean[:, 1],
        standard_error=increase[..., 1].std(0) / draws**0.5,
        loss_increase=mean[:, 0],
        noise=noise,
        draws=draws,
        tensors=tuple(names),
        batch_norm=problem.batch_norm,
    )


def check_draws(draws: int, what: str = "a local energy") -> None:
    """Raise unless there are enough draws for a standard error.

    Parameters
    ----------
    draws : int
        Random draws.
    what : str
        What is estimated from them, for the message.

    Raises
    ------
    SymgeomError
        If there are fewer than two.

    Examples
    --------
    >>> check_draws(2)
    """
    if draws < 2:
        raise SymgeomError(
            f"Cannot estimate {what} from {draws} draws: its standard error needs at least 2."
        )


def _amplitudes(amplitudes: Sequence[float] | Tensor) -> Tensor:
    """Return the amplitudes in float64, or raise if they are no different sizes of noise."""
    amplitude = torch.as_tensor(amplitudes, dtype=torch.float64)
    sizes = (amplitude >= 0) & amplitude.isfinite()
    values = amplitude.tolist()
    if amplitude.ndim != 1 or not sizes.all() or not values or len(set(values)) < len(values):
        raise SymgeomError(
            f"Cannot displace a network with amplitudes {values}: give different numbers, finite "
            "and not negative, in a list."
        )
    return amplitude


def _loss_and_error(problem: Problem, params: Parameters) -> Tensor:
    """Return loss and error; a network that predicts no class has neither, and both are NaN."""
    loss, error = problem.loss_and_error(params)
    loss = loss.double().cpu()
    error = error.double().cpu()
    return torch.stack([loss, torch.where(loss.isnan(), loss, error)])
