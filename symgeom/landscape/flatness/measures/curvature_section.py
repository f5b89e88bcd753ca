"""What the stage ``curvature`` measures: Hessian spectra, and worst-case sharpness."""

from symgeom.landscape.flatness.measures import (
    eigenvalue_density,
    euclidean_ball,
    layer_trace,
    leading_eigenvalues,
    plain_trace,
    relative_ball,
    relative_trace,
    torus_trace,
)
from symgeom.landscape.flatness.measures.options import SAMPLES
from symgeom.landscape.flatness.measures.record import Option
from symgeom.landscape.flatness.measures.section import Section

MEASURES = (
    euclidean_ball.MEASURE,
    relative_ball.MEASURE,
    leading_eigenvalues.MEASURE,
    plain_trace.MEASURE,
    relative_trace.MEASURE,
    torus_trace.MEASURE,
    layer_trace.MEASURE,
    eigenvalue_density.MEASURE,
)
"""In the order in which they are taken, and listed where they cannot be."""

CURVATURE = Section(
    "curvature",
    MEASURES,
    shared=(
        Option(
            "samples", SAMPLES, "training samples on which the loss is curved (always in float64)"
        ),
    ),
    meaning="the Hessian at every minimum, and worst-case sharpness",
)
