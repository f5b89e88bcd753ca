"""The symmetries of a case's networks, certified before use."""

from copy import deepcopy

from torch import Tensor, nn

from symgeom.ground.modules import in_mode
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.study.cases import Case
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import SymmetrySpec

SAMPLES = 64
"""Training samples on which a certificate compares the outputs."""


def certified_symmetries(
    module: nn.Module, inputs: Tensor, *, within_heads: bool = False
) -> SymmetrySpec:
    """Discover the symmetries of a network, and certify them at its weights.

    Parameters
    ----------
    module : nn.Module
        The network; not modified.
    inputs : Tensor, shape (sample, ...)
        Samples on which outputs are compared.
    within_heads : bool
        Whether matrices within the heads of attention stand in the place of their permutations.

    Returns
    -------
    SymmetrySpec
        The symmetries.

    Raises
    ------
    SymgeomError
        If a symmetry is not one.
    """
    module = in_mode(deepcopy(module).to("cpu").double(), training=False)
    spec = discover(module, inputs[:2], within_heads=within_heads)
    generator = stream("certificate", "architecture")
    proof = certify(spec, module, parameters(module), inputs=inputs, generator=generator)
    proof.require()
    return spec


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
            return certified_symmetries(case.measured, samples, within_heads=True)
    return spec
