"""The largest eigenvalues of the Hessian, with their residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.options import TOLERANCE
from symgeom.landscape.flatness.measures.record import (
    Array,
    Context,
    Measure,
    Option,
    Randomness,
    Row,
)

if TYPE_CHECKING:
    from torch import Tensor

NAME = "eigenvalue"
RESIDUAL = "eigenvalue_residual"
UNITS = "nat/weight^2"
DIMS = ("rank",)
EIGENVALUES = Option(
    "eigenvalues",
    {"type": "integer", "minimum": 1, "maximum": 1000},
    "how many of the largest Hessian eigenvalues to find",
)


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Find the eigenvalues."""
    from symgeom.landscape.flatness.hessian import hessian_eigenvalues

    eigenvalues = hessian_eigenvalues(
        context.problem,
        context.params,
        count=context.options["eigenvalues"],
        tolerance=context.options["eigenvalue_tolerance"],
        generator=random(),
    )
    return {NAME: eigenvalues.values, RESIDUAL: eigenvalues.residuals}


MEASURE = Measure(
    NAME,
    title="largest eigenvalues of the Hessian",
    arrays=(
        Array(NAME, UNITS, "largest eigenvalues of the Hessian of the training loss", DIMS),
        Array(RESIDUAL, UNITS, "residual of the eigenvalue", DIMS),
    ),
    compute=compute,
    stream="lanczos",
    options=(EIGENVALUES, TOLERANCE),
    second_derivatives=True,
    rows=(Row(NAME, "Hessian eigenvalue", "curvature", False),),
)
