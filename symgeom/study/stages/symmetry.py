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


def _certified(module: nn.Module, inputs: torch.Tensor) -> SymmetrySpec:
    module = in_mode(deepcopy(module).to("cpu", torch.float64), training=False)
    spec = discover(module, inputs[:2])
    generator = stream("certificate", "architecture")
    proof = certify(spec, module, parameters(module), inputs=inputs, generator=generator)
    proof.require()
    return spec
