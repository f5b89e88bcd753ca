"""The trace of the Hessian, with its standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.options import PROBES
from symgeom.landscape.flatness.measures.record import Array, Context, Measure, Randomness, Row

if TYPE_CHECKING:
    from torch import Tensor

NAME = "trace"
ERROR = "trace_standard_error"
UNITS = "nat/weight^2"


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Estimate the trace."""
    from symgeom.landscape.flatness.trace import hessian_trace

    estimate = hessian_trace(
        context.problem,
        context.params,
        probes=context.options["probes"],
        generator=random(),
    )
    return {NAME: estimate.trace, ERROR: estimate.standard_error}


MEASURE = Measure(
    NAME,
    title="trace of the Hessian",
    arrays=(
        Array(NAME, UNITS, "trace of the Hessian"),
        Array(ERROR, UNITS, "standard error over random probes of the trace"),
    ),
    compute=compute,
    stream="trace",
    options=(PROBES,),
    asked_by=("probes",),
    second_derivatives=True,
    rows=(Row(NAME, "Hessian trace", "curvature", False),),
)
