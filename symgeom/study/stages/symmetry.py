"""Discover the symmetry groups of a case's network, and certify them before use."""

from symgeom.study.cases import Case
from symgeom.study.symmetries import SAMPLES, certified_symmetries
from symgeom.symmetry.spec import SymmetrySpec


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
    measured = certified_symmetries(case.measured, inputs)
    return measured, certified_symmetries(case.trained, inputs)
