r"""The curvature as a force: what leads to the flattest network of an orbit, matrices included.

The Gauss-Newton matrix of the cross entropy is the second moment of sample gradients whose labels
are drawn from the network's own probabilities. Along an orbit it therefore does what the covariance
of the sample gradients does, and the algorithm that finds the noise equilibrium finds the network
with the smallest trace.
"""

from dataclasses import replace

import torch
from torch import Tensor

from symgeom.dynamics.noise.force import NoiseForce
from symgeom.dynamics.noise.matrices import MatrixSums, no_matrix_force
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.diagonal import blocks_of_all_labels
from symgeom.landscape.problem import Problem
from symgeom.symmetry.spec import SymmetrySpec


def curvature_force(spec: SymmetrySpec, problem: Problem, params: Parameters) -> NoiseForce:
    """Return the Gauss-Newton matrix as the variance of a force.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move; all of their legs train.
    problem : Problem
        The landscape, in any precision.
    params : Parameters
        One network, in float64 (not under ``vmap``).

    Returns
    -------
    NoiseForce
        Its entries are the diagonal, its matrices the blocks of units that matrices mix.

    Raises
    ------
    SymgeomError
        If the loss is not the cross entropy of classes.

    Examples
    --------
    >>> from torch import nn
    >>> inputs = torch.tensor([[2.0]]).double()
    >>> problem = Problem(nn.Linear(1, 2).double(), inputs, torch.tensor([0]))
    >>> params = {"weight": torch.zeros(2, 1).double(), "bias": torch.zeros(2).double()}
    >>> force = curvature_force(SymmetrySpec(()), problem, params)
    >>> force.entries["weight"].flatten()  # x**2 * p * (1 - p)
    tensor([1.0000, 1.0000], dtype=torch.float64)
    """
    samples = len(problem.targets)
    nothing = {name: torch.zeros_like(tensor) for name, tensor in params.items()}
    sums = MatrixSums(spec, params, nothing)
    entries: dict[str, Tensor] = {}
    labelled = 0
    for block in blocks_of_all_labels(problem, params):
        sums.add(block)
        labelled += block.samples
        for name in block.parts:
            square = block.total_square(name) / samples
            entries[name] = entries[name] + square if name in entries else square
    of_matrices = sums.force()
    covariance = {}
    for name, legs in of_matrices.covariance.items():
        covariance[name] = tuple(labelled / samples * matrices for matrices in legs)
    return NoiseForce(
        variance={},
        drift={},
        without_block={},
        entries=entries,
        samples=samples,
        heaviest=torch.nan,
        matrices=replace(of_matrices, covariance=covariance),
    )


def no_force(spec: SymmetrySpec, params: Parameters) -> NoiseForce:
    """Return a force that pushes nothing: with decay, it leads to the shortest network.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move.
    params : Parameters
        One network.

    Returns
    -------
    NoiseForce
        Zeros.

    Examples
    --------
    >>> no_force(SymmetrySpec(()), {"weight": torch.ones(1)}).entries
    {'weight': tensor([0.], dtype=torch.float64)}
    """
    entries = {}
    for name, tensor in params.items():
        entries[name] = torch.zeros_like(tensor, dtype=torch.float64)
    return NoiseForce(
        variance={},
        drift={},
        without_block={},
        entries=entries,
        samples=0,
        heaviest=torch.nan,
        matrices=no_matrix_force(spec, params),
    )
