r"""The local energy of binary networks: how many samples are lost when weights flip.

.. math:: \delta E(p) = \mathbb E_z\,E(w \odot z) - E(w), \qquad
          z_i = -1 \text{ with probability } p, \text{ else } 1,

with the error :math:`E`. A flip is a multiplication by -1, so that signs and permutations of units
leave the local energy as it is. The flips of a draw at a small probability are among those at a
larger one, which makes curves smooth (common random numbers); two networks that are given equal
generators have the same flips.

References
----------
Lucibello et al., "Deep learning via message passing algorithms based on belief propagation"
(2110.14583), appendix B.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.binary.layers import sign
from symgeom.landscape.binary.weights import binary_tensors
from symgeom.landscape.flatness.local_energies import LocalEnergy
from symgeom.landscape.problem import Problem


@dataclass(frozen=True)
class Flips:
    """The noise of binary weights, in the record of a local energy."""

    kind: str = "flips"


@torch.no_grad()
def flip_energy(
    problem: Problem,
    params: Parameters,
    *,
    probabilities: Sequence[float] | Tensor,
    draws: int,
    generator: torch.Generator,
) -> LocalEnergy:
    """Measure the local energy of a binary network.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network, latent or binary, in the precision of the problem. Real tensors beside the
        binary ones stay as they are.
    probabilities : sequence of float
        Shares of the weights that flip, between 0 and 1.
    draws : int
        Draws of the flips, at least 2.
    generator : torch.Generator
        The source of the flips.

    Returns
    -------
    LocalEnergy
        Means over the draws and their standard errors; the amplitude is the probability of a flip,
        the noise :class:`Flips`.

    Raises
    ------
    SymgeomError
        If no tensor is binary, a probability is none, or there are fewer than two draws.

    Examples
    --------
    >>> from symgeom.landscape.binary.layers import BinaryLinear
    >>> problem = Problem(BinaryLinear(1, 2), torch.ones(1, 1), torch.tensor([1]))
    >>> network = {"weight": torch.tensor([[-0.3], [0.3]])}
    >>> options = {"draws": 2, "generator": torch.Generator().manual_seed(0)}
    >>> flip_energy(problem, network, probabilities=[0.0, 1.0], **options).error_increase
    tensor([0., 1.], dtype=torch.float64)
    """
    if draws < 2:
        raise SymgeomError(
            f"Cannot estimate a local energy from {draws} draws: "
            "its standard error needs at least 2."
        )
    shares = torch.as_tensor(probabilities, dtype=torch.float64)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise SymgeomError(
            f"Cannot flip weights with probabilities {shares.tolist()}: give numbers from 0 to 1."
        )
    binary = {name: sign(params[name]) for name in binary_tensors(problem.module)}
    values = torch.empty(draws, len(shares), 2, dtype=torch.float64)
    for draw in range(draws):
        chances = _chances(binary, generator)
        for index, probability in enumerate(shares.tolist()):
            flipped = _flipped(binary, chances, probability)
            values[draw, index] = _loss_and_error(problem, {**params, **flipped})
    increase = values - _loss_and_error(problem, params)
    # The signs of what diverged would look like a network.
    if not all(tensor.isfinite().all() for tensor in params.values()):
        increase = torch.full_like(increase, torch.nan)
    loss_increase, error_increase = increase.mean(0).unbind(-1)
    return LocalEnergy(
        amplitude=shares,
        error_increase=error_increase,
        standard_error=increase[..., 1].std(0) / draws**0.5,
        loss_increase=loss_increase,
        noise=Flips(),
        draws=draws,
        tensors=tuple(binary),
        batch_norm=problem.batch_norm,
    )


def _chances(binary: Parameters, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw a number between 0 and 1 for every weight: it flips at all larger probabilities."""
    chances = {}
    for name, tensor in binary.items():
        drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
        chances[name] = drawn
    return chances


def _flipped(binary: Parameters, chances: Parameters, probability: float) -> dict[str, Tensor]:
    """Return the binary tensors with the weights flipped whose chance is below a probability."""
    flipped = {}
    for name, tensor in binary.items():
        flips = (chances[name] < probability).to(tensor.device)
        flipped[name] = torch.where(flips, -tensor, tensor)
    return flipped


def _loss_and_error(problem: Problem, params: Parameters) -> Tensor:
    loss, error = problem.loss_and_error(params)
    return torch.stack([loss.double(), error.double()]).cpu()
