"""What the stage ``curvature`` measures: Hessian spectra, and worst-case sharpness.

The first imports are the list: a measure joins by one line among them.
"""

# In the order in which they are taken, and listed where they cannot be.
# isort: off
from symgeom.landscape.flatness.measures import (
    euclidean_ball as euclidean_ball,
    relative_ball as relative_ball,
    leading_eigenvalues as leading_eigenvalues,
    plain_trace as plain_trace,
    relative_trace as relative_trace,
    torus_trace as torus_trace,
    layer_trace as layer_trace,
    eigenvalue_density as eigenvalue_density,
)
# isort: on

from symgeom.landscape.flatness.measures.options import SAMPLES
from symgeom.landscape.flatness.measures.record import Option
from symgeom.landscape.flatness.measures.section import Section, measures_of

MEASURES = measures_of(dict(globals()))

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
