"""Trace and largest eigenvalue of the curvature on the torus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.options import PROBES, TOLERANCE
from symgeom.landscape.flatness.measures.record import Array, Context, Measure, Randomness, Row

if TYPE_CHECKING:
    from torch import Tensor

EIGENVALUE = "torus_eigenvalue"
TRACE = "torus_trace"
ERROR = "torus_trace_standard_error"
UNITS = "nat/rad^2"


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Measure the curvature."""
    from symgeom.landscape.flatness.curvature import Effort, torus_curvature

    options = context.options
    curvature = torus_curvature(
        context.torus,
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
    title="curvature on the torus",
    arrays=(
        Array(EIGENVALUE, UNITS, "largest curvature on the torus"),
        Array(TRACE, UNITS, "trace of the curvature on the torus"),
        Array(ERROR, UNITS, "standard error over random probes of the trace on the torus"),
    ),
    compute=compute,
    stream="torus curvature",
    options=(TOLERANCE, PROBES),
    asked_by=("probes",),
    second_derivatives=True,
    rows=(
        Row(EIGENVALUE, "eigenvalue on the torus", "curvature", True),
        Row(TRACE, "trace on the torus", "curvature", True),
    ),
)
