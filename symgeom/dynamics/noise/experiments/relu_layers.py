r"""Two layers of weights with ReLU between them, several networks side by side.

The loss of a sample is :math:`\lVert U\,\mathrm{relu}(Wx + b) + c - y\rVert^2`, as that of the
two-layer linear model; gradients are written out, because a step of automatic differentiation takes
longer than all products of such small matrices.
"""

import torch
from torch import Tensor, nn

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

INPUTS = 6
UNITS = 16
OUTPUTS = 3
TEACHER_UNITS = 4

SPEC = SymmetrySpec(
    (
        UnitGroup(
            "hidden", UNITS, (Leg("0.weight", 0), Leg("0.bias", 0), Leg("2.weight", 1, power=-1))
        ),
    )
)
"""The symmetries of the network: a charge for every hidden unit."""


def network() -> nn.Sequential:
    """Return the network as a module, in float64."""
    layers = (nn.Linear(INPUTS, UNITS), nn.ReLU(), nn.Linear(UNITS, OUTPUTS))
    return nn.Sequential(*layers).double()


def starts(draws: int, *names: str) -> dict[str, Tensor]:
    """Draw networks of normal weights.

    Parameters
    ----------
    draws : int
        How many.
    *names : str
        Of the random stream.

    Returns
    -------
    dict of str to Tensor
        Stacked.
    """
    generator = stream("relu layers", *names)
    networks = []
    for _ in range(draws):
        params = {}
        for name, tensor in parameters(network()).items():
            draw = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            params[name] = draw / max(1, tensor.shape[-1]) ** 0.5
        networks.append(params)
    return stack(networks)


def unbalanced(params: Parameters, factor: float) -> dict[str, Tensor]:
    """Scale all hidden units alike, which changes no output.

    Parameters
    ----------
    params : Parameters
        Stacked networks.
    factor : float
        Of the incoming weights.

    Returns
    -------
    dict of str to Tensor
        Stacked.
    """
    incoming = {name: factor * params[name] for name in ("0.weight", "0.bias")}
    return {**params, **incoming, "2.weight": params["2.weight"] / factor}


def labels(inputs: Tensor, noise: float, *names: str) -> Tensor:
    """Return what a smaller network says of some inputs, with noise.

    Parameters
    ----------
    inputs : Tensor, shape (draw, sample, input)
        The inputs.
    noise : float
        Standard deviation of the noise.
    *names : str
        Of the random stream.

    Returns
    -------
    Tensor, shape (draw, sample, output)
        The labels; the network is the same for every noise.
    """
    generator = stream("relu labels", *names)
    draws = len(inputs)
    first = torch.randn(draws, TEACHER_UNITS, INPUTS, generator=generator, dtype=torch.float64)
    second = torch.randn(draws, OUTPUTS, TEACHER_UNITS, generator=generator, dtype=torch.float64)
    hidden = torch.relu(inputs @ first.mT / INPUTS**0.5)
    clean = hidden @ second.mT / TEACHER_UNITS**0.5
    return clean + noise * torch.randn(clean.shape, generator=generator, dtype=torch.float64)


def gradients(params: Parameters, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Return the gradients of the mean loss of stacked networks.

    Parameters
    ----------
    params : Parameters
        Stacked networks.
    inputs : Tensor, shape (member, sample, input)
        The mini-batch of every network.
    targets : Tensor, shape (member, sample, output)
        Its labels.

    Returns
    -------
    dict of str to Tensor
        Stacked.
    """
    outgoing = params["2.weight"]
    potential = torch.baddbmm(params["0.bias"][:, None], inputs, params["0.weight"].mT)
    hidden = potential.relu()
    outputs = torch.baddbmm(params["2.bias"][:, None], hidden, outgoing.mT)
    slopes = (outputs - targets) * (2 / inputs.shape[1])
    below = (slopes @ outgoing) * (potential > 0)
    return {
        "0.weight": below.mT @ inputs,
        "0.bias": below.sum(1),
        "2.weight": slopes.mT @ hidden,
        "2.bias": slopes.sum(1),
    }


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error of every sample, summed over outputs."""
    return (outputs - targets).square().sum(-1)


def landscape(inputs: Tensor, targets: Tensor) -> Problem:
    """Return the landscape of one network."""
    return Problem(network(), inputs, targets, squared_error)
