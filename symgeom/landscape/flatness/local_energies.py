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
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.hessian import trainable
from symgeom.landscape.flatness.noise import Noise
from symgeom.landscape.problem import Problem


@dataclass(frozen=True, eq=False)
class LocalEnergy:
    """The local energy of one network as a function of the amplitude of the noise; NaN for a network that diverged.

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
    noise : Noise
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
    noise: Noise
    draws: int
    tensors: tuple[str, ...]
    batch_norm: str | None


@torch.no_grad()
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
        If the kind of noise is unknown or lacks its spec, a tensor is not known, or there are fewer
        than two draws.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> network = {"weight": torch.tensor([[0.0], [1.0]])}
    >>> local_energy(problem, network, amplitudes=[0.0, 0.1], draws=3, generator=torch.Generator().manual_seed(0)).error_increase
    tensor([0., 0.], dtype=torch.float64)
    """
    noise = noise if isinstance(noise, Noise) else Noise(noise)
    if draws < 2:
        raise SymgeomError(
            f"Cannot estimate a local energy from {draws} draws: its standard error needs at least 2."
        )
    amplitude, names = (
        torch.as_tensor(amplitudes, dtype=torch.float64),
        trainable(problem, params, tensors=noise.tensors),
    )
    values = torch.full((draws, len(amplitude), 2), torch.nan, dtype=torch.float64)
    if all(tensor.isfinite().all() for tensor in params.values()):
        start = noise.start(params)
        draw, before = noise.around(start, names), _loss_and_error(problem, start)
        for place in range(draws):
            displaced = draw(generator)
            for index, sigma in enumerate(amplitude.tolist()):
                values[place, index] = _loss_and_error(problem, displaced(sigma)) - before
    loss, error = values.mean(0).unbind(-1)
    spread = values[..., 1].std(0) / draws**0.5
    return LocalEnergy(
        amplitude, error, spread, loss, noise, draws, tuple(names), problem.batch_norm
    )


def _loss_and_error(problem: Problem, params: Parameters) -> Tensor:
    """Loss and error, both NaN where the outputs are: a network that predicts no class has no error."""
    loss, error = (value.double().cpu() for value in problem.loss_and_error(params))
    return torch.stack([loss, torch.where(loss.isnan(), loss, error)])
