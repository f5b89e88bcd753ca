"""Trace and largest eigenvalue of the curvature under changes in proportion to each weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.options import PROBES, TOLERANCE
from symgeom.landscape.flatness.measures.record import Array, Context, Measure, Randomness, Row

if TYPE_CHECKING:
    from torch import Tensor

EIGENVALUE = "relative_eigenvalue"
TRACE = "relative_trace"
ERROR = "relative_trace_standard_error"
CHANGES = "under changes in proportion to each weight"


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the curvature."""
    from symgeom.landscape.flatness.curvature import Effort, relative_curvature

    options = context.options
    curvature = relative_curvature(
        context.problem,
        context.params,
        effort=Effort(1, options["eigenvalue_tolerance"], options["probes"]),
        generator=random(),
    )
    return {
        EIGENVALUE: curvature.eigenvalues.values[0],
        TRACE: curvature.trace.trace,
        ERROR: curvature.trace.standard_error,
    }


MEASURE = Measure(
    TRACE,
    title=f"curvature {CHANGES}",
    arrays=(
        Array(EIGENVALUE, "nat", f"largest curvature {CHANGES}"),
        Array(TRACE, "nat", f"trace of the curvature {CHANGES}"),
        Array(ERROR, "nat", "standard error over random probes of the relative trace"),
    ),
    compute=compute,
    stream="relative curvature",
    options=(TOLERANCE, PROBES),
    asked_by=("probes",),
    second_derivatives=True,
    rows=(
        Row(EIGENVALUE, "relative eigenvalue", "curvature", True),
        Row(TRACE, "relative trace", "curvature", True),
    ),
)
