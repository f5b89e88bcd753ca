"""Find the symmetries of a network in hand, and prove them at the weights of a file."""

import gc
from collections.abc import Callable

from torch import Tensor, nn

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.modules import empty
from symgeom.ground.randomness import stream
from symgeom.ground.types import detached
from symgeom.ground.types import precision as precision_of
from symgeom.learning.weights.record import ReadWeights
from symgeom.study.cases import Case
from symgeom.study.in_hand.drawn_inputs import few_inputs
from symgeom.study.progress import progress
from symgeom.symmetry.certificate import Certificate, certify_in_place
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import SymmetrySpec


def proved_symmetries(
    case: Case,
    read: Callable[[], ReadWeights],
    example: Inputs,
    *,
    precision: str,
    seed: int,
) -> tuple[SymmetrySpec, Certificate]:
    """Discover the symmetries of the network as measured, and prove them at a file.

    Parameters
    ----------
    case : Case
        The network; it is given up but for its shapes, because files lend it their weights.
    read : callable
        What reads the file: nobody else has its weights, which are moved.
    example : Tensor or mapping of str to Tensor
        Inputs.
    precision : str
        Name of a floating point type of torch.
    seed : int
        Of the random elements.

    Returns
    -------
    spec : SymmetrySpec
        The symmetries.
    certificate : Certificate
        Their proof, which has passed.
    """
    with progress("find symmetries", 2) as bar:
        spec = _discovered(case.measured, example)
        empty(case.trained)
        empty(case.measured)
        gc.collect()  # what traced the network keeps a copy of it, in cycles
        bar.update()
        point = case.prepared(read().params, precision)
        certificate = _certified(case, spec, point, example, seed)
        bar.update()
    return spec, certificate


def _discovered(network: nn.Module, example: Inputs) -> SymmetrySpec:
    """Discover the symmetries of the network as measured, in the precision in which it is built."""
    dtype = precision_of(detached(dict(network.named_parameters())))
    return discover(network, few_inputs(example).in_precision(dtype))


def _certified(
    case: Case, spec: SymmetrySpec, point: dict[str, Tensor], example: Inputs, seed: int
) -> Certificate:
    """Prove the symmetries of the network as measured at weights that are given up."""
    device = next(iter(point.values())).device
    certificate = certify_in_place(
        spec,
        case.measured,
        point,
        inputs=NetworkCall.of(example).on_device(device),
        generator=stream("certificate", "files", seed),
    )
    return certificate.require()
