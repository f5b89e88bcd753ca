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
from symgeom.landscape.flatness.local_energies import LocalEnergy, check_draws
from symgeom.landscape.flatness.parts import all_finite
from symgeom.landscape.problem import Problem


@dataclass(frozen=True)
class Flips:
    """The noise of binary weights.

    In the record of a local energy it stands where networks of real weights have a
    :class:`~symgeom.landscape.flatness.noise.Noise`.

    Attributes
    ----------
    kind : str
        Its name.
    """

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
        If no tensor is binary, a probability is not one, or there are fewer than two draws.

    Examples
    --------
    >>> from symgeom.landscape.binary.layers import BinaryLinear
    >>> problem = Problem(BinaryLinear(1, 2), torch.ones(1, 1), torch.tensor([1]))
    >>> network = {"weight": torch.tensor([[-0.3], [0.3]])}
    >>> options = {"draws": 2, "generator": torch.Generator().manual_seed(0)}
    >>> flip_energy(problem, network, probabilities=[0.0, 1.0], **options).error_increase
    tensor([0., 1.], dtype=torch.float64)
    """
    check_draws(draws)
    share = torch.as_tensor(probabilities, dtype=torch.float64)
    if not ((share >= 0) & (share <= 1)).all():
        raise SymgeomError(
            f"Cannot flip weights with probabilities {share.tolist()}: give numbers from 0 to 1."
        )
    signs = {name: sign(params[name]) for name in binary_tensors(problem.module)}
    after = torch.empty(draws, len(share), 2, dtype=torch.float64)
    for row in range(draws):
        numbers = _uniform(signs, generator)
        for column, probability in enumerate(share.tolist()):
            flipped = _flipped(signs, numbers, probability)
            after[row, column] = _loss_and_error(problem, {**params, **flipped})
    increase = after - _loss_and_error(problem, params)
    if not all_finite(params):  # the signs of what diverged would look like a network
        increase = torch.full_like(increase, torch.nan)
    mean = increase.mean(0)
    return LocalEnergy(
        amplitude=share,
        error_increase=mean[:, 1],
        standard_error=increase[..., 1].std(0) / draws**0.5,
        loss_increase=mean[:, 0],
        noise=Flips(),
        draws=draws,
        tensors=tuple(signs),
        batch_norm=problem.batch_norm,
    )


def _uniform(signs: Parameters, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw a number between 0 and 1 for every weight."""
    numbers = {}
    for name, tensor in signs.items():
        numbers[name] = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
    return numbers


def _flipped(signs: Parameters, numbers: Parameters, probability: float) -> dict[str, Tensor]:
    """Flip the weights whose number is below the probability."""
    flipped = {}
    for name, tensor in signs.items():
        flips = (numbers[name] < probability).to(tensor.device)
        flipped[name] = torch.where(flips, -tensor, tensor)
    return flipped


def _loss_and_error(problem: Problem, params: Parameters) -> Tensor:
    loss, error = problem.loss_and_error(params)
    return torch.stack([loss.double(), error.double()]).cpu()
