"""Discover the symmetry groups of a case's network, and certify them before use."""

from copy import deepcopy

import torch
from torch import nn

from symgeom.ground.modules import in_mode
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.study.cases import Case
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import SymmetrySpec

SAMPLES = 64
"""Training samples on which a certificate compares the outputs."""


def measure(case: Case) -> tuple[SymmetrySpec, SymmetrySpec]:
    """Discover the symmetries of a case.

    Parameters
    ----------
    case : Case
        The case.

    Returns
    -------
    measured, trained : SymmetrySpec
        Those of the network as it is measured, and as it is trained.

    Raises
    ------
    SymgeomError
        If an operation of the network is unknown, or a symmetry is not one.
    """
    samples = case.problems("float64", samples=SAMPLES)["train"].inputs.cpu()
    inputs = case.without_ties(samples)
    return _certified(case.measured, inputs), _certified(case.trained, inputs)


def with_matrices(case: Case, spec: SymmetrySpec) -> SymmetrySpec:
    """Return the symmetries of a network as measured, with the matrices within its heads.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        Its symmetries with permutations of heads.

    Returns
    -------
    SymmetrySpec
        The same, if no units without a scale own several entries in a row, as heads do.
    """
    for group in spec.groups:
        in_blocks = any(leg.block > 1 for leg in group.legs)
        if group.permute and group.scale == "none" and in_blocks:
            samples = case.problems("float64", samples=SAMPLES)["train"].inputs.cpu()
            return _certified(case.measured, samples, within_heads=True)
    return spec


def _certified(
    module: nn.Module, inputs: torch.Tensor, *, within_heads: bool = False
) -> SymmetrySpec:
    module = in_mode(deepcopy(module).to("cpu", torch.float64), training=False)
    spec = discover(module, inputs[:2], within_heads=within_heads)
    generator = stream("certificate", "architecture")
    proof = certify(spec, module, parameters(module), inputs=inputs, generator=generator)
    proof.require()
    return spec
