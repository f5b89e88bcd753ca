"""The density of the eigenvalues of the Hessian, as nodes and weights of a quadrature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.options import PROBES
from symgeom.landscape.flatness.measures.record import Array, Context, Measure, Option, Randomness

if TYPE_CHECKING:
    from torch import Tensor

NODE = "density_node"
WEIGHT = "density_weight"
DIMS = ("probe", "step")
FEWEST_PROBES = 2
STEPS = Option(
    "density_steps",
    {"type": "integer", "minimum": 0, "maximum": 10000},
    "Lanczos steps for the spectral density; 0: none",
)


def compute(context: Context, random: Randomness) -> dict[str, Tensor]:
    """Estimate the density."""
    from symgeom.landscape.flatness.density import spectral_density

    density = spectral_density(
        context.problem,
        context.params,
        probes=max(context.options["probes"], FEWEST_PROBES),
        steps=context.options["density_steps"],
        generator=random(),
    )
    return {NODE: density.nodes, WEIGHT: density.weights}


MEASURE = Measure(
    "density",
    title="spectral density of the Hessian",
    arrays=(
        Array(NODE, "nat/weight^2", "nodes of the spectral density of the Hessian", DIMS),
        Array(WEIGHT, "1", "weights of the nodes, 1 in total for each probe", DIMS),
    ),
    compute=compute,
    stream="spectral density",
    options=(PROBES, STEPS),
    asked_by=("density_steps",),
    second_derivatives=True,
)
