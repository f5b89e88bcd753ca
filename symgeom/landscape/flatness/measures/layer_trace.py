"""The trace of each layer's block of the Hessian."""

from __future__ import annotations

from symgeom.landscape.flatness.measures.options import PROBES, SWITCH
from symgeom.landscape.flatness.measures.record import (
    Array,
    Context,
    Measure,
    Option,
    Panel,
    Randomness,
)

NAME = "layer_trace"
LAYERS = Option("layers", SWITCH, "whether to estimate the trace of each layer's block, too")


def compute(context: Context, random: Randomness) -> dict[str, list[float]]:
    """Estimate the trace of each layer's block."""
    from symgeom.landscape.flatness.parts import layers
    from symgeom.landscape.flatness.trace import hessian_trace

    traces = []
    for layer, tensors in layers(context.problem, context.params).items():
        estimate = hessian_trace(
            context.problem,
            context.params,
            probes=context.options["probes"],
            tensors=tensors,
            generator=random(layer),
        )
        traces.append(float(estimate.trace))
    return {NAME: traces}


MEASURE = Measure(
    NAME,
    title="trace of each layer's block of the Hessian",
    arrays=(Array(NAME, "nat/weight^2", "trace of the Hessian of one layer", ("layer",)),),
    compute=compute,
    stream="layer trace",
    options=(PROBES, LAYERS),
    asked_by=("probes", "layers"),
    second_derivatives=True,
    panel=Panel(NAME, "one layer's block of the Hessian", "trace (nats/weight²)", "logarithmic"),
)
